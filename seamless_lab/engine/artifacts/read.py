"""The bars of a version, whole or in a window, with the digest of exactly what is delivered."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.digest import Header, Leaf, Pack, PackRef, leaf_of, pack_of, root_of
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Tree, Version
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.rows import cut, joined, leaves_in

_FEW = 2  # packs to open before threads are worth their cost


@dataclass(frozen=True, slots=True, eq=False)
class Sealed:
    """Verified bars of one version.

    `window` on the grid, None when the whole version was asked for; `answered`: the version's answered slots in it;
    `content`: digest of `bars` and `answered`, equal wherever the same window holds the same.
    """

    version: Version
    window: TimeRange | None
    bars: Bars
    answered: Ranges
    content: str


def read(loader: Loader, version: Version, window: TimeRange | None = None) -> Sealed:
    """What a version says about a window (snapped outward to the grid), or all it says.

    Opens only the packs that the window touches; memory-maps what was read before. Raises `Corrupted`.
    """
    tree = version.tree
    grid = tree.header.grid
    if window is not None:
        window = grid.snap_outward(window)
    refs = refs_in(tree, window)
    frames = _frames(loader, tree, refs, window)
    answered, content, _ = _content(loader, tree, refs, frames, window)
    bars = Bars(tree.header.node, grid, joined([part for parts in frames for part in parts]))
    return Sealed(version, window, bars, answered, content)


def content(loader: Loader, version: Version, window: TimeRange) -> str:
    """The digest that `read` gives a window, without the rows inside: opens only the leaves that its edges cut."""
    return content_and_rows(loader, version, window)[0]


def content_and_rows(loader: Loader, version: Version, window: TimeRange) -> tuple[str, int]:
    """As `content`, with the number of bars in the window."""
    tree = version.tree
    window = tree.header.grid.snap_outward(window)
    refs = refs_in(tree, window)
    return _content(loader, tree, refs, [_edges(loader, tree, ref, window) for ref in refs], window)[1:]


def _edges(loader: Loader, tree: Tree, ref: PackRef, window: TimeRange) -> list[pl.DataFrame]:
    """The rows of a pack's leaves that a window cuts."""
    if _inside(ref.answered, window):
        return []
    cells, newest = leaf_cells(tree.header.grid), ref is tree.packs[-1]
    cut_leaves = [
        leaf
        for leaf in leaves_in(tree.header, loader.pack(tree.header, ref.digest).leaves, window)
        if leaf.rows and not _inside(leaf.answered, window)
    ]
    return [
        frame for leaf in cut_leaves for frame in loader.frames(tree.header, ref, cells.slots(leaf.cell), newest=newest)
    ]


def refs_in(tree: Tree, window: TimeRange | None) -> Sequence[PackRef]:
    """The packs whose cell has slots in a window on the grid; decided by cells, which the fingerprint covers."""
    if window is None:
        return tree.packs
    grid = tree.header.grid
    first, last = pack_cells(grid).cell_of(np.array([window.start, window.end - grid.step_s], dtype=np.int64)).tolist()
    cells = [ref.cell for ref in tree.packs]
    return tree.packs[bisect_left(cells, first) : bisect_right(cells, last)]


def _frames(loader: Loader, tree: Tree, refs: Sequence[PackRef], window: TimeRange | None) -> list[list[pl.DataFrame]]:
    """The rows of each pack."""
    newest = tree.packs[-1].cell if tree.packs else None
    # mapping what is cached holds the interpreter's lock all along; threads pay off for decoding and hashing
    held = [loader.held(tree.header, ref) if ref.rows else None for ref in refs]

    def load(ref: PackRef, whole: pl.DataFrame | None) -> list[pl.DataFrame]:
        part = None if window is None or _inside(ref.answered, window) else window  # looking for edges touches pages
        if whole is not None:
            return [cut(whole, part)]
        return loader.frames(tree.header, ref, part, newest=ref.cell == newest)

    if sum(whole is None for whole in held) <= _FEW:
        return list(map(load, refs, held))
    return list(loader.executor.map(load, refs, held))


def _content(
    loader: Loader,
    tree: Tree,
    refs: Sequence[PackRef],
    frames: Sequence[Sequence[pl.DataFrame]],
    window: TimeRange | None,
) -> tuple[Ranges, str, int]:
    """The answered slots of a window, its digest and its number of bars."""
    header = tree.header
    children: list[PackRef | Pack] = []
    answered: list[Ranges] = []
    for ref, parts in zip(refs, frames, strict=True):
        if window is None or _inside(ref.answered, window):
            children.append(ref)
            answered.append(ref.answered)
            continue
        leaves = _clipped(header, leaves_in(header, loader.pack(header, ref.digest).leaves, window), parts, window)
        if leaves:
            children.append(pack_of(header, ref.cell, tuple(leaves)))
            answered += [leaf.answered for leaf in leaves]
    rows = sum(child.rows for child in children)
    if len(children) == len(tree.packs) and window is None:
        return Ranges.joined(answered), tree.fingerprint, rows
    return Ranges.joined(answered), root_of(header, children), rows


def _clipped(header: Header, leaves: Sequence[Leaf], parts: Sequence[pl.DataFrame], window: TimeRange) -> list[Leaf]:
    """Leaves as the window shows them: those inside keep their digest, those at its edges are hashed again."""
    shown: list[Leaf] = []
    for leaf in leaves:
        if _inside(leaf.answered, window):
            shown.append(leaf)
        elif len(rest := leaf.answered.clip(window)):
            bars = Bars(header.node, header.grid, cut(joined(parts), rest.bounds))
            shown.append(leaf_of(header, leaf.cell, bars, rest))
    return shown


def _inside(answered: Ranges, window: TimeRange) -> bool:
    return window.start <= int(answered.starts[0]) and int(answered.ends[-1]) <= window.end
