"""Digests of canonical content, format 1. Nothing here depends on files, batches, chunks, machines or clocks.

Layout of the bytes hashed with SHA-256 (integers little-endian int64, text UTF-8 after its length in bytes):

leaf
    `"seamless.leaf/1"`, header, cell start, number of answered ranges, their starts, their ends, number of rows, then
    for each column in the order `ts, open, high, low, close, volume`: its name, its dtype, one byte that says whether
    nulls follow, the null mask (one byte a row) if so, and the values.
pack, tree
    `"seamless.pack/1"` or `"seamless.tree/1"`, header, for a pack its cell start, number of children, then for each
    child in time order its cell start, its 32-byte digest, its number of rows, its number of answered ranges, their
    starts, their ends: whatever a stored pack or tree says is hashed. The digest of a tree is the *fingerprint* of a
    dataset version.

Values are canonical before they are hashed: nulls are zero under the mask, -0.0 is 0.0, NaN has one payload. Cells in
which nothing is answered do not exist. The *content* of a window is the tree digest of what the window holds, its edge
leaves clipped; so the content of a window that holds all of a version is that version's fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.core.bars import COLUMNS, DTYPES, Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ints, Ranges

FORMAT = "seamless.bars/1"
CONFORMANCE_VERSION = "v2"

_BATCH_ROWS = 131_072  # enough that threads rarely meet, few enough to share out evenly
_SIGN = np.uint64(0x8000_0000_0000_0000)  # the bits of -0.0
_INFINITY, _NAN = np.uint64(0x7FF0_0000_0000_0000), np.uint64(0x7FF8_0000_0000_0000)
_LITTLE = np.dtype("<i8")  # made once: reading the text costs more than hashing a range
_TWO = struct.Struct("<qq")


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
        return _header_bytes(self)


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One calendar cell of a version: where it starts, its digest, its answered slots and its number of bars."""

    cell: int
    digest: str
    rows: int
    answered: Ranges


@dataclass(frozen=True, slots=True, eq=False)
class PackRef:
    """A tree's entry for one pack: its cell, digest, rows and answered slots."""

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
        return Ranges.joined(leaf.answered for leaf in self.leaves)


Child = Leaf | PackRef | Pack
"""What a parent hashes: of each its cell, digest, rows and answered slots."""


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys, no spaces, ASCII only: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


@lru_cache(maxsize=1_024)
def _header_bytes(header: Header) -> bytes:
    return canonical_json(header.to_json())


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
    pieces, counts = answered.cut(edges)
    marks = np.column_stack((starts[:-1], rows[:-1], rows[1:], np.cumsum(counts) - counts, np.cumsum(counts)))[
        counts > 0
    ]
    batch = max(1, _BATCH_ROWS * len(marks) // max(1, len(bars)))
    work = [_Batch(header.to_bytes(), bars.frame, pieces, marks[at : at + batch]) for at in range(0, len(marks), batch)]
    done = map(_leaves, work) if executor is None else executor.map(_leaves, work)
    return tuple(leaf for leaves in done for leaf in leaves)


def leaf_of(header: Header, cell: int, bars: Bars, answered: Ranges) -> Leaf:
    """The leaf of one cell: what `leaves_of` gives for some answered slots that are all in it, and their bars."""
    marks = np.array([[cell, 0, len(bars), 0, len(answered)]], dtype=np.int64)
    return _leaves(_Batch(header.to_bytes(), bars.frame, answered, marks))[0]


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
    return Pack(cell, _digest_children(own, leaves), leaves)


def root_of(header: Header, packs: Sequence[Child]) -> str:
    """The digest of a tree over its packs in time order; of no packs, that of the empty series."""
    return _digest_children(hashlib.sha256(_text("seamless.tree/1") + _bytes(header.to_bytes())), packs)


def content_of(header: Header, bars: Bars, answered: Ranges, *, executor: Executor | None = None) -> str:
    """The content digest of some bars and answered slots, computed from nothing else."""
    packs = packs_of(header, leaves_of(header, bars, answered, executor=executor))
    return root_of(header, packs)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Some leaves to hash; `marks` has for each its cell, its first and last row, its first and last answered range."""

    head: bytes
    frame: pl.DataFrame
    pieces: Ranges
    marks: Ints


def _leaves(batch: _Batch) -> list[Leaf]:
    first, last = int(batch.marks[0, 1]), int(batch.marks[-1, 2])
    rows = batch.frame.slice(first, last - first)
    columns = [_canonical(rows[name]) for name in COLUMNS]
    starts, ends = _memory(batch.pieces.starts), _memory(batch.pieces.ends)
    lead = _text("seamless.leaf/1") + _bytes(batch.head)
    leaves = []
    for cell, begin, end, low, high in batch.marks.tolist():
        answered = Ranges(batch.pieces.starts[low:high], batch.pieces.ends[low:high])
        parts: list[bytes | memoryview] = [lead, _TWO.pack(cell, high - low)]
        parts += (starts[8 * low : 8 * high], ends[8 * low : 8 * high], _int(end - begin))
        mine = slice(begin - first, end - first)
        value_bytes = slice(8 * mine.start, 8 * mine.stop)
        for title, nulls, values in columns:
            mask = b"" if nulls is None else bytes(nulls[mine])
            parts += (title, b"\x01", mask, values[value_bytes]) if 1 in mask else (title, b"\x00", values[value_bytes])
        # One call per leaf: several threads would wait for each other's lock between the columns.
        leaves.append(Leaf(cell, hashlib.sha256(b"".join(parts)).hexdigest(), end - begin, answered))
    return leaves


def _canonical(column: pl.Series) -> tuple[bytes, memoryview | None, memoryview]:
    nulls = column.is_null().to_numpy() if column.null_count() else None
    values = (column if nulls is None else column.fill_null(0)).to_numpy()
    # As unsigned numbers, infinity is the largest of the floats that are surely canonical: not negative, no NaN.
    if values.dtype == np.float64 and values.size and values.view(np.uint64).max() > _INFINITY:
        bits = values.view(np.uint64).copy()  # integers: arithmetic on a signalling NaN would complain
        bits[bits == _SIGN] = 0
        bits[(bits & ~_SIGN) > _INFINITY] = _NAN
        values = bits
    return _TITLES[column.name], None if nulls is None else _memory(nulls), _memory(values)


def _memory(values: npt.NDArray[np.generic]) -> memoryview:
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).view(np.uint8).data


def _digest_children(own: hashlib._Hash, children: Sequence[Child]) -> str:
    own.update(_int(len(children)))
    for child in children:
        answered = child.answered
        own.update(_int(child.cell) + bytes.fromhex(child.digest) + _int(child.rows) + _int(len(answered)))
        own.update(answered.starts.astype(_LITTLE, copy=False).tobytes())
        own.update(answered.ends.astype(_LITTLE, copy=False).tobytes())
    return own.hexdigest()


def _int(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _bytes(value: bytes) -> bytes:
    return _int(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


_TITLES = {name: _text(name) + _text(dtype) for name, dtype in DTYPES.items()}
