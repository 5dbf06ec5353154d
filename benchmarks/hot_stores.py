"""Filling a hot store with a frame, window by window."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.bench import HEADER
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.bars import Bars
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Attempt, HotWrite

OBSERVED_MS = 1_735_700_000_000


def open_hot(path: Path) -> SqliteHotStore:
    """A hot store in a file of its own."""
    return SqliteHotStore(SqliteFile(path, busy_timeout_s=30))


def write_of(part: pl.DataFrame, at_ms: int = OBSERVED_MS) -> HotWrite:
    """One window of consecutive bars, all answered."""
    start, end = int(part["ts"][0]), int(part["ts"][-1]) + 60
    window = TimeRange(start, end)
    asked = Attempt(HEADER.node, window, at_ms, "answered", part.height, 1)
    return HotWrite(HEADER, window, Bars(HEADER.node, HEADER.grid, part), Ranges.single(window), at_ms, asked)


def fill(store: SqliteHotStore, frame: pl.DataFrame, *, window_bars: int) -> None:
    """Write a frame in windows of so many bars."""
    for first in range(0, frame.height, window_bars):
        store.write(write_of(frame.slice(first, window_bars)))
