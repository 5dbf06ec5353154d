"""Sealing: what is new is merged into the newest version, written, and made the next version in one atomic step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.digest import Header, Leaf, Pack, leaves_of, packs_of
from seamless_lab.core.observed import Observed, merge, overlay
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.core.version import Commit, Json, PackRef, Tree, Version, pack_to_bytes
from seamless_lab.engine.artifacts.coarsen import coarsened
from seamless_lab.engine.artifacts.documents import checksum, commit_path, data_path, tree_path, with_checksum
from seamless_lab.engine.artifacts.load import Loader, StoredCommit, joined
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ, Resolver
from seamless_lab.engine.artifacts.write import Writer
from seamless_lab.engine.ports import Clock
from seamless_lab.errors import ClockSkew, DataError

SKEW_MS = 5_000
"""How far a publisher's clock may be behind the newest commit."""

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
class Published:
    """The version that holds the candidate; `created` is False when the newest one already did.

    `retries` counts lost races.
    """

    version: Version
    created: bool
    retries: int = 0


def publish(loader: Loader, resolver: Resolver, candidate: Candidate, clock: Clock) -> Published:
    """Make the newest version hold the candidate; see `SealedStore.publish`."""
    _check(candidate)
    node = candidate.header.node
    writer = Writer(loader.objects, loader.executor)
    retries = 0
    while True:
        head = resolver.head(node)
        base = None if head is None else loader.version(node, head.commit.seq)
        merged = _merge(loader, base, candidate)
        if base is not None and (merged is None or merged.tree.fingerprint == base.tree.fingerprint):
            return Published(base, created=False, retries=retries)
        if merged is None:
            raise DataError(f"{node}: there is nothing answered to seal.", node=str(node))
        now_ms = _now_after(clock, head, candidate.header)
        _write(loader, writer, merged, now_ms // 1_000)
        commit = _commit(head, candidate, merged, now_ms)
        path, body = commit_path(node, commit.seq), commit.to_bytes()
        if loader.objects.create(path, with_checksum(path, body)):
            break
        retries += 1
    writer.confirm()
    loader.remember_tree(merged.tree)
    resolver.saw(node, StoredCommit(commit, checksum(path, body)))
    return Published(Version(commit, merged.tree), created=True, retries=retries)


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """A pack that a publish replaces: what it was (None if absent), what it becomes, and which leaves are new."""

    before: PackRef | None
    pack: Pack
    fresh: tuple[Leaf, ...]
    newest: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Merged:
    tree: Tree
    observed: Observed
    bars: Bars
    """All rows of the leaves that changed."""
    touched: Ranges
    """The slots of the leaves that changed."""
    changes: tuple[_Change, ...]


def _check(candidate: Candidate) -> None:
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


def _merge(loader: Loader, base: Version | None, candidate: Candidate) -> _Merged | None:
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
    won = overlay(known, candidate.observed).won
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
    bars, observed, _ = merge(old, known, candidate.bars, candidate.observed)
    executor = loader.executor if len(cells) > _FEW else None
    leaves = leaves_of(header, bars, observed.answered & touched, executor=executor)

    gone = {cell for cell, _ in cells}
    kept = [leaf for pack in packs.values() for leaf in pack.leaves if leaf.cell not in gone]
    changed = packs_of(header, sorted(chain(kept, leaves), key=lambda leaf: leaf.cell))
    fresh: dict[int, list[Leaf]] = {}
    for leaf, cell in zip(leaves, pack_of_leaf, strict=True):
        fresh.setdefault(cell, []).append(leaf)
    changes = tuple(
        _Change(refs.get(pack.cell), pack, tuple(fresh[pack.cell]), pack.cell == newest)
        for pack in changed
        if pack.cell not in refs or refs[pack.cell].digest != pack.digest
    )
    for change in changes:
        refs[change.pack.cell] = PackRef(change.pack.cell, change.pack.digest, change.pack.rows, change.pack.answered)
    tree = Tree.of(header, tuple(refs[cell] for cell in sorted(refs)))
    return _Merged(tree, coarsened(observed, header.grid, spare=set(pack_of_leaf)), bars, touched, changes)


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


def _write(loader: Loader, writer: Writer, merged: _Merged, now_s: int) -> None:
    header = merged.tree.header
    rows = chain.from_iterable(_rows(loader, merged, change, now_s) for change in merged.changes)
    documents: list[tuple[str, bytes]] = [
        _document(tree_path(header.node, change.pack.digest), pack_to_bytes(header, change.pack))
        for change in merged.changes
    ]
    documents.append(_document(tree_path(header.node, merged.tree.fingerprint), merged.tree.to_bytes()))
    for change in merged.changes:
        loader.remember_pack(change.pack)
    writer.write_all(documents, rows, loader.codec)


def _rows(loader: Loader, merged: _Merged, change: _Change, now_s: int) -> Iterable[tuple[str, Bars]]:
    """The data files of a changed pack: one for all of it once its time is over, else one for each changed leaf.

    A pack whose other leaves exist as files keeps to leaf files until compaction, so that a late day costs a day.
    """
    header = merged.tree.header
    node = header.node
    slots = pack_cells(header.grid).slots(change.pack.cell)
    fresh = {leaf.cell for leaf in change.fresh}
    carried = any(leaf.rows for leaf in change.pack.leaves if leaf.cell not in fresh)
    if carried and change.before is not None:
        whole = loader.objects.exists(data_path(node, change.before.digest))
    else:
        whole = slots.end <= now_s
    if not whole:
        cells = leaf_cells(header.grid)
        return [
            (data_path(node, leaf.digest), merged.bars.window(cells.slots(leaf.cell)))
            for leaf in change.fresh
            if leaf.rows
        ]
    if not change.pack.rows:
        return []
    bars = merged.bars.window(slots)
    if carried and change.before is not None:
        old = Bars(node, header.grid, joined(loader.frames(header, change.before, newest=change.newest)))
        rest = old.within(Ranges.single(slots) - merged.touched)
        bars = Bars(node, header.grid, joined([rest.frame, bars.frame]).sort("ts", maintain_order=True))
    return [(data_path(node, change.pack.digest), bars)]


def _document(path: str, body: bytes) -> tuple[str, bytes]:
    return path, with_checksum(path, body)


def _now_after(clock: Clock, head: StoredCommit | None, header: Header) -> int:
    now_ms = clock.now_ms()
    if head is None:
        return now_ms
    newest_ms = head.commit.as_of_ms
    if now_ms < newest_ms - SKEW_MS:
        raise ClockSkew(
            f"The local clock says {format_time_ms(now_ms)}, but the newest version of {header.node} "
            f"is as of {format_time_ms(newest_ms)}.",
            hint="Set the clock of this machine, or find who published with a clock ahead.",
            now_ms=now_ms,
            newest_ms=newest_ms,
            allowed_ms=SKEW_MS,
        )
    return max(now_ms, newest_ms + 1)


def _commit(head: StoredCommit | None, candidate: Candidate, merged: _Merged, as_of_ms: int) -> Commit:
    packs: Sequence[PackRef] = merged.tree.packs
    return Commit(
        seq=FIRST_SEQ if head is None else head.commit.seq + 1,
        previous="" if head is None else head.checksum,
        as_of_ms=as_of_ms,
        fingerprint=merged.tree.fingerprint,
        bounds=TimeRange(int(packs[0].answered.starts[0]), int(packs[-1].answered.ends[-1])),
        rows=merged.tree.rows,
        observed=merged.observed,
        conformance=candidate.conformance,
        producer=candidate.producer,
        watermark_ms=candidate.watermark_ms,
        provenance=candidate.provenance,
    )
