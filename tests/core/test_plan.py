"""Blocks and predictions against a naive model."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.bucket import BucketShape
from seamless_lab.core.grid import Grid
from seamless_lab.core.plan import TYPICAL_LATENCY_S, Pace, plan_blocks, predict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

slots = st.sets(st.integers(0, 60), max_size=40)
grids = st.builds(lambda step, k: Grid(step, (k * 17) % step), st.sampled_from([1, 60, 900]), st.integers(0, 99))


def gaps_of(numbers: set[int], grid: Grid) -> Ranges:
    return Ranges.of(TimeRange(grid.anchor_s + n * grid.step_s, grid.anchor_s + (n + 1) * grid.step_s) for n in numbers)


@given(slots, grids, st.integers(1, 12))
def test_blocks_partition_the_gaps_and_lie_on_one_ruler(numbers, grid, size):
    gaps = gaps_of(numbers, grid)
    blocks = plan_blocks(gaps, grid, window_bars=size)
    joined = Ranges.empty()
    for block in blocks:
        assert (block.window.start - grid.anchor_s) % (size * grid.step_s) == 0
        assert block.window.seconds == size * grid.step_s
        assert len(block.gaps)
        assert not len(block.gaps - Ranges.single(block.window))
        assert not len(joined & block.gaps)
        joined = joined | block.gaps
    assert joined == gaps
    assert [block.window.start for block in blocks] == sorted({block.window.start for block in blocks})
    assert {(n // size) for n in numbers} == {(b.window.start - grid.anchor_s) // (size * grid.step_s) for b in blocks}


@given(slots, st.integers(1, 12), st.integers(1, 5))
def test_prediction_counts_pages_of_each_stretch(numbers, size, page):
    grid = Grid(60)
    blocks = plan_blocks(gaps_of(numbers, grid), grid, window_bars=size)
    rate = BucketShape(tokens_per_interval=10, interval_ms=1_000, burst_tokens=1, min_interval_ms=0)
    found = predict(blocks, grid, page_bars=page, request_weight=2, rate=rate, pace=Pace())
    runs = [r.seconds // 60 for block in blocks for r in block.gaps]
    assert found.requests == sum(math.ceil(run / page) for run in runs)
    assert found.slots == len(numbers)
    assert found.weight == 2 * found.requests
    assert found.rate_wait_s == max(0, found.weight - 1) / 10


def test_nothing_to_ask_takes_no_time():
    rate = BucketShape(tokens_per_interval=10, interval_ms=1_000, burst_tokens=5, min_interval_ms=25)
    found = predict((), Grid(60), page_bars=1000, request_weight=2, rate=rate, pace=Pace())
    assert (found.blocks, found.requests, found.seconds) == (0, 0, 0)


def test_burst_is_free_and_the_minimum_interval_counts():
    gaps = Ranges.single(TimeRange(0, 600))
    blocks = plan_blocks(gaps, Grid(60), window_bars=1)
    rate = BucketShape(tokens_per_interval=1_000, interval_ms=1_000, burst_tokens=100, min_interval_ms=25)
    assert predict(blocks, Grid(60), page_bars=10, request_weight=1, rate=rate, pace=Pace()).rate_wait_s == 10 * 0.025


def test_the_least_time_is_start_up_and_then_the_longer_of_answers_and_waiting():
    blocks = plan_blocks(Ranges.single(TimeRange(0, 600)), Grid(60), window_bars=1)
    free = BucketShape(tokens_per_interval=1_000, interval_ms=1_000, burst_tokens=100, min_interval_ms=0)
    slow = BucketShape(tokens_per_interval=1, interval_ms=1_000, burst_tokens=10, min_interval_ms=0)
    pace = Pace(startup_requests=2, startup_weight=5, latency_s=0.5, concurrent=4)
    guess = predict(blocks, Grid(60), page_bars=1, request_weight=1, rate=free, pace=pace)
    assert (guess.requests, guess.seconds) == (10, 2 * 0.5 + 3 * 0.5)
    guess = predict(blocks, Grid(60), page_bars=1, request_weight=1, rate=slow, pace=pace)
    assert (guess.rate_wait_s, guess.seconds) == (5, 1 + 5)
    unmeasured = predict(blocks, Grid(60), page_bars=1, request_weight=1, rate=free, pace=Pace(concurrent=10))
    assert unmeasured.seconds == TYPICAL_LATENCY_S
