"""Folding the leaf files of packs that are over into one file each; no digest changes."""

from __future__ import annotations

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import pack_cells
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts.documents import data_path
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.rows import joined
from seamless_lab.engine.artifacts.write import Writer


def compact(loader: Loader, version: Version, *, now_s: int, since_s: int | None = None) -> tuple[str, ...]:
    """Write the pack files that a version lacks and whose time is over; returns their paths.

    `since_s` leaves out packs that begin before it.

    Leaf files stay: the versions that were sealed while the pack was open are made of them. Idempotent, and safe at
    any time.
    """
    tree = version.tree
    node, grid = tree.header.node, tree.header.grid
    cells = pack_cells(grid)
    paths = []
    for ref in tree.packs:
        path = data_path(node, ref.digest)
        if since_s is not None and ref.cell < since_s:
            continue
        if ref.rows and cells.slots(ref.cell).end <= now_s and not loader.objects.exists(path):
            bars = Bars(node, grid, joined(loader.frames(tree.header, ref, newest=True)).rechunk())
            Writer(loader.objects, loader.executor).write_all([], [(path, bars)], loader.codec)
            paths.append(path)
    return tuple(paths)
