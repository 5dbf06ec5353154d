"""Columnar chunks of the hot store: one calendar cell's bars and knowledge as checked bytes, and back.

Bars are kept as one bit a slot (is there a bar?), then, when any volume is null, one bit a bar, then open, high, low,
close and volume as little-endian float64, column by column. Chunks whose cell is wholly answered are compressed with
LZ4; a chunk that still grows is not, because it is rewritten with every window.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from seamless_lab.core.bars import COLUMNS, VALUES, Bars
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange

PLAIN, LZ4, NULLS = 0, 1, 2  # bits of a chunk's codec
_WIDTH = len(VALUES)
_NO_FLAGS = np.empty(0, dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Bars as arrays.

    `ts` int64 of shape (n,); `values` float64 of shape (5, n) in the order of `VALUES`; `nulls` bool (n,) for volume.
    """

    ts: Ints
    values: npt.NDArray[np.float64]
    nulls: npt.NDArray[np.bool_]

    @classmethod
    def none(cls) -> Rows:
        """No bars."""
        return cls(np.empty(0, dtype=np.int64), np.empty((_WIDTH, 0)), _NO_FLAGS)

    @classmethod
    def of(cls, bars: Bars) -> Rows:
        """The same bars as arrays."""
        ts, *prices, volume = bars.frame.get_columns()
        nulls = np.zeros(len(ts), dtype=bool)
        if volume.null_count():
            nulls, volume = volume.is_null().to_numpy(), volume.fill_null(0.0)
        values = np.empty((_WIDTH, len(ts)))
        for place, column in enumerate((*prices, volume)):
            values[place] = column.to_numpy()
        return cls(ts.to_numpy(), values, nulls)

    def frame(self) -> pl.DataFrame:
        """A frame in the schema of bars, over the same memory."""
        count = self.ts.size
        mask = None if not self.nulls.any() else pa.py_buffer(np.packbits(~self.nulls, bitorder="little"))
        columns = [pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(np.ascontiguousarray(self.ts))])]
        for place, values in enumerate(self.values):
            valid = mask if place == _WIDTH - 1 else None
            columns.append(
                pa.Array.from_buffers(pa.float64(), count, [valid, pa.py_buffer(np.ascontiguousarray(values))])
            )
        return pl.DataFrame(pa.table(columns, names=list(COLUMNS)))

    def __len__(self) -> int:
        return int(self.ts.size)

    def slice(self, first: int, last: int) -> Rows:
        """Rows `first` up to `last`."""
        return Rows(self.ts[first:last], self.values[:, first:last], self.nulls[first:last])

    def where(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """The chosen rows."""
        return self if chosen.all() else Rows(self.ts[chosen], self.values[:, chosen], self.nulls[chosen])

    def joined(self, other: Rows) -> Rows:
        """These and the other's rows (at other times) in time order."""
        if not len(other):
            return self
        if not len(self):
            return other
        first, second = (self, other) if self.ts[0] < other.ts[0] else (other, self)
        ts = np.concatenate((first.ts, second.ts))
        values = np.concatenate((first.values, second.values), axis=1)
        nulls = np.concatenate((first.nulls, second.nulls))
        if first.ts[-1] < second.ts[0]:
            return Rows(ts, values, nulls)
        order = np.argsort(ts, kind="stable")
        return Rows(ts[order], values[:, order], nulls[order])


@dataclass(frozen=True, slots=True)
class Chunk:
    """One cell as stored: number of bars, codec bits, runs of `Observed`, pairs of `Ranges`, and the bars, if any."""

    id: int
    rows: int
    codec: int
    observed: bytes
    before_listing: bytes | None
    bars: bytes | None

    @property
    def checksum(self) -> int:
        """CRC-32 of everything in it."""
        listing = self.before_listing or b""
        head = b"%d %d %d %d %d " % (self.id, self.rows, self.codec, len(self.observed), len(listing))
        return zlib.crc32(self.bars or b"", zlib.crc32(listing, zlib.crc32(self.observed, zlib.crc32(head))))


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Cells in time order: their ids, and where the slots of each begin and end; `step_s` the grid's."""

    ids: Ints
    begins: Ints
    ends: Ints
    step_s: int

    def of(self, ids: Sequence[int]) -> Layout:
        """The layout of some of the cells."""
        chosen = np.searchsorted(self.ids, np.array(ids, dtype=np.int64))
        return Layout(self.ids[chosen], self.begins[chosen], self.ends[chosen], self.step_s)


def encode(layout: Layout, rows: Rows, observed: Observed, before: Ranges) -> tuple[list[Chunk], list[int]]:
    """Chunks of all cells of a layout, and the ids of cells about which nothing is known (any more)."""
    first_rows, last_rows = (np.searchsorted(rows.ts, bounds).tolist() for bounds in (layout.begins, layout.ends))
    first_runs = np.searchsorted(observed.ends, layout.begins, side="right").tolist()
    last_runs = np.searchsorted(observed.starts, layout.ends, side="left").tolist()
    table = np.column_stack((observed.starts, observed.ends, observed.at_ms))
    chunks, empty = [], []
    for place, (id_, begin, end) in enumerate(
        zip(layout.ids.tolist(), layout.begins.tolist(), layout.ends.tolist(), strict=True)
    ):
        runs = table[first_runs[place] : last_runs[place]].copy()
        if not runs.size:
            empty.append(id_)
            continue
        runs[0, 0], runs[-1, 1] = max(runs[0, 0], begin), min(runs[-1, 1], end)
        whole = int((runs[:, 1] - runs[:, 0]).sum()) == end - begin
        inside = rows.slice(first_rows[place], last_rows[place])
        codec, payload = _pack(inside, begin, (end - begin) // layout.step_s, layout.step_s, compress=whole)
        listing = before.clip(TimeRange(begin, end)) if len(before) else before
        pairs = np.column_stack((listing.starts, listing.ends)).tobytes() if len(listing) else None
        chunks.append(Chunk(id_, len(inside), codec, runs.tobytes(), pairs, payload))
    return chunks, empty


def decode(chunks: Sequence[Chunk], layout: Layout) -> tuple[Rows, Observed, Ranges]:
    """What some intact chunks hold together; `layout` has the same cells."""
    return decode_rows(chunks, layout), *decode_runs(chunks)


def decode_rows(chunks: Sequence[Chunk], layout: Layout) -> Rows:
    """The bars of some intact chunks."""
    return _unpack_all(chunks, layout) if chunks else Rows.none()


def decode_runs(chunks: Sequence[Chunk]) -> tuple[Observed, Ranges]:
    """What some intact chunks say is answered, and which of it precedes a listing; no bars are unpacked."""
    if not chunks:
        return Observed.none(), Ranges.empty()
    observed = Observed.from_runs(np.frombuffer(b"".join([chunk.observed for chunk in chunks]), dtype=np.int64))
    pairs = np.frombuffer(b"".join([chunk.before_listing or b"" for chunk in chunks]), dtype=np.int64).reshape(-1, 2)
    return observed, Ranges.normalised(pairs[:, 0], pairs[:, 1])


def _pack(rows: Rows, begin: int, slots: int, step_s: int, *, compress: bool) -> tuple[int, bytes | None]:
    if not len(rows):
        return PLAIN, None
    present = np.zeros(slots, dtype=bool)
    present[(rows.ts - begin) // step_s] = True
    has_nulls = bool(rows.nulls.any())
    parts = [
        np.packbits(present).tobytes(),
        np.packbits(rows.nulls).tobytes() if has_nulls else b"",
        rows.values.tobytes(),
    ]
    payload = b"".join(parts)
    codec = NULLS if has_nulls else PLAIN
    if compress:
        return codec | LZ4, pa.compress(payload, codec="lz4_raw", asbytes=True)
    return codec, payload


def _unpack_all(chunks: Sequence[Chunk], layout: Layout) -> Rows:
    masks, null_masks = [], []
    filled: list[int] = []
    counts = np.array([chunk.rows for chunk in chunks if chunk.bars is not None], dtype=np.int64)
    ends = np.cumsum(counts)
    values = np.empty((_WIDTH, int(counts.sum())))  # filled chunk by chunk: the bars are in memory once
    all_slots = ((layout.ends - layout.begins) // layout.step_s).tolist()
    for place, (chunk, slots) in enumerate(zip(chunks, all_slots, strict=True)):
        if chunk.bars is None:
            continue
        head = -(-slots // 8)
        nulls = -(-chunk.rows // 8) if chunk.codec & NULLS else 0
        payload = chunk.bars
        if chunk.codec & LZ4:
            payload = pa.decompress(
                payload, decompressed_size=head + nulls + 8 * _WIDTH * chunk.rows, codec="lz4_raw", asbytes=True
            )
        masks.append(payload[:head])
        null_masks.append((nulls, payload[head : head + nulls]))
        end = int(ends[len(filled)])
        part = np.frombuffer(payload, dtype=np.float64, offset=head + nulls)
        values[:, end - chunk.rows : end] = part.reshape(_WIDTH, -1)
        filled.append(place)
    if not filled:
        return Rows.none()
    return Rows(_unpack_times(masks, counts, layout, filled), values, _unpack_nulls(null_masks, counts))


def _unpack_times(masks: Sequence[bytes], counts: Ints, layout: Layout, filled: Sequence[int]) -> Ints:
    begin, end = int(layout.begins[filled[0]]), int(layout.ends[filled[-1]])
    if int(counts.sum()) * layout.step_s == end - begin:  # no slot without a bar, as in most series
        return np.arange(begin, end, layout.step_s, dtype=np.int64)
    ts: Ints = np.flatnonzero(np.unpackbits(np.frombuffer(b"".join(masks), dtype=np.uint8)))
    ts *= layout.step_s
    offsets = np.cumsum([0, *(8 * len(mask) for mask in masks[:-1])])
    ts += np.repeat(layout.begins[filled] - offsets * layout.step_s, counts)
    return ts


def _unpack_nulls(masks: Sequence[tuple[int, bytes]], counts: Ints) -> npt.NDArray[np.bool_]:
    if not any(size for size, _ in masks):
        return np.zeros(int(counts.sum()), dtype=bool)
    parts = [
        np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=count).astype(bool)
        if size
        else np.zeros(count, dtype=bool)
        for (size, mask), count in zip(masks, counts.tolist(), strict=True)
    ]
    return np.concatenate(parts)
