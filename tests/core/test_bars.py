"""Bars: only canonical frames become bars, and windows of them are slices."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from seamless_lab.core.bars import Bars
from seamless_lab.core.observed import Observed, settled
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import DataError
from tests.core.models import header_of, pairs, prices, ranges_of, series, set_of, windows

HEADER = header_of("1m")
FRAME = prices(60 * np.arange(10, dtype=np.int64))
SECONDS = header_of("1s")
BARS = Bars(SECONDS.node, SECONDS.grid, prices(np.arange(0, 48, 3, dtype=np.int64)))


@pytest.mark.parametrize(
    "change, rule",
    [
        (lambda frame: frame.reverse(), "increasing"),
        (lambda frame: pl.concat([frame, frame[-1:]]), "increasing"),
        (lambda frame: frame.with_columns(pl.col("ts") + 1), "grid"),
        (lambda frame: frame.with_columns(pl.col("ts").cast(pl.Int32)), "columns"),
        (lambda frame: frame.drop("volume"), "columns"),
        (lambda frame: frame.with_columns(note=1), "columns"),
        (lambda frame: frame.with_columns(close=pl.lit(None, dtype=pl.Float64)), "without a price"),
        (lambda frame: frame.with_columns(high=pl.lit(math.nan)), "not finite"),
        (lambda frame: frame.with_columns(volume=pl.lit(math.inf)), "not finite"),
    ],
)
def test_a_frame_that_is_not_canonical_is_refused(change: Callable[[pl.DataFrame], pl.DataFrame], rule: str) -> None:
    with pytest.raises(DataError, match=rule) as error:
        Bars.validated(HEADER.node, HEADER.grid, change(FRAME))
    assert str(HEADER.node) in error.value.message


@pytest.mark.parametrize("frame", [FRAME, FRAME.clear(), FRAME.with_columns(volume=pl.lit(None, dtype=pl.Float64))])
def test_a_canonical_frame_is_accepted(frame: pl.DataFrame) -> None:
    bars = Bars.validated(HEADER.node, HEADER.grid, frame)
    assert len(bars) == frame.height
    assert bars.slots.seconds == 60 * frame.height


@given(windows)
def test_a_window_holds_the_bars_that_open_inside(window: TimeRange) -> None:
    assert BARS.window(window).ts.tolist() == [ts for ts in BARS.ts.tolist() if window.start <= ts < window.end]


@given(pairs)
def test_the_bars_within_a_set_are_those_that_open_inside(found: list[tuple[int, int]]) -> None:
    assert BARS.within(ranges_of(found)).ts.tolist() == [ts for ts in BARS.ts.tolist() if ts in set_of(found)]


def test_no_bars_have_the_schema_of_some() -> None:
    none = Bars.none(HEADER.node, HEADER.grid)
    assert none.frame.schema == FRAME.schema
    assert none.slots == Ranges.empty()


def test_what_was_asked_for_too_early_is_not_settled() -> None:
    early, late = 600, 600 + 121  # a bar that opens at 480 ends at 540 and is settled 120 s later
    answered = ranges_of([(0, 600)])
    found = settled(Observed.at(answered, early * 1_000), HEADER.grid, stabilization_bars=2)
    assert found.runs() == [[0, 480, early * 1_000]]
    assert settled(Observed.at(answered, late * 1_000), HEADER.grid, stabilization_bars=2).answered == answered
    assert len(settled(Observed.at(answered, 60_000), HEADER.grid, stabilization_bars=2)) == 0


def test_slots_are_the_same_however_a_frame_is_chunked() -> None:
    header, whole, _ = series("1m", 1_709_164_800, 400)
    parts = [whole.frame.slice(first, 37) for first in range(0, whole.frame.height, 37)]
    chunked = Bars(header.node, header.grid, pl.concat(parts, rechunk=False))
    assert chunked.frame.n_chunks() > 1
    assert chunked.slots == whole.slots
