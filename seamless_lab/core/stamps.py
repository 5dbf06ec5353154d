"""When received rows say that their bars open: integers, floats, text, dates and datetimes as one integer column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from seamless_lab.core.ranges import Ints
from seamless_lab.core.raw import TimeUnit

PER_SECOND = {
    TimeUnit.SECONDS: 1,
    TimeUnit.MILLISECONDS: 1_000,
    TimeUnit.MICROSECONDS: 1_000_000,
    TimeUnit.NANOSECONDS: 1_000_000_000,
}
_CLOCK = r"(\d{2}:\d{2})(?::([0-5]\d)(?:\.(\d{1,9}))?)?"
_ISO = rf"^(\d{{4}}-\d{{2}}-\d{{2}})(?:[T ]{_CLOCK})?(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$"
_NOTHING, _NO_NUMBER = pl.Series([None], dtype=pl.String), pl.Series([None], dtype=pl.Int64)
_LARGEST = 2**62  # two times below this differ by what fits into int64
_LARGEST_FLOAT = _LARGEST / 2.0  # floats are counted in half units


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Open times in units of `1 / per_second` s since the epoch, UTC.

    `valid` are the positions of the rows whose time could be read (None: all); `opens` has one value for each of those.
    `cast` rows were not integers of the declared unit; `zoned` ones came in a time zone other than UTC.
    """

    opens: Ints
    per_second: int
    valid: Ints | None
    cast: int = 0
    zoned: int = 0


def read_stamps(column: pl.Series, unit: TimeUnit) -> Stamps:
    """The open times in a received `ts` column.

    Integers, also as text or floats, count the declared `unit`; text is else ISO-8601; naive datetimes are UTC. What
    is 2^62 of a unit or more away from the epoch is no time.
    """
    dtype = column.dtype
    if dtype.is_integer():
        return _of(column.cast(pl.Int64, strict=False), PER_SECOND[unit])
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone
        zoned = (
            column.len() - column.null_count()
            if zone is not None and zone not in ("UTC", "Etc/UTC", "Z", "+00:00")
            else 0
        )
        return _of(column.to_physical(), PER_SECOND[TimeUnit(dtype.time_unit)], cast=True, zoned=zoned)
    if dtype == pl.Date:
        return _of(column.cast(pl.Int64) * 86_400, 1, cast=True)
    if dtype.is_float():
        return _of_floats(column, PER_SECOND[unit])
    if dtype.is_decimal():
        return _of_text(column.cast(pl.String).str.replace(r"\.0*$", ""), PER_SECOND[unit])
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return _of_text(column.cast(pl.String), PER_SECOND[unit])
    return Stamps(np.empty(0, dtype=np.int64), 1, np.empty(0, dtype=np.int64))


def _of(column: pl.Series, per_second: int, *, cast: bool = False, zoned: int = 0) -> Stamps:
    low, high = column.min(), column.max()
    if isinstance(low, int) and isinstance(high, int) and not -_LARGEST < low <= high < _LARGEST:
        column = column.set(~column.is_between(-_LARGEST, _LARGEST, closed="none"), None)
    valid = column.is_not_null().arg_true().to_numpy().astype(np.int64) if column.null_count() else None
    opens = (column.drop_nulls() if valid is not None else column).to_numpy()
    return Stamps(opens, per_second, valid, opens.size if cast else 0, zoned)


def _of_floats(column: pl.Series, per_second: int) -> Stamps:
    values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    valid = np.flatnonzero(np.abs(values) < _LARGEST_FLOAT)
    values = values[valid]
    whole = np.floor(values)
    # In half units: a fraction becomes an odd number of halves, which lies on no grid and is never rounded onto one.
    opens = 2 * whole.astype(np.int64) + (values != whole)
    return Stamps(opens, 2 * per_second, valid, opens.size)


def _of_text(column: pl.Series, per_second: int) -> Stamps:
    text = column.str.strip_chars()
    numbers = text.str.extract(r"^([+-]?\d+)$").cast(pl.Int64, strict=False)
    parts = text.str.extract_groups(_ISO).struct.unnest()
    day, minute, second, fraction, zone = parts.get_columns()
    day = day.zip_with((day >= "1824") & (day < "2116"), _NOTHING)  # nanoseconds of other years are too many
    spelled = day + "T" + minute.fill_null("00:00") + ":" + second.fill_null("00")
    local = spelled.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False).to_physical() * 1_000
    nanos = (fraction.fill_null("") + "000000000").str.slice(0, 9).cast(pl.Int64)
    sign = zone.str.slice(0, 1).replace_strict({"+": 1, "-": -1}, default=0, return_dtype=pl.Int64).fill_null(0)
    digits = zone.str.replace(":", "", literal=True)
    offset = (
        digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(pl.Int64, strict=False)
    ).fill_null(0)
    moments = local + nanos - sign * offset * 60_000_000_000
    zoned = int((moments.is_not_null() & (offset != 0)).sum())
    factor = PER_SECOND[TimeUnit.NANOSECONDS] // per_second
    limit = (2**63 - 1) // factor
    fits = numbers.is_between(-limit, limit).fill_null(value=False)
    scaled = numbers.zip_with(fits, _NO_NUMBER) * factor
    return _of(
        moments.fill_null(scaled) if moments.null_count() else moments,
        PER_SECOND[TimeUnit.NANOSECONDS],
        cast=True,
        zoned=zoned,
    )
