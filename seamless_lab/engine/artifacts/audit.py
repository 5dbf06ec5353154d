"""Reading the bars of a window again, from every file that holds some of them, against the digests of a version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.comparison import Comparison, compare
from seamless_lab.core.digest import Header, Leaf, PackRef
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts.documents import data_path, tree_path
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.read import content, refs_in
from seamless_lab.engine.artifacts.rows import cut, leaves_in, mismatches, missing_files
from seamless_lab.engine.artifacts.segments import SegmentCache
from seamless_lab.errors import Corrupted, DataError, Missing, NotFound


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is missing, unreadable or holds other bars than its digest says, in the cell `slots`.

    `compared`: from the bars that were sealed to those that the file holds, where the witness still has the former.
    `missing`: there is no file that could hold other bars.
    """

    path: str
    slots: TimeRange
    problem: str
    expected: str = ""
    found: str = ""
    compared: Comparison | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What a version really holds of a window: of undamaged files the bars, the answered slots and their digest.

    `dropped`: cached copies that held other bars than were sealed; reads gave those until now.
    """

    rows: int
    answered: Ranges
    content: str
    damages: tuple[Damage, ...]
    dropped: tuple[str, ...] = ()

    @property
    def only_missing(self) -> bool:
        """Whether files are missing, and all that are there hold what was sealed."""
        return bool(self.damages) and all(damage.missing for damage in self.damages)


def audit(loader: Loader, version: Version, window: TimeRange, witness: SegmentCache) -> Audit:
    """Hash all bars of a window again. With a loader that holds nothing, nothing that is remembered is trusted.

    `witness`, which reads are answered from, is hashed again too, and asked for the bars that a damaged file held.
    """
    header = version.header
    window = header.grid.snap_outward(window)
    refs = refs_in(version.tree, window)
    dropped: list[str] = []
    parts = list(loader.executor.map(lambda ref: _Pack(loader, header, ref, window, witness, dropped).read(), refs))
    damages = tuple(damage for _, _, found in parts for damage in found)
    answered = Ranges.joined(leaf.answered for leaves, _, _ in parts for leaf in leaves)
    return Audit(
        rows=sum(rows for _, rows, _ in parts),
        answered=answered.clip(window),
        content="" if damages else content(loader, version, window),
        damages=damages,
        dropped=tuple(sorted(dropped)),
    )


_Found = tuple[Sequence[Leaf], int, list[Damage]]


@dataclass(frozen=True, slots=True, eq=False)
class _Pack:
    """One pack of a version, as far as it lies in a window."""

    loader: Loader
    header: Header
    ref: PackRef
    window: TimeRange
    witness: SegmentCache
    dropped: list[str]

    def read(self) -> _Found:
        """The leaves in the window, how many of their bars open in it, and what is damaged."""
        cell = pack_cells(self.header.grid).slots(self.ref.cell)
        try:
            pack = self.loader.read_pack(self.header, self.ref.digest)
        except Corrupted as error:
            missing = isinstance(error, Missing)
            return (), 0, [_damage(tree_path(self.header.node, self.ref.digest), cell, error, missing=missing)]
        leaves = leaves_in(self.header, pack.leaves, self.window)
        damages: list[Damage] = []
        whole = self._file(self.ref.digest, pack.leaves, damages) if self.ref.rows else None
        parts = [(leaf, self._file(leaf.digest, (leaf,), damages)) for leaf in leaves if leaf.rows]
        if whole is None and not damages:
            damages += self._missing(pack.leaves, [leaf.cell for leaf, part in parts if part is None])
        frames = [whole] if whole is not None else [part for _, part in parts if part is not None]
        return leaves, sum(cut(frame, self.window).height for frame in frames), damages

    def _file(self, digest: str, leaves: Sequence[Leaf], damages: list[Damage]) -> pl.DataFrame | None:
        """The rows of a file, None when there is none."""
        path = data_path(self.header.node, digest)
        if not self.witness.recheck(digest, lambda kept: not mismatches(self.header, kept, leaves)):
            self.dropped.append(digest)
        try:
            data = self.loader.objects.read(path)
        except NotFound:
            return None
        try:
            frame = self.loader.codec.decode(data, path=path)
        except Corrupted as error:
            damages += self._where(digest, data, leaves) or [_damage(path, self._slots(leaves), error)]
            return None
        damages += self._wrong(digest, frame, leaves)
        return frame

    def _where(self, digest: str, data: bytes, leaves: Sequence[Leaf]) -> list[Damage]:
        """The leaves that damaged bytes no longer hold; none when they hold all or cannot be read at all."""
        try:
            return list(self._wrong(digest, self.loader.codec.decode(data, path=digest, checked=False), leaves))
        except DataError:
            return []

    def _wrong(self, digest: str, frame: pl.DataFrame, leaves: Sequence[Leaf]) -> Iterator[Damage]:
        wrong = mismatches(self.header, frame, leaves)
        if not wrong:
            return
        path, problem = data_path(self.header.node, digest), "does not hold the bars that were sealed"
        sealed = self.witness.load(digest, lambda kept: not mismatches(self.header, kept, leaves))
        for leaf, found in wrong:
            slots = self._slots((leaf,))
            known = None if sealed is None else self._compared(cut(sealed, slots), frame, leaf, slots)
            yield Damage(path, slots, problem, leaf.digest, found, known)

    def _compared(self, sealed: pl.DataFrame, frame: pl.DataFrame, leaf: Leaf, slots: TimeRange) -> Comparison:
        node, grid = self.header.node, self.header.grid
        stored = frame.filter(pl.col("ts").is_between(slots.start, slots.end, closed="left")).sort("ts")
        return compare(Bars(node, grid, sealed), leaf.answered, Bars(node, grid, stored), leaf.answered)

    def _missing(self, leaves: Sequence[Leaf], wanted: Sequence[int]) -> Iterator[Damage]:
        found = missing_files(self.header.node, self.ref.digest, leaves, self.loader.objects.exists)
        for lost, path, problem, expected in found:
            if mine := [leaf for leaf in lost if leaf.cell in wanted]:
                yield Damage(path, self._slots(mine), problem, expected, missing=True)

    def _slots(self, leaves: Sequence[Leaf]) -> TimeRange:
        cells = leaf_cells(self.header.grid)
        return TimeRange(cells.slots(leaves[0].cell).start, cells.slots(leaves[-1].cell).end)


def _damage(path: str, slots: TimeRange, error: Corrupted, *, missing: bool = False) -> Damage:
    expected, found = (error.facts.get(name) for name in ("expected", "found"))
    problem = error.message.removeprefix(path).strip().removesuffix(".")
    return Damage(path, slots, problem, str(expected or ""), str(found or ""), missing=missing)
