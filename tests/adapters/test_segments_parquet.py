import io
import subprocess
import sys
from string import hexdigits

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from seamless_lab.adapters.segments_parquet import ROW_GROUP_ROWS, ParquetSegments
from seamless_lab.core.bars import COLUMNS, SCHEMA
from seamless_lab.errors import Corrupted
from tests.engine.artifacts.making import HEADER, JANUARY, bars_of

CODEC = ParquetSegments()
NUMBERS = st.floats(width=64, allow_nan=True, allow_infinity=True)


@given(rows=st.lists(st.tuples(NUMBERS, st.none() | NUMBERS), max_size=40))
def test_frames_come_back_bit_for_bit(rows: list[tuple[float, float | None]]) -> None:
    price = [row[0] for row in rows]
    columns = dict.fromkeys(COLUMNS, price) | {"ts": list(range(len(rows))), "volume": [row[1] for row in rows]}
    frame = pl.DataFrame(columns, schema=SCHEMA)
    back = CODEC.decode(CODEC.encode(frame), path="x")
    assert_frame_equal(back, frame, check_exact=True)
    assert np.array_equal(back["close"].to_numpy().view(np.int64), frame["close"].to_numpy().view(np.int64))


def test_the_file_is_laid_out_for_both_whole_and_partial_reads() -> None:
    data = CODEC.encode(bars_of(HEADER, JANUARY).frame)
    found = pq.ParquetFile(io.BytesIO(data))
    assert [found.metadata.row_group(number).num_rows for number in range(5)] == [ROW_GROUP_ROWS] * 4 + [4_320]
    group = found.metadata.row_group(0)
    for place, name in enumerate(COLUMNS):
        column = group.column(place)
        assert (column.path_in_schema, column.compression, column.has_dictionary_page) == (name, "ZSTD", False)
    assert "DELTA_BINARY_PACKED" in group.column(0).encodings
    assert group.sorting_columns[0].column_index == 0
    assert pl.read_parquet(io.BytesIO(data)).equals(bars_of(HEADER, JANUARY).frame)


def test_frames_in_several_chunks_are_written_alike() -> None:
    frame = bars_of(HEADER, JANUARY).frame
    pieces = pl.concat([frame.slice(0, 7), frame.slice(7, 20_000), frame.slice(20_007)], rechunk=False)
    assert CODEC.encode(pieces) == CODEC.encode(frame)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "cut short", "other columns"])
def test_bytes_that_are_no_bars_are_corrupted_and_named(damage: str) -> None:
    sound = CODEC.encode(bars_of(HEADER, JANUARY).frame.head(100))
    other = io.BytesIO()
    pl.DataFrame({"ts": [1], "close": [1.0]}).write_parquet(other)
    cut = {"cut": sound[:-9], "cut short": sound[:100]}
    data = {"empty": b"", "text": b"<html>", **cut, "other columns": other.getvalue()}[damage]
    with pytest.raises(Corrupted, match=r"some/file\.parquet") as caught:
        CODEC.decode(data, path="some/file.parquet")
    assert caught.value.facts["path"] == "some/file.parquet"
    assert not (caught.value.facts.get("expected") or "").strip(hexdigits), "no bytes of the file"


def test_a_process_that_reads_and_ends_ends_well(tmp_path) -> None:
    """Threads of Arrow that let go of Python's memory while Python ends abort the process, about one in four."""
    path = tmp_path / "bars.parquet"
    path.write_bytes(CODEC.encode(bars_of(HEADER, JANUARY).frame))
    program = (
        "import sys; from seamless_lab.adapters.segments_parquet import ParquetSegments; "
        "data = open(sys.argv[1], 'rb').read(); [ParquetSegments().decode(data, path='') for _ in range(3)]"
    )
    for _ in range(8):
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
