"""Rows of an exchange's JSON as columns, without ccxt's row parser, which is most of the cost of a page.

Where each value stands is learned from ccxt itself: its parser is given one row whose values say their own places.
The first row of every page is still parsed both ways; where they differ, or no layout can be learned, ccxt's parser
is used for every row. It cuts fractions of a millisecond off, which would move a row onto the grid: times keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan, trunc
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from seamless_lab.core.bars import COLUMNS, VALUES
from seamless_lab.core.ranges import Ints
from seamless_lab.core.raw import TimeUnit
from seamless_lab.core.stamps import read_stamps
from seamless_lab.core.time import LATEST_S

_ROWS_OF_NUMBERS = pa.list_(pa.float64())
_LARGEST_EXACT = 2.0**53  # whole numbers above have no float of their own

RowParser = Callable[[object], Sequence[object]]
"""ccxt's: one raw row to `[ts_ms, open, high, low, close, volume]`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the six values of `bars.COLUMNS` stand in a raw row (positions or keys), and its unit of time."""

    places: tuple[int, ...] | tuple[str, ...]
    unit_ms: int


def learn_layout(row: object, parse: RowParser) -> Layout | None:
    """The layout of rows like `row`, or None when ccxt's parser does more than pick values."""
    keys: list[int] | list[str]
    probe: object
    if isinstance(row, list):
        keys = list(range(len(row)))
        probe = [str(place + 1) for place in keys]
    elif isinstance(row, dict):
        keys = [str(key) for key in row]
        probe = {key: str(place + 1) for place, key in enumerate(keys)}
    else:
        return None
    seen = [value if isinstance(value, int | float) else 0 for value in parse(probe)]
    unit_ms = 1000 if seen and seen[0] >= 1000 else 1
    numbers = [int(seen[0] / unit_ms), *(int(value) for value in seen[1:])] if seen else []
    if len(numbers) != len(COLUMNS) or not all(1 <= number <= len(keys) for number in numbers):
        return None
    places = tuple(keys[number - 1] for number in numbers)
    return Layout(places, unit_ms)  # type: ignore[arg-type]  # all places are of one kind, as keys are


def to_frame(rows: Sequence[object], parse: RowParser) -> pl.DataFrame:
    """Columns of a page in the order of receipt: `ts` in milliseconds, the rest Float64.

    A column with text that is no number stays text.
    """
    if not rows:
        return pl.DataFrame(schema={"ts": pl.Int64, **dict.fromkeys(VALUES, pl.Float64)})
    layout = learn_layout(rows[0], parse)
    if layout is not None:
        frame = _frame_of_numbers(rows, layout)
        if frame is None:
            frame = _frame_of_columns(rows, layout)
        if frame is not None and _agrees(frame.row(0), parse(rows[0])):
            return frame
    parsed = [[*parse(row), *[None] * len(COLUMNS)][: len(COLUMNS)] for row in rows]
    columns = [list(column) for column in zip(*parsed, strict=True)]
    if layout is not None:
        columns[0] = [_uncut(row, ts, layout) for row, ts in zip(rows, columns[0], strict=True)]
    return pl.DataFrame([_times(columns[0], 1), *map(_numbers, VALUES, columns[1:])])


