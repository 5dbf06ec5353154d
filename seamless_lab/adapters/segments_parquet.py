"""Segments as Parquet bytes: the one writer of data files."""

from __future__ import annotations

import hashlib
from string import hexdigits

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from seamless_lab.core.bars import COLUMNS, DTYPES, VALUES
from seamless_lab.errors import Corrupted

ROW_GROUP_ROWS = 10_080  # a week of minutes: groups near 10k rows read best both whole and in part
ZSTD_LEVEL = 1  # higher levels cost more time than they save bytes on prices

_SCHEMA = pa.schema([pa.field(name, pa.int64() if DTYPES[name] == "int64" else pa.float64()) for name in COLUMNS])
_KEY, _BLANK = b"seamless.sha256", b"0" * 64
_HINT = "Restore the file from a copy."
_GAP_BYTES = 2  # between a key and its value Thrift writes a field header and the length


class ParquetSegments:
    """Frames of bars to and from Parquet.

    The footer's key `seamless.sha256` holds the digest of the file with this value blanked (64 zeros): digests of
    content do not cover statistics, headers or padding, and a damaged file must be found wherever it was hit. Equal
    frames give equal bytes with one version of pyarrow; nothing relies on it, since identity is that of the content.
    """

    def encode(self, frame: pl.DataFrame) -> bytes:
        """The Parquet file of a frame in the canonical schema of `Bars`."""
        table = pa.table({name: frame[name].to_arrow() for name in COLUMNS}, schema=_SCHEMA)
        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(
            sink,
            _SCHEMA,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=False,
            column_encoding={"ts": "DELTA_BINARY_PACKED", **dict.fromkeys(VALUES, "PLAIN")},
            sorting_columns=[pq.SortingColumn(0)],
            store_schema=False,
        ) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
            writer.add_key_value_metadata({_KEY: _BLANK})
        data: bytes = sink.getvalue().to_pybytes()
        at = data.rindex(_KEY + b"\x18@" + _BLANK) + len(_KEY) + _GAP_BYTES
        return data[:at] + hashlib.sha256(data).hexdigest().encode() + data[at + len(_BLANK) :]

    def decode(self, data: bytes, *, path: str, checked: bool = True) -> pl.DataFrame:
        """The frame in a Parquet file, its columns in canonical order; `path` names the file in errors.

        Raises
        ------
        Corrupted
            If the bytes are no Parquet file of bars, or do not match their checksum; without `checked` the checksum
            may say what it will.
        """
        if checked:
            _check(data, path)
        try:
            # ParquetFile, not read_table: the latter imports pyarrow.dataset, and with it pandas
            table = pq.ParquetFile(pa.BufferReader(_owned(data))).read(use_threads=True)
            if table.schema.remove_metadata() != _SCHEMA:
                raise pa.ArrowInvalid(f"columns {table.schema.names}")
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Corrupted(f"{path} cannot be read as Parquet: {error}", hint=_HINT, path=path) from error
        frame = pl.from_arrow(table, rechunk=True)
        assert isinstance(frame, pl.DataFrame)
        return frame


def _owned(data: bytes) -> pa.Buffer:
    """The bytes in memory of Arrow's.

    Arrow's threads may let go of their input after the read has returned. Of Python's memory that takes the GIL, and
    a process that ends just then aborts (pyarrow 26 on Python 3.11: one in three that decode and exit).
    """
    buffer = pa.allocate_buffer(len(data))
    with pa.FixedSizeBufferWriter(buffer) as writer:
        writer.write(data)
    return buffer


def _check(data: bytes, path: str) -> None:
    at = data.rfind(_KEY) + len(_KEY) + _GAP_BYTES
    own = hashlib.sha256(memoryview(data)[:at])
    own.update(_BLANK)
    own.update(memoryview(data)[at + len(_BLANK) :])
    stored = data[at : at + len(_BLANK)].decode("ascii", "replace")
    if own.hexdigest() != stored:
        raise Corrupted(
            f"{path} does not match its checksum.",
            hint=_HINT,
            path=path,
            expected=None if stored.strip(hexdigits) else stored,  # what was cut off carries none
            found=own.hexdigest(),
        )
