"""Time at the door: text, dates and numbers become integer epoch seconds in UTC, once.

Inside the package a time is an `int` of epoch seconds and a stretch of time is a half-open `TimeRange`.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seamless_lab.core.numbers import as_written, seen
from seamless_lab.errors import InvalidTime

if TYPE_CHECKING:
    import numpy as np

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
EARLIEST_S, LATEST_S = 0, 4_102_444_800  # 1970-01-01, 2100-01-01

TimeLike: TypeAlias = "str | int | dt.date | dt.datetime | np.int64 | np.datetime64"

_RELATIVE = re.compile(r"(?:now)?\s*([+-])\s*([0-9]{1,12})\s*([smhdw])")
_EPOCH = re.compile(r"[0-9]{6,18}")  # int() refuses thousands of digits, and ² that str.isdigit() takes for one
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_YEAR = re.compile(r"(\d{4})")
_ALLOWED = "an ISO-8601 time (naive means UTC), 2024, 2024-03, 2024-W09, epoch seconds, now, or -7d"


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """The half-open stretch `[start, end)` in epoch seconds; never empty, never reversed."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidTime(
                f"The window [{format_time(self.start)}, {format_time(self.end)}) is empty: its end must be after "
                "its start.",
                hint="Windows are half-open: the end is the first moment not wanted.",
                start=format_time(self.start),
                end=format_time(self.end),
            )

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.end - self.start

    def overlaps(self, other: TimeRange) -> bool:
        """Whether the two ranges share at least one second."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: TimeRange) -> bool:
        """Whether `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"[{format_time(self.start)}, {format_time(self.end)})"


def parse_time(value: TimeLike, *, now_s: int) -> int:
    """Epoch seconds of what a user wrote.

    Parameters
    ----------
    value
        ISO-8601 text (naive means UTC), `2024`, `2024-03`, `2024-W09`, `now`, `-7d` or `now-90m`, an epoch in whole
        seconds (int or digits, at least six of them), a `date`, or a `datetime` (naive means UTC); numpy's integers and
        `datetime64` are read as their text.
    now_s
        What `now` means, in epoch seconds.

    Raises
    ------
    InvalidTime
        For anything else, for fractions of a second, and outside 1970 to 2100. An epoch in milliseconds is refused, not
        guessed.
    """
    match value := _plain(value):
        case bool():
            raise _unreadable(value)
        case int():
            return _bounded(value, value)
        case dt.datetime():
            return _from_datetime(value, value)
        case dt.date():
            return _bounded(int(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()), value)
        case str():
            return _parse_text(value, now_s)
    raise _unreadable(value)


def parse_window(start: TimeLike, end: TimeLike | None, *, now_s: int) -> TimeRange:
    """The window between two user-written times.

    Without `end`, the natural length of `start` (`2024-03`, `2024-W09`, a date).
    """
    start = _plain(start)
    begin = parse_time(start, now_s=now_s)
    return TimeRange(begin, _natural_end(start, begin) if end is None else parse_time(end, now_s=now_s))


def parse_duration(text: str) -> int:
    """Seconds in `90s`, `5m`, `2h`, `7d` or `1w`."""
    found = re.fullmatch(r"([0-9]{1,9})\s*([smhdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise InvalidTime(
            f"{seen(text)} is no duration; write a whole number with s, m, h, d or w, such as 90s or 7d.", value=text
        )
    return int(found[1]) * SECONDS[found[2]]


def format_time(seconds: int) -> str:
    """ISO-8601 with `Z`, to the minute when the seconds are zero: `2024-01-01T00:00Z`."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%MZ" if moment.second == 0 else "%Y-%m-%dT%H:%M:%SZ")


def format_time_ms(milliseconds: int) -> str:
    """ISO-8601 with milliseconds and `Z`: `2024-01-01T00:00:00.000Z`. The form of every `as_of`."""
    whole, part = divmod(milliseconds, 1000)
    return dt.datetime.fromtimestamp(whole, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{part:03d}Z"


def parse_time_ms(value: TimeLike, *, now_ms: int) -> int:
    """Like `parse_time` for knowledge times, which are kept in milliseconds.

    Fractions of a second are allowed in ISO text and in a `datetime`, rounded down; `now` and times relative to it keep
    their milliseconds.
    """
    now_s, part = divmod(now_ms, 1000)
    match value := _plain(value):
        case dt.datetime():
            return _milliseconds(value, value)
        case str() if (text := value.strip()) == "now" or _RELATIVE.fullmatch(text):
            return parse_time(text, now_s=now_s) * 1000 + part
        case str() if "." in value or "," in value:  # ISO 8601 has both
            try:
                return _milliseconds(dt.datetime.fromisoformat(value.strip()), value)
            except ValueError as error:
                raise _unreadable(value) from error
    return parse_time(value, now_s=now_s) * 1000


def _plain(value: TimeLike) -> str | int | dt.date | dt.datetime:
    """Numpy's times as Python's: frames hand them on. A `datetime64` as text, which keeps that a day is a day."""
    if isinstance(value, dt.datetime) and str(value) == "NaT":  # pandas' missing time is a datetime
        raise _unreadable(value)
    if isinstance(value, str | int | dt.date):
        return value
    numpy = sys.modules.get("numpy")  # whoever hands on one of its times has imported it, and --help need not
    if numpy is not None and isinstance(value, numpy.integer):
        return int(value)
    if numpy is not None and isinstance(value, numpy.datetime64):
        return str(value)
    raise _unreadable(value)


def _milliseconds(moment: dt.datetime, value: TimeLike) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    found = (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    _bounded(found // 1000, value)
    return found


def _parse_text(value: str, now_s: int) -> int:
    text = value.strip()
    if text == "now":
        return now_s
    if found := _RELATIVE.fullmatch(text):
        distance = int(found[2]) * SECONDS[found[3]]
        return _bounded(now_s + (distance if found[1] == "+" else -distance), value)
    if _EPOCH.fullmatch(text):
        return _bounded(int(text), value)
    try:
        if found := _YEAR.fullmatch(text):
            return _from_datetime(dt.datetime(int(found[1]), 1, 1, tzinfo=dt.UTC), value)
        if found := _MONTH.fullmatch(text):
            return _from_datetime(dt.datetime(int(found[1]), int(found[2]), 1, tzinfo=dt.UTC), value)
        if found := _WEEK.fullmatch(text):
            return _from_datetime(dt.datetime.fromisocalendar(int(found[1]), int(found[2]), 1), value)
        return _from_datetime(dt.datetime.fromisoformat(text), value)
    except ValueError as error:
        raise _unreadable(value) from error


def _natural_end(start: TimeLike, begin: int) -> int:
    text = start.strip() if isinstance(start, str) else ""
    first = dt.datetime.fromtimestamp(begin, dt.UTC)
    if _YEAR.fullmatch(text):
        return int(first.replace(year=first.year + 1).timestamp())
    if _MONTH.fullmatch(text):
        return int((first + dt.timedelta(days=32)).replace(day=1).timestamp())
    if _WEEK.fullmatch(text):
        return begin + SECONDS["w"]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) or (isinstance(start, dt.date) and not isinstance(start, dt.datetime)):
        return begin + SECONDS["d"]
    raise InvalidTime(
        f"The window starting at {start!r} has no end.",
        hint="Add an end, or start with a day, week, month or year, such as 2024-03.",
    )


def _from_datetime(moment: dt.datetime, value: TimeLike) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if aware.microsecond:
        raise InvalidTime(
            f"{seen(str(value))} has a fraction of a second; bars open on whole seconds.",
            hint=f"Leave the fraction out: {aware.replace(microsecond=0).isoformat()}",
            value=str(value),
        )
    return _bounded(int(aware.timestamp()), value)


def _bounded(seconds: int, value: TimeLike) -> int:
    if EARLIEST_S <= seconds < LATEST_S:
        return seconds
    short = abs(seconds) < 10**20  # of thousands of digits Python makes no text
    shown = str(value) if short else "A number of more than 20 digits"
    milliseconds = short and seconds >= 10**12
    reason = "looks like milliseconds; times are epoch seconds" if milliseconds else "is outside 1970 to 2100"
    raise InvalidTime(f"{shown} {reason}.", hint=f"Write {_ALLOWED}.", value=shown)


def _unreadable(value: object) -> InvalidTime:
    return InvalidTime(f"{seen(value)} is no time.", hint=f"Write {_ALLOWED}.", value=as_written(value))
