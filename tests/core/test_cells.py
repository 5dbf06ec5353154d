"""Grids and calendar cells: every slot belongs to exactly one leaf and one pack."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.cells import Cells, leaf_cells, pack_cells
from seamless_lab.core.grid import DAY, WEEK, Grid, grid_of, parse_timeframe
from seamless_lab.core.time import EARLIEST_S, LATEST_S, TimeRange, format_time
from seamless_lab.errors import InvalidNode

UNITS = ("hour", "day", "month", "year", "decade")
LONGEST = {"hour": 3600, "day": DAY, "month": 31 * DAY, "year": 366 * DAY, "decade": 3653 * DAY}
moments = st.integers(EARLIEST_S, LATEST_S - 1)
grids = st.sampled_from(
    [
        Grid(1),
        Grid(60),
        Grid(900),
        Grid(3600),
        Grid(DAY),
        Grid(WEEK),
        Grid(WEEK, 4 * DAY),
        Grid(7 * 60, 120),
        Grid(5 * DAY, DAY),
    ]
)


def calendar_start(moment: int, unit: str) -> int:
    at = dt.datetime.fromtimestamp(moment, dt.UTC).replace(minute=0, second=0)
    if unit != "hour":
        at = at.replace(hour=0)
    if unit in {"month", "year", "decade"}:
        at = at.replace(day=1)
    if unit in {"year", "decade"}:
        at = at.replace(month=1)
    return int((at.replace(year=at.year // 10 * 10) if unit == "decade" else at).timestamp())


@given(moments, st.sampled_from(UNITS))
def test_a_cell_starts_where_the_calendar_says(moment: int, unit: str) -> None:
    found = Cells(unit, Grid(1)).cell_of(np.array([moment], dtype=np.int64)).tolist()
    assert found == [calendar_start(moment, unit)]


@given(moments, st.integers(1, 40), grids, st.sampled_from(UNITS))
def test_cells_partition_the_slots_of_a_window(start: int, length: int, grid: Grid, unit: str) -> None:
    cells = Cells(unit, grid)
    window = grid.snap_outward(TimeRange(start, start + length * LONGEST[unit] // 10))
    starts = cells.starts(window)
    edges = cells.edges(starts)
    assert (np.diff(starts) > 0).all()
    assert (np.diff(edges) >= 0).all()
    assert edges[0] <= window.start < window.end <= edges[-1]
    assert cells.cell_of(np.array([window.start])).tolist() == starts[:1].tolist()
    for cell, begin, end in zip(starts.tolist(), edges.tolist(), edges[1:].tolist(), strict=False):
        assert (begin - grid.anchor_s) % grid.step_s == 0
        if begin < end:  # a cell shorter than the step may hold no slot
            assert cells.slots(cell) == TimeRange(begin, end)
            assert cells.cell_of(np.array([begin, end - grid.step_s])).tolist() == [cell, cell]


@pytest.mark.parametrize(
    "timeframe, leaf, pack",
    [
        ("1s", "hour", "day"),
        ("30s", "hour", "day"),
        ("1m", "day", "month"),
        ("5m", "day", "month"),
        ("15m", "month", "year"),
        ("4h", "month", "year"),
        ("1d", "year", "decade"),
        ("1w", "year", "decade"),
    ],
)
def test_leaf_and_pack_follow_the_timeframe(timeframe: str, leaf: str, pack: str) -> None:
    grid = grid_of("binance", timeframe)
    assert (leaf_cells(grid).unit, pack_cells(grid).unit) == (leaf, pack)


def test_leap_years_have_their_29th_of_february() -> None:
    february = Cells("month", Grid(900)).slots(1_706_745_600)
    assert str(february) == "[2024-02-01T00:00Z, 2024-03-01T00:00Z)"
    assert Cells("year", Grid(DAY)).slots(1_704_067_200).seconds == 366 * DAY
    assert Cells("year", Grid(DAY)).slots(4_070_908_800).seconds == 365 * DAY  # 2099


def test_decades_begin_in_years_that_end_in_nought() -> None:
    decade = Cells("decade", Grid(DAY)).slots(1_577_836_800)
    assert str(decade) == "[2020-01-01T00:00Z, 2030-01-01T00:00Z)"


def test_a_week_belongs_to_the_year_in_which_it_opens() -> None:
    monday = Cells("year", grid_of("binance", "1w")).slots(1_704_067_200)
    thursday = Cells("year", grid_of("kraken", "1w")).slots(1_704_067_200)
    assert str(monday) == "[2024-01-01T00:00Z, 2025-01-06T00:00Z)"
    assert str(thursday) == "[2024-01-04T00:00Z, 2025-01-02T00:00Z)"


@given(grids, moments)
def test_floor_and_ceil_enclose_a_moment(grid: Grid, moment: int) -> None:
    floor, ceil = grid.floor(moment), grid.ceil(moment)
    assert floor <= moment <= ceil
    assert ceil - floor == (0 if floor == moment else grid.step_s)
    assert (floor - grid.anchor_s) % grid.step_s == 0


@given(grids, moments, st.integers(1, 10**7))
def test_slots_are_those_that_open_inside(grid: Grid, start: int, length: int) -> None:
    window = TimeRange(start, start + length)
    first = grid.ceil(start)
    assert grid.slots(window) == len(range(first, window.end, grid.step_s))
    whole = grid.snap_outward(window)
    assert whole.contains(window)
    assert whole.seconds < length + 2 * grid.step_s


@pytest.mark.parametrize("timeframe", ["1M", "1y", "0m", "-1m", "1.5h", "m", "", "1x", "1 m", "01m"])
def test_a_bad_timeframe_is_refused(timeframe: str) -> None:
    with pytest.raises(InvalidNode):
        parse_timeframe(timeframe)


def test_a_month_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(InvalidNode, match="no fixed length") as error:
        parse_timeframe("1M")
    assert "1d" in error.value.hint


def test_an_odd_timeframe_needs_a_declared_anchor() -> None:
    with pytest.raises(InvalidNode, match="neither a day nor a week"):
        grid_of("binance", "11m")
    assert grid_of("binance", "11m", anchor_s=1_704_067_200).floor(1_704_067_200) == 1_704_067_200


def test_weeks_open_on_monday_except_where_the_exchange_counts_from_the_epoch() -> None:
    assert format_time(grid_of("binance", "1w").ceil(1_704_067_200)) == "2024-01-01T00:00Z"
    assert format_time(grid_of("kraken", "1w").ceil(1_704_067_200)) == "2024-01-04T00:00Z"


@pytest.mark.parametrize("step_s, anchor_s", [(0, 0), (-1, 0), (60, 60), (60, -1)])
def test_a_grid_checks_its_own_shape(step_s: int, anchor_s: int) -> None:
    with pytest.raises(ValueError, match="a grid needs"):
        Grid(step_s, anchor_s)
