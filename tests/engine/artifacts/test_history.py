"""What was believed over time, against reading every version, and what it opens."""

import math
from dataclasses import astuple
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.core.comparison import State, compare
from seamless_lab.core.digest import content_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate, Counts, Sealed, SealedStore
from seamless_lab.errors import NotFound
from tests.engine.artifacts.making import (
    DAY,
    HOUR,
    NODE,
    T0,
    Counting,
    Ticking,
    bars_at,
    candidate,
    days,
    header_of,
    open_store,
)

HEADER = header_of("30m")
SLOTS = np.arange(T0 + 30 * DAY, T0 + 32 * DAY, 1_800, dtype=np.int64)  # the end of January and the first of February
steps = st.lists(
    st.tuples(st.integers(0, 95), st.integers(1, 60), st.integers(0, 2), st.sampled_from([1, 2, 5]), st.booleans()),
    min_size=1,
    max_size=10,
)
_stores = count()


def history_of(made: list[tuple[int, int, int, int, bool]]) -> SealedStore:
    """A store whose versions were published or, where there are some to choose from, rolled back to."""
    clock = Ticking((T0 + 60 * DAY) * 1_000)
    store = open_store(FsspecObjects(f"memory://history-{next(_stores)}"), clock=clock)
    for first, length, salt, every, back in made:
        head = store.head_commit(HEADER.node)
        if back and head is not None:
            store.restore(store.resolve(HEADER.node, seq=1 + first % head.seq))
            continue
        opens = SLOTS[first : first + length]
        observed = Observed.at(Ranges.of_slots(opens, 1_800), clock.now_ms())
        store.publish(Candidate(HEADER, bars_at(HEADER, opens[::every], salt), observed))
    return store


def versions_of(store: SealedStore, window: TimeRange | None) -> list[Sealed]:
    newest = store.resolve(HEADER.node).commit.seq
    return [store.read(store.resolve(HEADER.node, seq=seq), window) for seq in range(1, newest + 1)]


