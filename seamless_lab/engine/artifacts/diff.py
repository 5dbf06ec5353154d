"""What changed between two versions of a series; opens only the leaves that differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.comparison import Comparison, compare
from seamless_lab.core.digest import Header, Leaf, PackRef
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.read import refs_in
from seamless_lab.engine.artifacts.rows import cut, joined, leaves_in
from seamless_lab.errors import RequestError


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of two versions, and where it is."""

    loader: Loader
    version: Version


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """How `new` differs from `old` inside `window` (on the grid; None: anywhere).

    `leaves`: how many cells were opened because their digests differ.
    """

    old: Version
    new: Version
    window: TimeRange | None
    found: Comparison
    leaves: int

    @property
    def empty(self) -> bool:
        """Whether both hold the same."""
        return self.found.equal

    @property
    def added(self) -> Bars:
        """Bars that only the new version has."""
        return self.found.added

    @property
    def removed(self) -> Bars:
        """Bars that only the old version has."""
        return self.found.removed

    @property
    def restated(self) -> pl.DataFrame:
        """Bars of both that differ; see `Comparison`."""
        return self.found.restated

    @property
    def answered(self) -> Ranges:
        """Slots that only the new version answers for."""
        return self.found.answered

    @property
    def unanswered(self) -> Ranges:
        """Slots that only the old version answers for."""
        return self.found.unanswered


def diff(old: Side, new: Side, window: TimeRange | None = None) -> Difference:
    """The differences between two versions of one node. Raises `RequestError` when they cannot be compared."""
    header = _one_header(old.version.header, new.version.header)
    if window is not None:
        window = header.grid.snap_outward(window)
    was, now, changed = _differing_leaves(old, new, window)
    found = compare(*_state(old, was, changed, window), *_state(new, now, changed, window))
    return Difference(old.version, new.version, window, found, len(changed))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bars were added, restated and removed, and how many slots are newly or no longer answered."""

    added: int
    restated: int
    removed: int
    answered: int
    unanswered: int


def count_changes(old: Side | None, new: Side, window: TimeRange) -> Counts:
    """The differences between two versions of one series in numbers; without an old one, all that the new one says.

    Leaves that only one version has, and that lie in the window, are counted without being opened.
    """
    step_s = new.version.header.grid.step_s
    was, now, changed = _differing_leaves(old, new, window)
    gone, come = _alone(was, now, window), _alone(now, was, window)
    rest = changed - gone.keys() - come.keys()
    found = compare(*_state(old or new, was, rest, window), *_state(new, now, rest, window))
    return Counts(
        added=len(found.added) + sum(leaf.rows for leaf in come.values()),
        restated=found.restated.height,
        removed=len(found.removed) + sum(leaf.rows for leaf in gone.values()),
        answered=(found.answered.seconds + sum(leaf.answered.seconds for leaf in come.values())) // step_s,
        unanswered=(found.unanswered.seconds + sum(leaf.answered.seconds for leaf in gone.values())) // step_s,
    )


def _alone(mine: dict[int, Leaf], theirs: dict[int, Leaf], window: TimeRange) -> dict[int, Leaf]:
    """The leaves that only one side has and that lie in the window with all they answer."""
    return {
        cell: leaf
        for cell, leaf in mine.items()
        if cell not in theirs and (bounds := leaf.answered.bounds) is not None and window.contains(bounds)
    }


def _one_header(old: Header, new: Header) -> Header:
    if old.node != new.node:
        raise RequestError(
            f"{old.node} and {new.node} are not comparable: a difference is between two versions of one series.",
            hint=f"Compare {old.node} with another version of it: seamless artifacts {old.node}",
            old=str(old.node),
            new=str(new.node),
        )
    if old != new:
        raise RequestError(
            f"These versions of {new.node} are not comparable: one has {_kind(old)}, the other {_kind(new)}.",
            hint="Bars of different grids or conformance versions are different series; fetch one of them again.",
            old=_kind(old),
            new=_kind(new),
        )
    return new


def _kind(header: Header) -> str:
    grid = header.grid
    return f"bars every {grid.step_s} s from {grid.anchor_s} s, conformance {header.conformance}"


def _differing_leaves(
    old: Side | None, new: Side, window: TimeRange | None
) -> tuple[dict[int, Leaf], dict[int, Leaf], set[int]]:
    """The leaves of each version in packs that the other one does not have, and the cells of those that differ."""
    before = {} if old is None else {ref.cell: ref for ref in refs_in(old.version.tree, window)}
    after = {ref.cell: ref for ref in refs_in(new.version.tree, window)}
    same = {cell for cell in before.keys() & after.keys() if before[cell].digest == after[cell].digest}
    was = _leaves(old or new, [ref for cell, ref in before.items() if cell not in same], window)
    now = _leaves(new, [ref for cell, ref in after.items() if cell not in same], window)
    return was, now, {cell for cell in was.keys() | now.keys() if _digest(was, cell) != _digest(now, cell)}


def _leaves(side: Side, packs: list[PackRef], window: TimeRange | None) -> dict[int, Leaf]:
    header, load = side.version.header, side.loader.pack
    return {leaf.cell: leaf for ref in packs for leaf in leaves_in(header, load(header, ref.digest).leaves, window)}


def _digest(leaves: dict[int, Leaf], cell: int) -> str:
    return leaves[cell].digest if cell in leaves else ""


def _state(side: Side, leaves: dict[int, Leaf], cells: set[int], window: TimeRange | None) -> tuple[Bars, Ranges]:
    """The bars and answered slots of some leaves, inside the window."""
    header = side.version.header
    opened = [leaves[cell] for cell in sorted(cells & leaves.keys())]
    frames = [frame for ref, slots in _reads(side.version, opened) for frame in _frames(side, ref, slots)]
    answered = Ranges.joined(leaf.answered for leaf in opened)
    if window is not None:
        answered = answered.clip(window)
    return Bars(header.node, header.grid, cut(joined(frames), window)), answered


def _frames(side: Side, ref: PackRef, slots: TimeRange) -> list[pl.DataFrame]:
    newest = ref is side.version.tree.packs[-1]
    return side.loader.frames(side.version.header, ref, slots, newest=newest)


def _reads(version: Version, leaves: list[Leaf]) -> Iterator[tuple[PackRef, TimeRange]]:
    """Which slots of which packs to read: neighbouring leaves of one pack together, others never."""
    if not leaves:
        return
    grid, refs = version.header.grid, {ref.cell: ref for ref in version.tree.packs}
    cells = np.array([leaf.cell for leaf in leaves], dtype=np.int64)
    slots = [leaf_cells(grid).slots(cell) for cell in cells.tolist()]
    broken = np.array([0, *(one.end != other.start for one, other in pairwise(slots))])
    places = zip(pack_cells(grid).cell_of(cells).tolist(), np.cumsum(broken).tolist(), slots, strict=True)
    for (pack, _), members in groupby(places, key=lambda place: place[:2]):
        run = [window for _, _, window in members]
        yield refs[pack], TimeRange(run[0].start, run[-1].end)
