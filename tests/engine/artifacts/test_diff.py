"""Differences between versions: what they open, and what they tell."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.core.bars import VALUES, Bars
from seamless_lab.core.comparison import State, compare
from seamless_lab.core.digest import content_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate, Difference
from seamless_lab.errors import RequestError
from tests.engine.artifacts.making import (
    DAY,
    HEADER,
    HOUR,
    T0,
    Counting,
    Ticking,
    bars_at,
    bars_of,
    candidate,
    days,
    header_of,
    open_store,
)


def data_files(objects: Counting) -> list[str]:
    return [path for path in objects.reads if path.endswith(".parquet")]


def test_a_difference_opens_only_what_differs(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path))
    store = open_store(objects, clock=Ticking((T0 + 401 * DAY) * 1_000))
    old = store.publish(candidate(days(0, 399))).version
    new = store.publish(candidate(days(399), at_ms=2, salt=1)).version
    fresh = open_store(objects)
    objects.clear()
    difference = fresh.diff(old, new)
    assert sum(path.endswith(".parquet") for path in objects.reads) == 2
    assert (difference.leaves, difference.restated.height) == (1, 1_440)
    assert len(difference.added) == len(difference.removed) == 0
    assert difference.restated.columns[:3] == ["ts", "open_old", "open_new"]
    restated = bars_of(HEADER, days(399), 1).frame
    assert difference.restated["close_new"].to_list() == restated["close"].to_list()
    objects.clear()
    for version in (old, new):
        assert fresh.content_and_rows(version, days(0, 399)) == (version.tree.fingerprint, 400 * 1_440)
        fresh.content_and_rows(version, TimeRange(T0 + HOUR, T0 + 400 * DAY))
    assert len(data_files(objects)) == 1, "that of the month that the window cuts"


def test_a_difference_tells_added_removed_and_restated_bars_apart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    old = store.publish(candidate(TimeRange(T0, T0 + HOUR), at_ms=1)).version
    store.publish(candidate(TimeRange(T0, T0 + 600), at_ms=2, every=2))  # five become quiet
    store.publish(candidate(TimeRange(T0 + 600, T0 + 720), at_ms=3, salt=5))  # two are restated
    new = store.publish(candidate(TimeRange(T0 + 2 * DAY, T0 + 2 * DAY + 180), at_ms=4)).version  # three are added
    forth, back = store.diff(old, new), store.diff(new, old)
    assert (len(forth.added), len(forth.removed), forth.restated.height) == (3, 5, 2)
    assert (len(back.added), len(back.removed), back.restated.height) == (5, 3, 2)
    assert forth.answered == back.unanswered == Ranges.single(TimeRange(T0 + 2 * DAY, T0 + 2 * DAY + 180))
    assert not len(forth.unanswered)
    assert store.diff(new, new).empty
    assert not forth.empty


def test_versions_of_two_nodes_have_no_difference(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    one = store.publish(candidate(days(0))).version
    other = store.publish(candidate(days(0), header=header_of("1m", "ETH/USDT"))).version
    with pytest.raises(RequestError, match="not comparable"):
        store.diff(one, other)


def test_two_versions_of_five_years_that_differ_in_a_day_open_two_files(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path))
    store = open_store(objects, clock=Ticking((T0 + 2_000 * DAY) * 1_000))
    old = store.publish(candidate(days(0, 1_825), every=60)).version
    new = store.publish(candidate(days(900), at_ms=2, salt=1, every=60)).version
    fresh = open_store(objects)
    objects.clear()
    difference = fresh.diff(old, new)
    assert (difference.restated.height, difference.leaves) == (24, 1)
    assert len(data_files(objects)) == 2
    objects.clear()
    assert open_store(objects).diff(old, new, days(901)).empty
    assert not data_files(objects), "the day that differs is outside of the window"


def test_a_window_bounds_what_is_opened_and_what_is_told(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path))
    store = open_store(objects, clock=Ticking((T0 + 20 * DAY) * 1_000))  # January is open: one file a day
    old = store.publish(candidate(days(0, 9), every=60)).version
    new = store.publish(candidate(days(0, 9), at_ms=2, salt=1, every=30)).version
    fresh = open_store(objects)
    objects.clear()
    window = TimeRange(T0 + 2 * DAY + HOUR, T0 + 2 * DAY + 3 * HOUR)
    difference = fresh.diff(old, new, TimeRange(window.start + 7, window.end - 7))  # widened to whole slots
    assert difference.window == window
    assert len(data_files(objects)) == 2
    assert difference.restated["ts"].to_list() == [window.start, window.start + HOUR]
    assert difference.added.ts.tolist() == [window.start + 1_800, window.start + HOUR + 1_800]
    assert difference.found.moves[State.QUIET, State.BAR].seconds == 120
    assert difference.leaves == 1


def test_neighbouring_days_of_one_month_file_are_read_at_once(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path))
    store = open_store(objects)
    old = store.publish(candidate(days(0, 40), every=60)).version
    new = store.publish(candidate(days(3, 12), at_ms=2, salt=1, every=60)).version
    fresh = open_store(objects)
    objects.clear()
    assert fresh.diff(old, new).restated.height == 240
    assert len(data_files(objects)) == 2


def test_versions_in_two_stores_are_compared_where_they_are(tmp_path: Path) -> None:
    here, there = open_store(tmp_path / "here"), open_store(tmp_path / "there")
    old = here.publish(candidate(days(0, 4), every=60)).version
    there.publish(candidate(days(0, 2), every=60))
    new = there.publish(candidate(days(2), at_ms=2, salt=3, every=60)).version
    difference = here.diff(old, new, new_in=there)
    assert (difference.restated.height, len(difference.removed), len(difference.added)) == (24, 48, 0)
    assert difference.unanswered == Ranges.single(days(3, 4))
    assert there.diff(new, old, new_in=here).answered == Ranges.single(days(3, 4))


def test_versions_of_two_grids_are_refused_with_both(tmp_path: Path) -> None:
    one, other = open_store(tmp_path / "one"), open_store(tmp_path / "other")
    weekly, moved = header_of("1w"), header_of("1w")
    moved = type(moved)(moved.node, type(moved.grid)(moved.grid.step_s, 0))
    old = one.publish(candidate(TimeRange(345_600, 345_600 + 8 * 604_800), header=weekly)).version
    new = other.publish(candidate(TimeRange(0, 8 * 604_800), header=moved)).version
    with pytest.raises(RequestError, match=r"every 604800 s from 345600 s, .* the other bars every 604800 s from 0 s"):
        one.diff(old, new, new_in=other)


SLOTS = np.arange(T0 + 30 * DAY, T0 + 32 * DAY, 1_800, dtype=np.int64)  # the end of January and the first of February
asks = st.tuples(st.integers(0, 95), st.integers(1, 60), st.integers(0, 2), st.sampled_from([1, 2, 5]))
_stores = iter(range(10**9))


@settings(max_examples=settings().max_examples // 2)
@given(steps=st.lists(asks, min_size=2, max_size=6), edges=st.tuples(st.integers(-3, 96), st.integers(1, 100)))
def test_any_two_versions_differ_as_their_bars_do(steps: list[tuple[int, ...]], edges: tuple[int, int]) -> None:
    store = open_store(FsspecObjects(f"memory://diff-{next(_stores)}"))
    header = header_of("30m")
    versions = []
    for at_ms, (first, count, salt, every) in enumerate(steps, 1):
        opens = SLOTS[first : first + count]
        asked = Candidate(
            header, bars_at(header, opens[::every], salt), Observed.at(Ranges.of_slots(opens, 1_800), at_ms)
        )
        versions.append(store.publish(asked).version)
    window = TimeRange(int(SLOTS[0]) + edges[0] * 1_800, int(SLOTS[0]) + sum(edges) * 1_800)
    for old, new in ((versions[0], versions[-1]), (versions[-1], versions[len(versions) // 2])):
        for cut in (None, window):
            was, now = store.read(old, cut), store.read(new, cut)
            if cut is not None:
                assert store.content_and_rows(old, cut) == (was.content, len(was.bars))
            expected = compare(was.bars, was.answered, now.bars, now.answered)
            difference = store.diff(old, new, cut)
            assert same(difference, expected.added, expected.removed)
            assert difference.restated.equals(expected.restated)
            assert difference.found.moves == expected.moves
            assert difference.empty == (was.content == now.content)
            answered = (was.answered | difference.answered) - difference.unanswered
            assert content_of(header, applied(was.bars, difference), answered) == now.content


def applied(old: Bars, difference: Difference) -> Bars:
    """Bars with every change made to them."""
    kept = old.frame.filter(pl.Series(~difference.found.changed.contains(old.ts)))
    restated = difference.restated.select("ts", *(pl.col(f"{name}_new").alias(name) for name in VALUES))
    return Bars(old.node, old.grid, pl.concat([kept, difference.added.frame, restated]).sort("ts"))


def same(difference: Difference, added: Bars, removed: Bars) -> bool:
    return difference.added.frame.equals(added.frame) and difference.removed.frame.equals(removed.frame)