def times_ms(frame: pl.DataFrame) -> Ints:
    """The open times of a page as conformance reads them, in epoch milliseconds and in the order of receipt.

    -1 where there is none, or none from 1970 to 2100. A time with a fraction of a millisecond keeps its second and is
    never a whole one.
    """
    stamps = read_stamps(frame["ts"], TimeUnit.MILLISECONDS)
    ms = stamps.opens
    if stamps.per_second > 1000:
        ms, part = np.divmod(ms, stamps.per_second // 1000)
        ms = ms + ((part != 0) & (ms % 1000 == 0))
    strange = (ms < 0) | (ms >= LATEST_S * 1000)
    if strange.any():
        ms = np.where(strange, -1, ms)
    if stamps.valid is None:
        return ms
    everywhere = np.full(frame.height, -1, dtype=np.int64)
    everywhere[stamps.valid] = ms
    return everywhere


def _frame_of_numbers(rows: Sequence[object], layout: Layout) -> pl.DataFrame | None:
    """The frame of equally long rows that hold nothing but numbers; None where a value needs a closer look."""
    first = rows[0]
    if not isinstance(first, list) or not all(type(value) in (int, float) for value in first):
        return None
    try:
        lists = pa.array(rows, type=_ROWS_OF_NUMBERS)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # text, or a whole number that no float is equal to
        return None
    if lists.null_count or lists.values.null_count or (np.diff(lists.offsets) != len(first)).any():
        return None
    table = lists.values.to_numpy().reshape(-1, len(first))
    columns = [np.ascontiguousarray(table[:, place]) for place in layout.places]
    times = columns[0]
    if not ((np.abs(times) < _LARGEST_EXACT) & (times == np.floor(times))).all():
        return None
    ts = pl.Series("ts", times.astype(np.int64) * layout.unit_ms)
    return pl.DataFrame([ts, *map(pl.Series, VALUES, columns[1:])])


def _frame_of_columns(rows: Sequence[Any], layout: Layout) -> pl.DataFrame | None:
    try:
        columns = [[row[place] for row in rows] for place in layout.places]
    except (TypeError, LookupError):  # rows of another shape than the first
        return None
    return pl.DataFrame([_times(columns[0], layout.unit_ms), *map(_numbers, VALUES, columns[1:])])


def _agrees(ours: tuple[object, ...], theirs: Sequence[object]) -> bool:
    """Whether ccxt sees the same numbers in a row; what it cannot read, or is no number, decides nothing."""
    pairs = list(zip(map(_number, ours), theirs, strict=False))
    if len(pairs) != len(COLUMNS):
        return False
    (our_ts, their_ts), *values = pairs
    return (_cut(our_ts, their_ts) or _same(our_ts, their_ts)) and all(_same(*pair) for pair in values)


def _same(our: float, their: object) -> bool:
    return our == their or their is None or isnan(our)


def _cut(exact_ms: float, their_ms: object) -> bool:
    """Whether ccxt's time is ours without its fraction of a millisecond."""
    return abs(exact_ms) < _LARGEST_EXACT and trunc(exact_ms) == their_ms


def _uncut(row: Any, their_ms: object, layout: Layout) -> object:
    """The time of a row as ccxt reads it, with the fraction that it cuts off."""
    try:
        exact_ms = _number(row[layout.places[0]]) * layout.unit_ms
    except (TypeError, LookupError):  # a row of another shape
        return their_ms
    return exact_ms if _cut(exact_ms, their_ms) and exact_ms != their_ms else their_ms


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | str) else nan
    except ValueError:
        return nan


def _series(name: str, values: Sequence[object]) -> pl.Series:
    try:
        series = pl.Series(name, values)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):  # values of several kinds
        series = pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    if series.dtype == pl.Boolean or series.dtype.is_nested() or series.dtype == pl.Object:
        return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    return series


def _numbers(name: str, values: Sequence[object]) -> pl.Series:
    series = _series(name, values)
    try:
        return series.cast(pl.Float64)  # correctly rounded, as float() is
    except pl.exceptions.PolarsError:
        return series


def _times(values: Sequence[object], unit_ms: int) -> pl.Series:
    series = _series("ts", values)
    try:
        if series.dtype.is_float() or (series.dtype == pl.String and series.str.contains(".", literal=True).any()):
            exact = series.cast(pl.Float64) * unit_ms
            whole = (exact == exact.round(0)) & (exact.abs() < _LARGEST_EXACT)
            return exact.cast(pl.Int64) if whole.all() else exact
        numbers = series.cast(pl.Int64)
        return numbers if unit_ms == 1 else numbers * unit_ms
    except pl.exceptions.PolarsError:
        return series.cast(pl.String)
