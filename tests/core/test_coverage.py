"""Coverage: every slot of a window has exactly one cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Cause, classify, stable_until
from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time
from tests.core.models import SPAN, header_of, pairs, prices, ranges_of, seconds_of, set_of, windows

MINUTE = Grid(60)
NOON = 1_704_110_400  # 2024-01-01T12:00Z


def pieces(ranges: Ranges) -> list[list[int]]:
    return ranges.pairs()


@given(windows, pairs, pairs, pairs, st.integers(-5, SPAN + 5))
def test_the_causes_partition_the_window(
    window: TimeRange,
    bars: list[tuple[int, int]],
    answered: list[tuple[int, int]],
    failed: list[tuple[int, int]],
    stable_until_s: int,
) -> None:
    known = ranges_of(answered) | ranges_of(bars)
    coverage = classify(
        window, Grid(1), bars=ranges_of(bars), answered=known, failed=ranges_of(failed), stable_until_s=stable_until_s
    )
    inside = set(range(window.start, window.end))
    held = set_of(bars) & inside
    told = (set_of(answered) | set_of(bars)) & inside
    young = {slot for slot in inside - told if slot >= stable_until_s}
    lost = (inside - told - young) & set_of(failed)
    expected = {
        Cause.PRESENT: held,
        Cause.QUIET: told - held,
        Cause.PENDING: young,
        Cause.FAILED: lost,
        Cause.MISSING: inside - told - young - lost,
    }
    for cause, slots in expected.items():
        assert seconds_of(coverage.of(cause)) == slots
        assert coverage.slots(cause) == len(slots)
    assert sum(coverage.slots(cause) for cause in Cause) == coverage.total == len(inside)
    final = len(inside) - len(young)
    assert coverage.ratio == (len(told) / final if final else 1.0)
    assert coverage.complete == (coverage.answered | coverage.pending).covers(window)
    gaps = list(coverage.gaps(*Cause))
    assert sum(gap.slots for gap in gaps) == coverage.total
    assert [gap.window.start for gap in gaps] == sorted(gap.window.start for gap in gaps)


def test_the_gaps_between_two_answers() -> None:
    answered = Ranges.normalised([0, 1200], [600, 1800])
    coverage = classify(
        TimeRange(0, 2400), MINUTE, bars=answered, answered=answered, failed=Ranges.empty(), stable_until_s=2400
    )
    assert pieces(coverage.missing) == [[600, 1200], [1800, 2400]]
    assert [(gap.window, gap.cause, gap.slots) for gap in coverage.gaps()] == [
        (TimeRange(600, 1200), Cause.MISSING, 10),
        (TimeRange(1800, 2400), Cause.MISSING, 10),
    ]
    assert coverage.ratio == 0.5


def test_touching_answers_leave_no_gap() -> None:
    answered = Ranges.single(TimeRange(0, 600)) | Ranges.single(TimeRange(600, 1200))
    coverage = classify(
        TimeRange(0, 1200), MINUTE, bars=Ranges.empty(), answered=answered, failed=Ranges.empty(), stable_until_s=1200
    )
    assert coverage.complete
    assert pieces(coverage.quiet) == [[0, 1200]]


@pytest.mark.parametrize("end", [1, 59, 60, 61, 119, 120, 121])
def test_an_off_grid_end_neither_invents_nor_loses_a_bar(end: int) -> None:
    window = MINUTE.snap_outward(TimeRange(0, end))
    assert window.seconds // 60 == -(-end // 60) == MINUTE.slots(TimeRange(0, end))
    assert pieces(Ranges.single(TimeRange(0, end)).whole_slots(MINUTE)) == ([[0, end // 60 * 60]] if end >= 60 else [])


def test_a_single_bar_is_served() -> None:
    header = header_of("1m")
    bars = Bars.validated(header.node, header.grid, prices(Ranges.single(TimeRange(60, 61)).starts))
    assert len(bars.window(TimeRange(60, 120))) == 1
    assert len(bars.window(TimeRange(120, 180))) == 0
    coverage = classify(
        TimeRange(60, 120), MINUTE, bars=bars.slots, answered=bars.slots, failed=Ranges.empty(), stable_until_s=120
    )
    assert coverage.slots(Cause.PRESENT) == 1
    assert coverage.complete


def test_the_last_sealed_bar_at_half_past_noon_opens_at_11_57() -> None:
    end = stable_until(NOON + 30, MINUTE, stabilization_bars=2)
    assert format_time(end - 60) == "2024-01-01T11:57Z"


def test_the_slower_clock_decides_what_is_stable() -> None:
    assert stable_until(NOON, MINUTE, stabilization_bars=2, exchange_s=NOON - 300) == NOON - 420
    assert stable_until(NOON, MINUTE, stabilization_bars=2, exchange_s=NOON + 300) == NOON - 120


def test_stabilization_never_takes_more_than_six_hours() -> None:
    day = Grid(86_400)
    midnight = NOON - 43_200
    assert stable_until(midnight + 6 * 3600, day, stabilization_bars=2) == midnight
    assert stable_until(midnight + 6 * 3600 - 1, day, stabilization_bars=2) == midnight - 86_400


@given(st.integers(0, 10**10), st.sampled_from([1, 60, 900, 86_400, 604_800]), st.integers(0, 5))
def test_a_stable_slot_has_ended_long_enough_ago(now: int, step: int, bars: int) -> None:
    grid = Grid(step, 345_600 % step)
    wait = min(bars * step, 21_600)
    end = stable_until(now, grid, stabilization_bars=bars)
    assert end + wait <= now < end + step + wait
    assert grid.floor(end) == end


def test_gaps_are_values_that_can_be_counted_read_and_looked_at_twice() -> None:
    answered = Ranges.normalised([60], [1_200])
    found = classify(
        TimeRange(0, 2_400), MINUTE, bars=answered, answered=answered, failed=Ranges.empty(), stable_until_s=2_400
    ).gaps()
    assert len(found) == 2
    assert (
        repr(found) == "(Gap([1970-01-01T00:00Z, 1970-01-01T00:01Z), missing, 1 bar), "
        "Gap([1970-01-01T00:20Z, 1970-01-01T00:40Z), missing, 20 bars))"
    )
