"""Times as users write them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.time import (
    EARLIEST_S,
    LATEST_S,
    TimeLike,
    TimeRange,
    format_time,
    format_time_ms,
    parse_duration,
    parse_time,
    parse_time_ms,
    parse_window,
)
from seamless_lab.errors import InvalidTime

NEW_YEAR = 1_704_067_200  # 2024-01-01T00:00Z
NOW = NEW_YEAR + 43_230  # 12:00:30
SEOUL = dt.timezone(dt.timedelta(hours=9))


@pytest.mark.parametrize(
    "written, expected",
    [
        ("2024-01-01", NEW_YEAR),
        ("2024-01-01T00:00", NEW_YEAR),
        ("2024-01-01 00:00:00", NEW_YEAR),
        ("2024-01-01T00:00:00Z", NEW_YEAR),
        ("2024-01-01T00:00:00+00:00", NEW_YEAR),
        ("2024-01-01T09:00:00+09:00", NEW_YEAR),
        ("2023-12-31T19:00:00-05:00", NEW_YEAR),
        ("20240101", 20_240_101),  # digits are an epoch
        ("  2024-01-01  ", NEW_YEAR),
        ("2024", NEW_YEAR),
        ("2024-01", NEW_YEAR),
        ("2024-W01", NEW_YEAR),
        ("2024-03", 1_709_251_200),
        (str(NEW_YEAR), NEW_YEAR),
        (NEW_YEAR, NEW_YEAR),
        ("now", NOW),
        ("-7d", NOW - 7 * 86_400),
        ("now-90m", NOW - 5_400),
        ("now - 90 m", NOW - 5_400),
        ("+1h", NOW + 3_600),
        (dt.date(2024, 1, 1), NEW_YEAR),
        (dt.datetime(2024, 1, 1), NEW_YEAR),  # noqa: DTZ001  # naive means UTC, which is what is tested
        (dt.datetime(2024, 1, 1, 9, tzinfo=SEOUL), NEW_YEAR),
        ("2024-02-29", NEW_YEAR + 59 * 86_400),
        (np.int64(NEW_YEAR), NEW_YEAR),
        (np.uint32(NEW_YEAR), NEW_YEAR),
        (np.datetime64("2024-01-01"), NEW_YEAR),
        (np.datetime64("2024-01-01T00", "h"), NEW_YEAR),
        (np.datetime64("2024-01-01T00:00", "ns"), NEW_YEAR),
        (pd.Timestamp("2024-01-01"), NEW_YEAR),
        (pd.Timestamp("2024-01-01T09:00", tz="Asia/Seoul"), NEW_YEAR),
    ],
)
def test_what_users_write_is_read(written: TimeLike, expected: int) -> None:
    assert parse_time(written, now_s=NOW) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2024-13-01",
        "2023-02-29",
        "2024-W54",
        "2024-01-01T25:00",
        "2024-01-01T00:00:00.5",
        "12345",
        "-7",
        "7 days",
        NEW_YEAR * 1000,
        str(NEW_YEAR * 1000),
        -1,
        LATEST_S,
        "1969-12-31",
        "2100-01-01",
        True,
        1.5,
        None,
        dt.datetime(2024, 1, 1, microsecond=1, tzinfo=dt.UTC),
        "²²²²²²",
        "9" * 5_000,
        f"-{'9' * 5_000}d",
        np.bool_(True),
        np.float64(NEW_YEAR),
        np.datetime64("NaT"),
        np.datetime64("2024-01-01T00:00:00.5"),
        pd.NaT,
    ],
)
def test_what_is_no_time_is_refused(written: TimeLike) -> None:
    with pytest.raises(InvalidTime) as error:
        parse_time(written, now_s=NOW)
    assert error.value.message.endswith(".")


@pytest.mark.parametrize("written", ["²²²²²²", "9" * 5_000, f"-{'9' * 5_000}d", np.datetime64("NaT"), pd.NaT])
def test_what_is_no_time_is_no_knowledge_time_either(written: TimeLike) -> None:
    with pytest.raises(InvalidTime):
        parse_time_ms(written, now_ms=NOW * 1000)


@pytest.mark.parametrize("written", [np.datetime64("2024-01-01T00:00:00.250"), pd.Timestamp("2024-01-01T00:00:00.25")])
def test_a_knowledge_time_of_numpy_and_pandas_keeps_its_milliseconds(written: TimeLike) -> None:
    assert parse_time_ms(written, now_ms=0) == NEW_YEAR * 1000 + 250


def test_milliseconds_are_named_rather_than_guessed() -> None:
    with pytest.raises(InvalidTime, match="looks like milliseconds"):
        parse_time(NEW_YEAR * 1000, now_s=NOW)


@given(st.integers(EARLIEST_S, LATEST_S - 1))
def test_a_formatted_time_reads_back(moment: int) -> None:
    assert parse_time(format_time(moment), now_s=0) == moment
    assert parse_time_ms(format_time_ms(moment * 1000 + 7), now_ms=0) == moment * 1000 + 7


@pytest.mark.parametrize(
    "start, days",
    [
        ("2024", 366),
        ("2023", 365),
        ("2024-02", 29),
        ("2024-12", 31),
        ("2024-W09", 7),
        ("2024-03-10", 1),
        (dt.date(2024, 3, 10), 1),
        (np.datetime64("2024-03-10"), 1),
        (np.datetime64("2024-02"), 29),
    ],
)
def test_calendar_names_bring_their_own_end(start: TimeLike, days: int) -> None:
    assert parse_window(start, None, now_s=NOW).seconds == days * 86_400


def test_a_moment_needs_an_end() -> None:
    with pytest.raises(InvalidTime, match="has no end"):
        parse_window("2024-01-01T00:00", None, now_s=NOW)


def test_the_last_calendar_year_ends_outside_what_can_be_asked_but_can_be_asked_itself() -> None:
    assert parse_window("2099", None, now_s=NOW).end == LATEST_S


@pytest.mark.parametrize("start, end", [(10, 10), (11, 10)])
def test_an_empty_or_reversed_window_is_refused(start: int, end: int) -> None:
    with pytest.raises(InvalidTime, match="must be after"):
        TimeRange(start, end)


def test_ranges_are_half_open() -> None:
    first, second = TimeRange(0, 60), TimeRange(60, 120)
    assert not first.overlaps(second)
    assert first.overlaps(TimeRange(59, 61))
    assert TimeRange(0, 120).contains(second)
    assert str(first) == "[1970-01-01T00:00Z, 1970-01-01T00:01Z)"


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("5m", 300), ("2h", 7_200), ("7d", 604_800), ("1 w", 604_800)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "-5m", "1.5h", "5", "m", "1y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        parse_duration(text)


def test_knowledge_times_keep_their_milliseconds() -> None:
    assert parse_time_ms("2024-01-01T00:00:00.123Z", now_ms=0) == NEW_YEAR * 1000 + 123
    assert parse_time_ms("2024-01-01T00:00:00.123", now_ms=0) == NEW_YEAR * 1000 + 123
    assert parse_time_ms("2024-01-01", now_ms=0) == NEW_YEAR * 1000
    with pytest.raises(InvalidTime):
        parse_time_ms("1.5", now_ms=0)


@pytest.mark.parametrize(
    "written, expected",
    [
        ("now", NOW * 1000 + 789),
        (" now ", NOW * 1000 + 789),
        ("-7d", (NOW - 7 * 86_400) * 1000 + 789),
        ("now - 90 m", (NOW - 5_400) * 1000 + 789),
        (dt.datetime(2024, 1, 1, 0, 0, 0, 123_999, tzinfo=dt.UTC), NEW_YEAR * 1000 + 123),
        (dt.datetime(2024, 1, 1, 0, 0, 0, 123_999), NEW_YEAR * 1000 + 123),  # noqa: DTZ001  # naive means UTC
        (dt.datetime(2024, 1, 1, 9, tzinfo=SEOUL), NEW_YEAR * 1000),
        (dt.date(2024, 1, 1), NEW_YEAR * 1000),
        ("2024-01-01T00:00:00.123999", NEW_YEAR * 1000 + 123),
        ("2024-01-01T00:00:00,5Z", NEW_YEAR * 1000 + 500),
        (NEW_YEAR, NEW_YEAR * 1000),
    ],
)
def test_knowledge_times_are_rounded_down_to_milliseconds(written: TimeLike, expected: int) -> None:
    assert parse_time_ms(written, now_ms=NOW * 1000 + 789) == expected


@pytest.mark.parametrize(
    "written",
    ["0001-01-01T00:00:00.5", "1969-12-31T23:59:59.999Z", dt.datetime(1969, 1, 1, tzinfo=dt.UTC), "2100-01-01"],
)
def test_knowledge_times_are_bounded_as_all_times_are(written: TimeLike) -> None:
    with pytest.raises(InvalidTime, match="outside 1970 to 2100"):
        parse_time_ms(written, now_ms=0)


@pytest.mark.parametrize("digits", [21, 400, 5_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_of_thousands_of_digits_is_refused_in_a_sentence(digits: int, sign: int) -> None:
    number = sign * 10**digits
    for parse in (
        lambda: parse_time(number, now_s=NOW),
        lambda: parse_time_ms(number, now_ms=NOW * 1000),
        lambda: parse_window(NEW_YEAR, number, now_s=NOW),
    ):
        with pytest.raises(InvalidTime, match=r"^A number of more than 20 digits is outside 1970 to 2100\.\n"):
            parse()
