"""Digests of canonical content, format 1. Nothing here depends on files, batches, chunks, machines or clocks.

Layout of the bytes hashed with SHA-256 (integers little-endian int64, text UTF-8 after its length in bytes):

leaf
    `"seamless.leaf/1"`, header, cell start, number of answered ranges, their starts, their ends, number of rows, then for each column in
    the order `ts, open, high, low, close, volume`: its name, its dtype, one byte that says whether nulls follow, the null
    mask (one byte a row) if so, and the values.
pack, tree
    `"seamless.pack/1"` or `"seamless.tree/1"`, header, number of children, then for each child in time order its cell start and its
    32-byte digest. A pack also hashes its own cell start. The digest of a tree is the *fingerprint* of a dataset version.

Values are canonical before they are hashed: nulls are zero under the mask, -0.0 is 0.0, NaN has one payload. Cells in which nothing is
answered do not exist. The *content* of a window is the tree digest of what the window holds, its edge leaves clipped; so the content of a
window that holds all of a version is that version's fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import polars as pl

from seamless_lab.core.bars import COLUMNS, DTYPES, Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

FORMAT = "seamless.bars/1"
CONFORMANCE_VERSION = "v2"


@dataclass(frozen=True, slots=True)
class Header:
    """What every digest of a series starts with: format, node, grid, schema and conformance version."""

    node: NodeId
    grid: Grid
    conformance: str = CONFORMANCE_VERSION

    def to_json(self) -> dict[str, str | list[int] | list[list[str]]]:
        """The header as plain JSON values."""
        return {
            "conformance": self.conformance,
            "format": FORMAT,
            "grid": [self.grid.step_s, self.grid.anchor_s],
            "node": str(self.node),
            "schema": [[name, DTYPES[name]] for name in COLUMNS],
        }

    def to_bytes(self) -> bytes:
        """The canonical bytes of the header."""
        return canonical_json(self.to_json())


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One calendar cell of a version: where it starts, its digest, its answered slots and its number of bars."""

    cell: int
    digest: str
    rows: int
    answered: Ranges


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """The leaves of one coarser calendar cell and their joint digest."""

    cell: int
    digest: str
    leaves: tuple[Leaf, ...]

    @property
    def rows(self) -> int:
        """Number of bars."""
        return sum(leaf.rows for leaf in self.leaves)

    @property
    def answered(self) -> Ranges:
        """Answered slots."""
        return Ranges.normalised(
            np.concatenate([leaf.answered.starts for leaf in self.leaves]), np.concatenate([leaf.answered.ends for leaf in self.leaves])
        )


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys, no spaces, ASCII only: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def leaves_of(header: Header, bars: Bars, answered: Ranges, *, executor: Executor | None = None) -> tuple[Leaf, ...]:
    """The leaves of some answered slots and their bars, in time order.

    Parameters
    ----------
    bars
        All open inside `answered`.
    answered
        On the grid; cells without an answered slot give no leaf.
    executor
        Hashes leaves in parallel (hashing releases the interpreter lock). The result is the same without.
    """
    bounds = answered.bounds
    if bounds is None:
        return ()
    cells = leaf_cells(header.grid)
    starts = cells.starts(bounds)
    edges = cells.edges(starts)
    rows = np.searchsorted(bars.ts, edges)
    columns = [_canonical(bars.frame[name]) for name in COLUMNS]
    head = header.to_bytes()
    work = []
    for place, cell in enumerate(starts[:-1].tolist()):
        begin, end = int(edges[place]), int(edges[place + 1])
        inside = answered.clip(TimeRange(begin, end)) if begin < end else Ranges.empty()
        if len(inside):
            work.append(partial(_leaf, head, cell, inside, columns, int(rows[place]), int(rows[place + 1])))
    if executor is None:
        return tuple(run() for run in work)
    batches = [work[place : place + 64] for place in range(0, len(work), 64)]
    return tuple(leaf for batch in executor.map(_run_all, batches) for leaf in batch)


def packs_of(header: Header, leaves: Iterable[Leaf]) -> tuple[Pack, ...]:
    """Leaves (in time order) grouped into packs."""
    listed = list(leaves)
    if not listed:
        return ()
    cells = pack_cells(header.grid).cell_of(np.array([leaf.cell for leaf in listed], dtype=np.int64)).tolist()
    grouped = groupby(zip(cells, listed, strict=True), key=lambda pair: pair[0])
    return tuple(pack_of(header, cell, tuple(leaf for _, leaf in members)) for cell, members in grouped)


def pack_of(header: Header, cell: int, leaves: tuple[Leaf, ...]) -> Pack:
    """One pack of its leaves."""
    own = hashlib.sha256(_text("seamless.pack/1") + _bytes(header.to_bytes()) + _int(cell))
    return Pack(cell, _digest_children(own, [(leaf.cell, leaf.digest) for leaf in leaves]), leaves)


def root_of(header: Header, packs: Iterable[tuple[int, str]]) -> str:
    """The digest of a tree, from `(cell, digest)` of its packs in time order; of no packs, the digest of the empty series."""
    return _digest_children(hashlib.sha256(_text("seamless.tree/1") + _bytes(header.to_bytes())), list(packs))


def content_of(header: Header, bars: Bars, answered: Ranges) -> str:
    """The content digest of some bars and answered slots, computed from nothing else."""
    packs = packs_of(header, leaves_of(header, bars, answered))
    return root_of(header, [(pack.cell, pack.digest) for pack in packs])


def _leaf(head: bytes, cell: int, answered: Ranges, columns: Sequence[_Column], first: int, last: int) -> Leaf:
    own = hashlib.sha256(_text("seamless.leaf/1") + _bytes(head) + _int(cell) + _int(len(answered)))
    own.update(answered.starts.astype("<i8").tobytes() + answered.ends.astype("<i8").tobytes() + _int(last - first))
    for column in columns:
        own.update(column.title)
        if column.nulls is not None and column.nulls[first:last].any():
            own.update(b"\x01")
            own.update(column.nulls[first:last].tobytes())
        else:
            own.update(b"\x00")
        own.update(column.values[first:last])
    return Leaf(cell, own.hexdigest(), last - first, answered)


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    title: bytes
    nulls: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None
    values: np.ndarray[tuple[int, ...], np.dtype[np.int64 | np.float64]]


def _canonical(column: pl.Series) -> _Column:
    nulls = column.is_null().to_numpy() if column.null_count() else None
    plain = column.fill_null(0) if nulls is not None else column
    little = plain.to_numpy()
    if column.dtype == pl.Float64:
        little = little + 0.0  # folds -0.0 into 0.0
        if np.isnan(little).any():
            little[np.isnan(little)] = np.nan
    kind = "<f8" if column.dtype == pl.Float64 else "<i8"
    return _Column(_text(column.name) + _text(DTYPES[column.name]), nulls, np.ascontiguousarray(little, dtype=kind))


def _run_all(batch: Sequence[partial[Leaf]]) -> list[Leaf]:
    return [run() for run in batch]


def _digest_children(own: hashlib._Hash, children: Sequence[tuple[int, str]]) -> str:
    own.update(_int(len(children)))
    for cell, digest in children:
        own.update(_int(cell) + bytes.fromhex(digest))
    return own.hexdigest()


def _int(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _bytes(value: bytes) -> bytes:
    return _int(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())
