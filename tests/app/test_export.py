"""`--out`: equal content gives equal bytes; nothing is overwritten or left half."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from seamless_lab.app.export import csv_bytes, parquet_bytes, writer
from seamless_lab.core.coverage import Cause
from seamless_lab.errors import RequestError, StoreUnavailable
from tests.app.test_render import fetched

BARS = [Cause.PRESENT] * 5


def test_parquet_has_the_frame_and_says_what_it_is(tmp_path: Path) -> None:
    result = fetched(BARS)
    writer(tmp_path / "x.parquet", force=False)(result)
    assert pl.read_parquet(tmp_path / "x.parquet").equals(result.frame)
    metadata = pq.read_schema(tmp_path / "x.parquet").metadata
    assert metadata[b"seamless.node"] == b"ohlcv:binance:BTC/USDT:1m"
    assert metadata[b"seamless.content"].startswith(b"sha256:")


def test_csv_reads_back_equal(tmp_path: Path) -> None:
    result = fetched(BARS)
    writer(tmp_path / "x.csv", force=False)(result)
    back = pl.read_csv(tmp_path / "x.csv")
    assert back["time"][0] == "2024-01-01T00:00:00Z"
    assert back["close"].to_list() == result.frame["close"].to_list()


@pytest.mark.parametrize("form", [parquet_bytes, csv_bytes])
def test_equal_content_gives_equal_bytes_whatever_its_chunks_and_clocks(form) -> None:
    one, other = fetched(BARS), fetched(BARS, total_ms=7, as_of_ms=9)
    pieces = other.answer.bars.frame
    chunked = pl.concat([pieces[:2], pieces[2:]], rechunk=False)
    object.__setattr__(other.answer.bars, "frame", chunked)
    assert hashlib.sha256(form(one)).digest() == hashlib.sha256(form(other)).digest()


def test_writing_the_same_again_is_no_change_and_other_content_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    writer(path, force=False)(fetched(BARS))
    writer(path, force=False)(fetched(BARS))
    with pytest.raises(RequestError, match="with other content") as caught:
        writer(path, force=False)(fetched(BARS * 2))
    assert "--force" in caught.value.hint
    writer(path, force=True)(fetched(BARS * 2))
    assert len(path.read_text().splitlines()) == 11
    assert [found.name for found in tmp_path.iterdir()] == ["x.csv"]


def test_a_refused_answer_is_not_written(tmp_path: Path) -> None:
    refused = fetched([Cause.PRESENT, Cause.MISSING])
    object.__setattr__(refused.answer.request, "strategy", "FAIL_FAST")
    assert refused.exit_code == 1
    writer(tmp_path / "x.csv", force=False)(refused)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, message, hint",
    [("x.parqet", "not .parqet", "x.parquet"), ("x", "not nothing", "x.parquet"), ("no/x.csv", "no folder", "mkdir")],
)
def test_a_bad_name_is_refused_before_anything_is_fetched(tmp_path: Path, name: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        writer(tmp_path / name, force=False)
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["made.parquet", "made.parquet/", "new.csv/"])
def test_a_folder_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "made.parquet").mkdir()
    with pytest.raises(RequestError, match="is a folder") as caught:
        writer(f"{tmp_path}/{name}", force=True)
    assert "bars.parquet" in caught.value.hint


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write = writer(tmp_path / "x.csv", force=True)
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        write(fetched(BARS))
    assert [found.name for found in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("force", [False, True])
def test_a_pipe_is_neither_read_nor_replaced(tmp_path: Path, force: bool) -> None:
    os.mkfifo(tmp_path / "x.csv")
    (tmp_path / "link.csv").symlink_to("x.csv")
    for name in ("x.csv", "link.csv"):
        with pytest.raises(RequestError, match="is no regular file"):
            writer(tmp_path / name, force=force)


def test_a_name_that_the_system_refuses_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.csv: File name too long\.\n"):
        writer(tmp_path / f"{'x' * 300}.csv", force=False)


def test_a_file_that_may_not_be_read_is_refused_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine")

    def forbidden(self: Path) -> bytes:  # root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(RequestError, match="Permission denied"):
        writer(path, force=False)(fetched(BARS))
    assert path.read_text() == "mine"
