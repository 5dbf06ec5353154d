"""The digest of a table: equal names, types and values in equal order, whatever engine, chunks or files they come from.

SHA-256 over `"seamless.table/1"`, the numbers of rows and of columns, and for each column its name, its type, and its
values: fixed-width ones as little-endian numbers, texts and blobs as lengths and bytes, lists as lengths and their
items, structs as their fields; each after one byte that says whether nulls follow, and the null mask if so. Nulls are
zero under the mask, -0.0 is 0.0, NaN has one payload.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

import numpy as np
import polars as pl


def table_digest(frame: pl.DataFrame) -> str:
    """64 hexadecimal digits."""
    own = hashlib.sha256()
    own.update(_text("seamless.table/1") + struct.pack("<qq", frame.height, frame.width))
    for column in frame.get_columns():
        own.update(_text(column.name))
        for part in _column(column):
            own.update(part)
    return own.hexdigest()


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<q", len(data)) + data


def _column(column: pl.Series) -> Iterator[bytes]:
    yield _text(str(column.dtype))
    yield from _nulls(column)
    dtype = column.dtype
    if isinstance(dtype, pl.Struct):
        for field in column.struct.fields:
            yield _text(field)
            yield from _column(column.struct.field(field))
    elif isinstance(dtype, (pl.List, pl.Array)):
        lists = column.arr.to_list() if isinstance(dtype, pl.Array) else column
        lengths = lists.list.len().fill_null(0)
        yield _numbers(lengths)
        held = lists.filter(lengths > 0)
        yield from _column(held.explode() if len(held) else pl.Series(dtype=dtype.inner))
    elif isinstance(dtype, pl.Map):
        yield from _column(column.to_physical())
    elif isinstance(dtype, (pl.Categorical, pl.Enum, pl.Decimal)):
        yield from _column(column.cast(pl.String))
    elif dtype in (pl.String, pl.Binary):
        data = (column.cast(pl.Binary) if dtype == pl.String else column).fill_null(b"").rechunk()
        yield _numbers(data.bin.size())
        yield _joined(data)
    elif dtype == pl.Null:
        return
    else:
        yield _numbers(column)


def _joined(data: pl.Series) -> bytes:
    """All blobs one after the other."""
    if not len(data):
        return b""
    arrow = data.to_arrow().cast("large_binary")
    _, offsets, blobs = arrow.buffers()
    if blobs is None:
        return b""
    ends = np.frombuffer(offsets, dtype=np.int64)
    first, last = int(ends[arrow.offset]), int(ends[arrow.offset + len(arrow)])
    return memoryview(blobs)[first:last].tobytes()


def _nulls(column: pl.Series) -> Iterator[bytes]:
    if not column.null_count():
        yield b"\x00"
        return
    yield b"\x01"
    yield column.is_null().to_numpy().tobytes()


def _numbers(column: pl.Series) -> bytes:
    """Fixed-width values as bytes, nulls as zeros."""
    physical = column.to_physical()
    if physical.dtype == pl.Boolean:
        physical = physical.cast(pl.UInt8)
    if physical.dtype in (pl.Int128, pl.UInt128):
        return b"".join(_column(physical.cast(pl.String)))
    values = physical.fill_null(0).to_numpy()
    if values.dtype.kind == "f":
        values = values + values.dtype.type(0)  # -0.0 + 0.0 is 0.0
        values[np.isnan(values)] = np.nan
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).tobytes()