@settings(max_examples=settings().max_examples // 2)
@given(made=steps, place=st.integers(0, 96))
def test_beliefs_about_a_bar_are_what_its_versions_say(made: list[tuple[int, int, int, int, bool]], place: int) -> None:
    store = history_of(made)
    slot = TimeRange(int(SLOTS[0]) + place * 1_800, int(SLOTS[0]) + (place + 1) * 1_800)
    expected: list[tuple[State, list[tuple[float, ...]], int]] = []
    for sealed in versions_of(store, slot):
        state = State.UNANSWERED if not sealed.answered else State.BAR if len(sealed.bars) else State.QUIET
        told = (state, sealed.bars.frame.rows())
        if not expected or expected[-1][:2] != told:
            expected.append((*told, sealed.version.commit.seq))
    found = store.beliefs(HEADER.node, slot.start + 77)
    assert [(belief.state, belief.bar.frame.rows(), belief.since.seq) for belief in found] == expected
    assert [belief.until.seq for belief in found[:-1] if belief.until] == [since for _, _, since in expected[1:]]
    assert found[-1].until is None
    for belief in found:
        at = belief.since.observed.at_of(np.array([slot.start]))[0]
        assert belief.observed_at_ms == (None if belief.state is State.UNANSWERED else at)
    newest = store.read(store.resolve(HEADER.node), slot)
    assert found[-1].bar.frame.equals(newest.bars.frame)


@settings(max_examples=settings().max_examples // 2)
@given(made=steps, edges=st.none() | st.tuples(st.integers(-3, 96), st.integers(1, 100)))
def test_changes_of_a_window_are_the_differences_of_its_versions(
    made: list[tuple[int, int, int, int, bool]], edges: tuple[int, int] | None
) -> None:
    store = history_of(made)
    window = edges and TimeRange(int(SLOTS[0]) + edges[0] * 1_800, int(SLOTS[0]) + sum(edges) * 1_800)
    expected = []
    bars, answered = bars_at(HEADER, SLOTS[:0]), Ranges.empty()
    for sealed in versions_of(store, window):
        found = compare(bars, answered, sealed.bars, sealed.answered)
        bars, answered = sealed.bars, sealed.answered
        if not found.equal:
            numbers = (len(found.added), found.restated.height, len(found.removed))
            slots = (found.answered.seconds // 1_800, found.unanswered.seconds // 1_800)
            assert sealed.content == content_of(HEADER, bars, answered)
            expected.append((sealed.version.commit.seq, sealed.content, len(bars), *numbers, *slots))
    told = [
        (
            change.commit.seq,
            change.content,
            change.rows,
            *astuple(change.counts),
        )
        for change in store.changes(HEADER.node, window)
    ]
    assert told == expected


def daily(root: Path, commits: int, restated_day: int) -> Counting:
    """A store of so many daily commits, with one bar a quarter of an hour, one day of it restated later."""
    clock = Ticking(T0 * 1_000)
    store = open_store(root, clock=clock)
    for day in range(commits):
        clock.now = (T0 + (day + 1) * DAY) * 1_000 + 60_000
        store.publish(candidate(days(day), at_ms=clock.now, every=15))
        if day == restated_day + 20:
            hour = TimeRange(T0 + restated_day * DAY, T0 + restated_day * DAY + HOUR)
            store.publish(candidate(hour, at_ms=clock.now + 1, salt=1, every=15))
    return Counting(FolderObjects(root))


def test_the_history_of_a_bar_reads_few_of_many_commits(tmp_path: Path) -> None:
    objects = daily(tmp_path, commits=150, restated_day=30)
    found = open_store(objects).beliefs(NODE, T0 + 30 * DAY)
    assert [(belief.state, belief.since.seq) for belief in found] == [
        (State.UNANSWERED, 1),
        (State.BAR, 31),
        (State.BAR, 52),
    ]
    commits = [path for path in objects.reads if "/commits/" in path]
    assert len(commits) <= 4 * (2 * math.log2(151) + 4)
    assert sum(path.endswith(".parquet") for path in objects.reads) <= 4
    assert not objects.listed


def test_the_history_of_everything_opens_bars_only_where_some_were_restated(tmp_path: Path) -> None:
    objects = daily(tmp_path, commits=90, restated_day=30)
    objects.clear()
    found = list(open_store(objects).changes(NODE))
    assert [change.commit.seq for change in found] == list(range(1, 92))
    assert [change.commit.seq for change in found if change.counts.restated] == [52]
    assert found[51].counts == Counts(added=0, restated=4, removed=0, answered=0, unanswered=0)
    assert (found[-1].rows, found[-1].content) == (90 * 96, found[-1].commit.fingerprint)
    assert sum(path.endswith(".parquet") for path in objects.reads) <= 4  # a day and its month, before and after


def test_a_bar_that_no_version_answers_for_is_told_so(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(3)))
    for moment in (T0, T0 + 900 * DAY, 0):
        (belief,) = store.beliefs(NODE, moment)
        assert (belief.state, belief.since.seq, belief.until, len(belief.bar)) == (State.UNANSWERED, 1, None, 0)
    assert list(store.changes(NODE, days(10))) == []


def test_the_history_of_a_node_without_versions_says_what_there_is(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0)))
    other = header_of("1m", "ETH/USDT").node
    with pytest.raises(NotFound, match="no sealed version"):
        store.beliefs(other, T0)
    with pytest.raises(NotFound, match="no sealed version"):
        list(store.changes(other))


def test_a_bar_that_turns_quiet_and_back_is_three_beliefs(tmp_path: Path) -> None:
    store, slot = open_store(tmp_path), TimeRange(T0 + 60, T0 + 120)
    store.publish(candidate(days(0), at_ms=1))
    store.publish(candidate(TimeRange(T0, T0 + 120), at_ms=2, every=2))  # the second minute has no bar
    store.publish(candidate(days(1), at_ms=3))
    store.publish(candidate(slot, at_ms=4, salt=2))
    found = store.beliefs(NODE, slot.start)
    assert [belief.state for belief in found] == [State.BAR, State.QUIET, State.BAR]
    assert [belief.observed_at_ms for belief in found] == [1, 2, 4]
    assert found[0].bar.frame.select("close").rows() != found[2].bar.frame.select("close").rows()
    assert isinstance(found[1].bar.frame, pl.DataFrame)
