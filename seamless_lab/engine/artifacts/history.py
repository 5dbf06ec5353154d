"""What was believed about a bar or a window over time; reads the commits at which that may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from seamless_lab.core.bars import Bars
from seamless_lab.core.comparison import State
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import EARLIEST_S, LATEST_S, TimeRange
from seamless_lab.core.version import Commit, Version
from seamless_lab.engine.artifacts.diff import Counts, Side, count_changes
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.read import content, refs_in
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ, Resolver
from seamless_lab.engine.artifacts.rows import joined, leaves_in

_ALWAYS = TimeRange(EARLIEST_S, LATEST_S)
_NOTHING = Counts(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What a run of versions says about one bar.

    `bar` holds it, or nothing where the slot is quiet or unanswered. `since` is the first commit that says so, `until`
    the first one that says something else (None: it is what the newest version says), `observed_at_ms` when the source
    had said it, None for an unanswered slot.
    """

    state: State
    bar: Bars
    since: Commit
    until: Commit | None
    observed_at_ms: int | None


@dataclass(frozen=True, slots=True, eq=False)
class WindowChange:
    """A commit that changed what was believed about a window.

    `content` and `rows`: digest and number of bars of the window from then on. `counts`: what differs from the belief
    before.
    """

    commit: Commit
    content: str
    rows: int
    counts: Counts


def beliefs(loader: Loader, resolver: Resolver, node: NodeId, at_s: int) -> list[Belief]:
    """What was believed about the bar of one slot, oldest first; see `SealedStore.beliefs`."""
    grid = loader.version(node, _head(resolver, node).seq).header.grid
    slot = grid.snap_outward(TimeRange(at_s, at_s + 1))
    found: list[Belief] = []
    digest = ""
    for commit in _touching(resolver, node, slot):
        now = _leaf_digest(loader, commit, node, slot)
        if found and now == digest:
            continue
        digest = now
        belief = _belief(loader, loader.version(node, commit.seq), slot)
        before = found[-1] if found else None
        if before is not None:
            if before.state is belief.state and before.bar.frame.equals(belief.bar.frame):
                continue
            found[-1] = Belief(before.state, before.bar, before.since, commit, before.observed_at_ms)
        found.append(belief)
    return found


def changes(loader: Loader, resolver: Resolver, node: NodeId, window: TimeRange | None) -> Iterator[WindowChange]:
    """The commits that changed what was believed about a window, oldest first; see `SealedStore.changes`."""
    grid = loader.version(node, _head(resolver, node).seq).header.grid
    window = _ALWAYS if window is None else grid.snap_outward(window)
    last: Commit | None = None
    rows = 0
    for commit in _touching(resolver, node, window):
        whole = commit.bounds is not None and window.contains(commit.bounds)
        appended = _appended(last, commit, grid.step_s) if whole and last is not None else None
        counts = appended or _change(loader, last, commit, node, window)
        last, rows = commit, rows + counts.added - counts.removed
        if counts != _NOTHING:
            said = commit.fingerprint if whole else content(loader, loader.version(node, commit.seq), window)
            yield WindowChange(commit, said, rows, counts)


def _touching(resolver: Resolver, node: NodeId, window: TimeRange) -> Iterator[Commit]:
    """The first commit, and those at which what is known about a window may have changed, oldest first.

    Whatever changes a slot moves the moment on at which it was answered or withdrawn, and nothing moves it back: where
    two commits agree on these moments, so do all between them.
    """
    newest = _head(resolver, node).seq

    def commit(seq: int) -> Commit:
        return resolver.seq(node, seq)

    @cache
    def moments(seq: int) -> bytes:
        known = commit(seq)
        return b"|".join(
            part.tobytes()
            for runs in (known.observed.clip(window), known.withdrawn.clip(window))
            for part in (runs.starts, runs.ends, runs.at_ms)
        )

    yield commit(FIRST_SEQ)
    for seq in _steps(moments, FIRST_SEQ, newest):
        yield commit(seq)


def _head(resolver: Resolver, node: NodeId) -> Commit:
    head = resolver.head(node)
    if head is None:
        raise resolver.nothing(node)
    return head.commit


def _steps(value: Callable[[int], bytes], low: int, high: int) -> Iterator[int]:
    """The places after `low` up to `high` at which a value differs from the one before, if it never comes back."""
    if value(low) == value(high):
        return
    if high - low == 1:
        yield high
        return
    middle = (low + high) // 2
    yield from _steps(value, low, middle)
    yield from _steps(value, middle, high)


def _leaf_digest(loader: Loader, commit: Commit, node: NodeId, slot: TimeRange) -> str:
    """The digest of the leaf that holds a slot, or "" where the slot is unanswered."""
    if commit.observed.at_of(np.array([slot.start], dtype=np.int64))[0] < 0:
        return ""
    version = loader.version(node, commit.seq)
    leaves = [
        leaf
        for ref in refs_in(version.tree, slot)
        for leaf in leaves_in(version.header, loader.pack(version.header, ref.digest).leaves, slot)
    ]
    return leaves[0].digest if leaves else ""


def _belief(loader: Loader, version: Version, slot: TimeRange) -> Belief:
    header, packs = version.header, version.tree.packs
    at_ms = int(version.commit.observed.at_of(np.array([slot.start], dtype=np.int64))[0])
    refs = refs_in(version.tree, slot) if at_ms >= 0 else ()
    frames = [frame for ref in refs for frame in loader.frames(header, ref, slot, newest=ref is packs[-1])]
    bar = Bars(header.node, header.grid, joined(frames))
    state = State.UNANSWERED if at_ms < 0 else State.BAR if len(bar) else State.QUIET
    return Belief(state, bar, version.commit, None, at_ms if at_ms >= 0 else None)


def _appended(before: Commit, commit: Commit, step_s: int) -> Counts | None:
    """The change between two commits, where all that it did was to answer slots: then they say it all.

    None where documents have to be opened.
    """
    known = before.observed.answered
    if len(commit.withdrawn) or len(before.withdrawn) or commit.observed.within(known) != before.observed:
        return None
    answered = (commit.observed.answered - known).seconds // step_s
    return Counts(added=commit.rows - before.rows, restated=0, removed=0, answered=answered, unanswered=0)


def _change(loader: Loader, before: Commit | None, commit: Commit, node: NodeId, window: TimeRange) -> Counts:
    old = None if before is None else Side(loader, loader.version(node, before.seq))
    return count_changes(old, Side(loader, loader.version(node, commit.seq)), window)
