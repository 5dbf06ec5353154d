"""The algebra of ranges against sets of seconds."""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from tests.core.models import SPAN, assert_normal, grids, pairs, ranges_of, seconds_of, set_of, windows


@given(pairs)
def test_any_ranges_normalise_to_the_set_they_cover(found: list[tuple[int, int]]) -> None:
    ranges = ranges_of(found)
    assert_normal(ranges)
    assert seconds_of(ranges) == set_of(found)
    assert ranges.seconds == len(set_of(found))
    assert Ranges.from_pairs(ranges.pairs()) == ranges
    assert Ranges.of(ranges) == ranges


@given(pairs, pairs)
def test_union_intersection_and_difference_are_those_of_sets(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    a, b = ranges_of(left), ranges_of(right)
    x, y = set_of(left), set_of(right)
    for found, expected in ((a | b, x | y), (a & b, x & y), (a - b, x - y)):
        assert_normal(found)
        assert seconds_of(found) == expected
    assert (a == b) == (x == y)


@given(st.lists(pairs, max_size=5))
def test_many_sets_join_to_what_one_by_one_gives(found: list[list[tuple[int, int]]]) -> None:
    parts = [ranges_of(part) for part in found]
    joined = Ranges.joined(iter(parts))
    assert_normal(joined)
    assert joined == reduce(or_, parts, Ranges.empty())
    assert seconds_of(joined) == set().union(*map(set_of, found))


@given(pairs, windows)
def test_complement_and_clip_partition_the_window(found: list[tuple[int, int]], window: TimeRange) -> None:
    ranges, inside = ranges_of(found), set(range(window.start, window.end))
    for part in (ranges.clip(window), ranges.complement(window)):
        assert_normal(part)
    assert seconds_of(ranges.clip(window)) == set_of(found) & inside
    assert seconds_of(ranges.complement(window)) == inside - set_of(found)
    assert ranges.covers(window) == (inside <= set_of(found))


@given(pairs, st.lists(st.integers(-3, SPAN + 3), max_size=20))
def test_contains_and_measure_answer_for_every_second(found: list[tuple[int, int]], moments: list[int]) -> None:
    ranges, asked = ranges_of(found), np.array(moments, dtype=np.int64)
    assert ranges.contains(asked).tolist() == [moment in set_of(found) for moment in moments]
    assert ranges.seconds_before(asked).tolist() == [
        len([s for s in set_of(found) if s < moment]) for moment in moments
    ]


@given(pairs, grids)
def test_whole_slots_are_those_that_lie_wholly_inside(found: list[tuple[int, int]], grid: Grid) -> None:
    covered = set_of(found)
    opens = range(grid.anchor_s - 2 * grid.step_s, SPAN + grid.step_s, grid.step_s)
    slots = [set(range(start, start + grid.step_s)) for start in opens]
    whole = ranges_of(found).whole_slots(grid)
    assert_normal(whole)
    assert seconds_of(whole) == set().union(*(slot for slot in slots if slot <= covered))


@given(st.sets(st.integers(0, 30)), grids)
def test_slots_join_with_their_neighbours(places: set[int], grid: Grid) -> None:
    opens = np.array(sorted(places), dtype=np.int64) * grid.step_s + grid.anchor_s
    found = Ranges.of_slots(opens, grid.step_s)
    assert_normal(found)
    assert seconds_of(found) == {int(start) + second for start in opens for second in range(grid.step_s)}


@given(st.integers(1, 40_000), st.sets(st.integers(0, 39_999), max_size=60))
def test_slots_missing_anywhere_in_a_long_series_are_found(count: int, missing: set[int]) -> None:
    opens = np.setdiff1d(np.arange(count), np.array(sorted(missing), dtype=np.int64)) * 60
    found = Ranges.of_slots(opens, 60)
    assert found == Ranges.normalised(opens, opens + 60)
    assert_normal(found)


@given(pairs, st.sets(st.integers(1, SPAN - 1), max_size=6))
def test_cutting_keeps_every_second_on_its_side(found: list[tuple[int, int]], inner: set[int]) -> None:
    edges = np.array([0, *sorted(inner), SPAN], dtype=np.int64)
    ranges = ranges_of(found)
    pieces, counts = ranges.cut(edges)
    assert counts.shape == (edges.size - 1,)
    ends = np.cumsum(counts)
    for place, (low, high) in enumerate(zip(ends - counts, ends, strict=True)):
        part = Ranges(pieces.starts[low:high], pieces.ends[low:high])
        assert part == ranges.clip(TimeRange(int(edges[place]), int(edges[place + 1])))


def test_touching_ranges_merge() -> None:
    assert Ranges.normalised([0, 600], [600, 1200]).pairs() == [[0, 1200]]
    assert (Ranges.single(TimeRange(0, 600)) | Ranges.single(TimeRange(600, 1200))).pairs() == [[0, 1200]]


def test_reversed_and_empty_ranges_are_nothing() -> None:
    assert Ranges.normalised([10, 5], [5, 5]) == Ranges.empty()
    assert Ranges.empty().bounds is None
    assert not Ranges.empty()


def test_many_ranges_agree_with_masks() -> None:
    random = np.random.default_rng(7)
    masks = random.random((2, 20_000)) < 0.5
    a, b = (Ranges.of_slots(np.flatnonzero(mask).astype(np.int64), 1) for mask in masks)
    for found, mask in ((a | b, masks[0] | masks[1]), (a & b, masks[0] & masks[1]), (a - b, masks[0] & ~masks[1])):
        assert_normal(found)
        assert found == Ranges.of_slots(np.flatnonzero(mask).astype(np.int64), 1)
