"""What the next version will be: a candidate merged into the newest version, from the leaves it touches alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.digest import Header, Leaf, Pack, PackRef, leaves_of, packs_of
from seamless_lab.core.observed import Observed, overlay, replaced, standing
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Json, Tree, Version
from seamless_lab.engine.artifacts.coarsen import coarsened
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.rows import joined
from seamless_lab.errors import DataError

_FEW = 4  # leaves to hash before threads are worth their cost


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What somebody wants sealed: bars, when which slots were answered, and the evidence that the commit archives.

    Every bar opens in a slot of `observed`. `conformance`, `producer` and `provenance` hold JSON values only.
    """

    header: Header
    bars: Bars
    observed: Observed
    conformance: Json = field(default_factory=dict)
    producer: Json = field(default_factory=dict)
    provenance: Json = field(default_factory=dict)
    watermark_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A pack that a publish replaces: what it was (None if absent), what it becomes, and which leaves are new."""

    before: PackRef | None
    pack: Pack
    fresh: tuple[Leaf, ...]
    newest: bool


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The next version, but for its commit."""

    tree: Tree
    observed: Observed
    bars: Bars
    """All rows of the leaves that changed."""
    touched: Ranges
    """The slots of the leaves that changed."""
    changes: tuple[Change, ...]


def check_candidate(candidate: Candidate) -> None:
    """Raise `DataError` unless the bars are of the header's series and open in answered slots on its grid."""
    header, bars, observed = candidate.header, candidate.bars, candidate.observed
    if bars.node != header.node or bars.grid != header.grid:
        raise DataError(f"Bars of {bars.node} cannot be sealed as {header.node}.", node=str(header.node))
    grid = header.grid
    if ((observed.starts - grid.anchor_s) % grid.step_s).any() or ((observed.ends - grid.anchor_s) % grid.step_s).any():
        raise DataError(f"{header.node}: answered slots are off the grid of {grid.step_s} s.", node=str(header.node))
    stray = int((~observed.answered.contains(bars.ts)).sum())
    if stray:
        raise DataError(
            f"{header.node}: {stray} bars open in slots that are not answered.", node=str(header.node), bars=stray
        )


def merge_candidate(loader: Loader, base: Version | None, candidate: Candidate) -> Merged | None:
    """The version after precedence per slot, from the leaves touched alone; None when no slot was observed later."""
    header = candidate.header
    if base is not None and base.header != header:
        raise DataError(
            f"{header.node} is sealed with the grid {base.header.grid} and conformance {base.header.conformance}, "
            f"not {header.grid} and {header.conformance}.",
            hint="Seal it in another store.",
            node=str(header.node),
        )
    known = Observed.none() if base is None else base.commit.observed
    if base is not None and len(base.commit.withdrawn):
        candidate = _standing(candidate, base.commit.withdrawn)
    decided = overlay(known, candidate.observed)
    won, observed = decided.won, decided.result
    if not len(won):
        return None
    cells = _touched(header, won)
    touched = Ranges.of(window for _, window in cells)
    refs = {ref.cell: ref for ref in base.tree.packs} if base is not None else {}
    pack_of_leaf = pack_cells(header.grid).cell_of(np.array([cell for cell, _ in cells], dtype=np.int64)).tolist()
    packs = {cell: loader.pack(header, refs[cell].digest) for cell in set(pack_of_leaf) if cell in refs}
    newest = max(refs, default=None)

    old_rows = []
    for (cell, window), pack_cell in zip(cells, pack_of_leaf, strict=True):
        leaf = (
            next((leaf for leaf in packs[pack_cell].leaves if leaf.cell == cell), None) if pack_cell in packs else None
        )
        if leaf is not None and leaf.rows and len(leaf.answered - won):
            old_rows += loader.frames(header, refs[pack_cell], window, newest=pack_cell == newest)
    old = Bars(header.node, header.grid, joined(old_rows))
    bars = replaced(old, candidate.bars, won)
    executor = loader.executor if len(cells) > _FEW else None
    leaves = leaves_of(header, bars, observed.answered & touched, executor=executor)

    gone = {cell for cell, _ in cells}
    kept = [leaf for pack in packs.values() for leaf in pack.leaves if leaf.cell not in gone]
    changed = packs_of(header, sorted(chain(kept, leaves), key=lambda leaf: leaf.cell))
    fresh: dict[int, list[Leaf]] = {}
    for leaf, cell in zip(leaves, pack_of_leaf, strict=True):
        fresh.setdefault(cell, []).append(leaf)
    changes = tuple(
        Change(refs.get(pack.cell), pack, tuple(fresh[pack.cell]), pack.cell == newest)
        for pack in changed
        if pack.cell not in refs or refs[pack.cell].digest != pack.digest
    )
    for change in changes:
        refs[change.pack.cell] = PackRef(change.pack.cell, change.pack.digest, change.pack.rows, change.pack.answered)
    tree = Tree.of(header, tuple(refs[cell] for cell in sorted(refs)))
    return Merged(tree, coarsened(observed, header.grid, spare=set(pack_of_leaf)), bars, touched, changes)


def _standing(candidate: Candidate, withdrawn: Observed) -> Candidate:
    """The part of a candidate that was observed after a rollback withdrew what was known before."""
    observed = standing(candidate.observed, withdrawn)
    return replace(candidate, bars=candidate.bars.within(observed.answered), observed=observed)


def _touched(header: Header, slots: Ranges) -> list[tuple[int, TimeRange]]:
    """The leaf cells that hold some of these slots, each with all its slots."""
    bounds = slots.bounds
    if bounds is None:
        return []
    cells = leaf_cells(header.grid)
    starts = cells.starts(bounds)
    edges = cells.edges(starts)
    touched = np.searchsorted(slots.ends, edges[:-1], side="right") < np.searchsorted(
        slots.starts, edges[1:], side="left"
    )
    found = zip(starts[:-1][touched].tolist(), edges[:-1][touched].tolist(), edges[1:][touched].tolist(), strict=True)
    return [(cell, TimeRange(begin, end)) for cell, begin, end in found]
