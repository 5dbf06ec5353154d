"""What changed between two versions of a series; opens only the leaves that differ."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from seamless_lab.core.bars import VALUES, Bars
from seamless_lab.core.cells import leaf_cells
from seamless_lab.core.digest import Leaf
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.rows import joined
from seamless_lab.errors import RequestError


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """How `new` differs from `old`.

    `added`, `removed`: bars that only one of them has. `restated`: columns `ts`, then each value as `<name>_old` and
    `<name>_new`, for bars of both that differ. `answered`, `unanswered`: slots that only the new or only the old
    version answers for. `leaves`: how many differ.
    """

    old: Version
    new: Version
    added: Bars
    removed: Bars
    restated: pl.DataFrame
    answered: Ranges
    unanswered: Ranges
    leaves: int

    @property
    def empty(self) -> bool:
        """Whether both hold the same."""
        return self.leaves == 0


def diff(loader: Loader, old: Version, new: Version) -> Difference:
    """The differences between two versions of one node. Raises `RequestError` when they cannot be compared."""
    if old.header != new.header:
        raise RequestError(
            f"{old.header.node} and {new.header.node} are not comparable: node, grid and conformance must agree.",
            old=str(old.header.node),
            new=str(new.header.node),
        )
    header = new.header
    changed_packs = {(ref.cell, ref.digest) for ref in old.tree.packs} ^ {
        (ref.cell, ref.digest) for ref in new.tree.packs
    }
    cells = {cell for cell, _ in changed_packs}
    before, after = _leaves(loader, old, cells), _leaves(loader, new, cells)
    changed = {cell for cell in before.keys() | after.keys() if _digest(before, cell) != _digest(after, cell)}
    was, known_before = _rows(loader, old, changed, before)
    now, known_after = _rows(loader, new, changed, after)
    both = was.join(now, on="ts", how="inner", suffix="_new", maintain_order="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in VALUES)
    columns = [
        expression for name in VALUES for expression in (pl.col(name).alias(f"{name}_old"), pl.col(f"{name}_new"))
    ]
    return Difference(
        old,
        new,
        added=Bars(header.node, header.grid, now.join(was, on="ts", how="anti", maintain_order="left")),
        removed=Bars(header.node, header.grid, was.join(now, on="ts", how="anti", maintain_order="left")),
        restated=both.filter(differs).select("ts", *columns),
        answered=known_after - known_before,
        unanswered=known_before - known_after,
        leaves=len(changed),
    )


def _leaves(loader: Loader, version: Version, cells: set[int]) -> dict[int, Leaf]:
    refs = [ref for ref in version.tree.packs if ref.cell in cells]
    return {leaf.cell: leaf for ref in refs for leaf in loader.pack(version.header, ref.digest).leaves}


def _digest(leaves: dict[int, Leaf], cell: int) -> str:
    return leaves[cell].digest if cell in leaves else ""


def _rows(loader: Loader, version: Version, cells: set[int], leaves: dict[int, Leaf]) -> tuple[pl.DataFrame, Ranges]:
    header, packs = version.header, version.tree.packs
    calendar = leaf_cells(header.grid)
    frames, answered = [], Ranges.empty()
    for cell in sorted(cells & leaves.keys()):
        window = calendar.slots(cell)
        ref = max((ref for ref in packs if ref.cell <= cell), key=lambda ref: ref.cell)
        frames += loader.frames(header, ref, window, newest=ref is packs[-1])
        answered |= leaves[cell].answered
    return joined(frames), answered
