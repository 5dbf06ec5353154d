"""Dates and times that the engine has and no frame can spell: infinity, years beyond its calendar, the time 24:00."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.core.grid import DAY
from seamless_lab.errors import InvalidSql

if TYPE_CHECKING:
    import pyarrow as pa

_DATED = re.compile("Date|Time")
_FIRST_DAY, _LAST_DAY = -96_465_292, 95_026_236
"""Days since 1970 of the calendar of polars, from the year -262143 to the year 262142."""
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INFINITY = 2**63 - 1
"""As the engine hands it over, in any unit; that of nanoseconds lies inside the calendar."""


def require_spelled(frame: pl.DataFrame) -> None:
    """Refuse dates and times, also within lists, structs and maps, that nobody could show or write afterwards.

    Raises
    ------
    InvalidSql
        With the column's name.
    """
    for name, dtype in frame.schema.items():
        if _DATED.search(str(dtype)):  # or a field that is called so, which costs a look
            require_spelled_in(name, frame[name].to_arrow())


def require_spelled_in(name: str, column: pa.Array) -> None:
    """The same for a column that is no frame's yet."""
    import pyarrow as pa

    for leaf in _leaves(column):
        kind = leaf.type
        if not pa.types.is_temporal(kind) or not len(leaf):
            continue
        numbers = pl.Series(leaf.view(pa.int32() if kind.bit_width == 32 else pa.int64()))
        first, last = numbers.min(), numbers.max()
        least, most = _bounds(kind)
        if isinstance(first, int) and isinstance(last, int) and (first < least or last > most):
            raise _beyond(name, time=pa.types.is_time(kind))


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The values in a column of lists, structs and maps; nothing that stands under a null."""
    import pyarrow as pa

    if pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(column.type):
        entry = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
        yield from _leaves(column.cast(pa.list_(entry)))  # whose keys alone know nothing of slices
    elif pa.types.is_nested(column.type):
        yield from _leaves(column.flatten())
    else:
        yield column


def _bounds(kind: pa.DataType) -> tuple[int, int]:
    """The least and the largest number of a type that a frame can spell."""
    import pyarrow as pa

    if pa.types.is_date32(kind):
        return _FIRST_DAY, _LAST_DAY
    a_day = DAY * _PER_SECOND[kind.unit]
    if pa.types.is_time(kind):
        return 0, a_day - 1
    return max(_FIRST_DAY * a_day, 1 - _INFINITY), min((_LAST_DAY + 1) * a_day, _INFINITY) - 1


def _beyond(name: str, *, time: bool) -> InvalidSql:
    if time:
        return InvalidSql(
            f"The column {name!r} holds the time 24:00:00, and a frame has times before that.",
            hint="Cast it to VARCHAR.",
            column_name=name,
        )
    return InvalidSql(
        f"The column {name!r} holds infinity, or a date outside the years -262143 to 262142 that a frame can spell.",
        hint="Leave such rows out, as with isfinite(…), or cast it to VARCHAR.",
        column_name=name,
    )
