"""Naive models and the series that the tests of the core are made of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from hypothesis import strategies as st

from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid, grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

SPAN = 48  # seconds in which the small sets live

pairs = st.lists(st.tuples(st.integers(0, SPAN), st.integers(0, SPAN)), max_size=8)
windows = st.tuples(st.integers(0, SPAN - 1), st.integers(1, SPAN)).map(lambda w: TimeRange(min(w[0], w[1] - 1), w[1]))
grids = st.tuples(st.integers(1, 7), st.integers(0, 6)).map(lambda g: Grid(g[0], g[1] % g[0]))


def set_of(found: Iterable[tuple[int, int]]) -> set[int]:
    return {second for start, end in found for second in range(start, end)}


def seconds_of(ranges: Ranges) -> set[int]:
    return set_of((r.start, r.end) for r in ranges)


def ranges_of(found: Iterable[tuple[int, int]]) -> Ranges:
    listed = list(found)
    return Ranges.normalised([start for start, _ in listed], [end for _, end in listed])


def assert_normal(ranges: Ranges) -> None:
    flat = np.column_stack((ranges.starts, ranges.ends)).ravel()
    assert (np.diff(flat) > 0).all(), flat
    assert not ranges.starts.flags.writeable
    assert not ranges.ends.flags.writeable
    assert ranges.starts.dtype == ranges.ends.dtype == np.int64


def header_of(timeframe: str, *, exchange: str = "binance", symbol: str = "BTC/USDT") -> Header:
    return Header(parse_node(f"ohlcv:{exchange}:{symbol}:{timeframe}"), grid_of(exchange, timeframe))


def prices(opens: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.DataFrame:
    """Plausible bars at some open times, in plain arithmetic (the same on every machine)."""
    walk = 100.0 + (opens // 60 % 997) * 0.25
    return pl.DataFrame(
        {
            "ts": pl.Series(opens, dtype=pl.Int64),
            "open": walk,
            "high": walk + 1.5,
            "low": walk - 0.5,
            "close": walk + 0.125,
            "volume": (opens // 60 % 13).astype(np.float64),
        }
    )


def series(timeframe: str, start: int, slots: int, *, exchange: str = "binance") -> tuple[Header, Bars, Ranges]:
    """A series with quiet slots (every 11th has no bar) and an unanswered stretch, some volumes unknown."""
    header = header_of(timeframe, exchange=exchange)
    first = header.grid.ceil(start)
    opens = first + header.grid.step_s * np.arange(slots, dtype=np.int64)
    place = np.arange(slots)
    answered = (place % 97) < 90
    held = answered & (place % 11 != 5)
    frame = prices(opens[held]).with_columns(
        volume=pl.when(pl.col("ts") // header.grid.step_s % 29 == 3).then(None).otherwise(pl.col("volume"))
    )
    return header, Bars(header.node, header.grid, frame), Ranges.of_slots(opens[answered], header.grid.step_s)
