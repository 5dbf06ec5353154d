"""Conformance: rows as sources give them, and the bars and findings they must become."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from seamless_lab.core.bars import VALUES
from seamless_lab.core.conformance import conform, examine
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.report import FLAGS, ConformancePolicy
from seamless_lab.core.stamps import PER_SECOND
from seamless_lab.core.time import TimeRange
from tests.core.conforming import ALL, HEADER, ROWS, START, look, places_of, rows
from tests.core.models import header_of, prices, ranges_of

# -- nothing to complain about --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "timeframe", ["1s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "12h", "1d", "3d", "1w"]
)
@pytest.mark.parametrize("exchange", ["binance", "kraken"])
def test_a_perfect_frame_of_every_timeframe_passes_the_strict_policy(timeframe: str, exchange: str) -> None:
    header = (
        header_of(timeframe, exchange=exchange)
        if timeframe != "3d"
        else Header(HEADER.node, type(HEADER.grid)(259_200, 86_400))
    )
    first = header.grid.ceil(START)
    opens = first + header.grid.step_s * np.arange(400, dtype=np.int64)
    window = TimeRange(first, int(opens[-1]) + header.grid.step_s)
    for unit, factor in ((TimeUnit.SECONDS, 1), (TimeUnit.MILLISECONDS, 1_000), (TimeUnit.NANOSECONDS, 10**9)):
        raw = RawBars(prices(opens).with_columns(ts=pl.col("ts") * factor), unit)
        found = conform(raw, header, window, answered=Ranges.single(window), policy=ConformancePolicy(frozenset(FLAGS)))
        assert not found.report.flags
        assert not found.report.warnings
        assert found.bars.frame.equals(prices(opens))
        assert found.report.rows_in == found.report.rows_out == 400
        assert {check.verdict for check in found.report.schema.values()} == {"ok"}
        assert sum(period.expected for period in found.report.temporal.periods) == 400
        assert all(period.ratio == 1.0 for period in found.report.temporal.periods)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.select(reversed(frame.columns)),
        lambda frame: frame.with_columns(pl.col("volume").cast(pl.Int32)),
        lambda frame: frame.with_columns(pl.col("open", "volume").cast(pl.Float32)),
        lambda frame: frame.with_columns(pl.col("ts").cast(pl.UInt64)),
        lambda frame: frame.with_columns(trades=7),
        lambda frame: pl.concat([frame[:3], frame[3:4], frame[4:]], rechunk=False),
    ],
    ids=["column order", "int values", "narrow floats", "unsigned ts", "an extra column", "chunks"],
)
def test_what_loses_nothing_is_no_flag(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    found = look(change(rows()))
    assert not found.report.flags
    assert not found.report.warnings
    assert found.bars.frame.equals(look(rows()).bars.frame)


def test_an_extra_column_is_listed_and_dropped() -> None:
    found = look(rows().with_columns(trades=7, note=pl.lit("x")))
    assert found.report.extra == ("note", "trades")
    assert found.bars.frame.columns == ["ts", *VALUES]


@pytest.mark.parametrize("frame", [pl.DataFrame(), rows().clear(), rows().clear().cast(pl.String)])
def test_no_rows_are_no_bars_and_nothing_wrong(frame: pl.DataFrame) -> None:
    found = look(frame)
    assert len(found.bars) == 0
    assert not found.report.flags
    assert len(look(frame, answered=Ranges.empty()).bars) == 0


# -- the nine flags -------------------------------------------------------------------------------------------------


def test_of_several_rows_for_a_slot_the_last_received_wins() -> None:
    again = rows([3, 3, 7]).with_columns(close=pl.Series([100.5, 100.25, 100.125]))
    found = look(pl.concat([rows(), again]))
    assert found.report.flags == {"duplicate_ts": 3}
    assert found.report.warnings["reordered"] == 1
    assert found.report.examples["duplicate_ts"] == "more than one row for 2024-01-01T00:03Z"
    assert found.bars.frame["close"].to_list()[3] == 100.25
    assert found.bars.frame["close"].to_list()[7] == 100.125


def test_unanswered_slots_are_a_gap_and_quiet_ones_are_not() -> None:
    answered = ranges_of([(START, START + 240), (START + 360, START + 600)])
    found = look(rows([0, 1, 3, 6, 7, 8, 9]), answered=answered)
    assert found.report.flags == {"gap": 2}
    assert found.report.examples["gap"] == "no answer for [2024-01-01T00:04Z, 2024-01-01T00:06Z)"
    period = found.report.temporal.periods[0]
    assert (period.expected, period.answered, period.bars) == (10, 8, 7)


def test_a_missing_price_leaves_no_bar_and_a_missing_volume_an_unknown_one() -> None:
    found = look(rows().drop("close"))
    assert found.report.flags == {"missing_column": 10}
    assert found.report.missing == ("close",)
    assert found.report.examples["missing_column"] == "no column close"
    assert len(found.bars) == 0
    assert found.unpriced == ALL
    found = look(rows().drop("volume"))
    assert found.report.flags == {"missing_column": 10}
    assert found.bars.frame["volume"].null_count() == len(found.bars) == 10
    found = look(rows().drop("ts"))
    assert found.report.flags == {"missing_column": 10}
    assert len(found.bars) == 0


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Decimal(20, 6)])
def test_numbers_in_other_clothes_are_cast_with_a_flag(dtype: pl.DataType) -> None:
    found = look(rows().with_columns(pl.col("close", "volume").cast(pl.String).cast(dtype)))
    assert found.report.flags == {"dtype_cast": 20}
    assert found.report.schema["close"].verdict == "cast"
    assert found.bars.frame.equals(look(rows()).bars.frame)


@pytest.mark.parametrize("text", ["abc", "", "1,5", "0x10", "1_000", "--1"])
def test_text_that_is_no_number_is_a_mismatch_and_not_a_silent_null(text: str) -> None:
    values = [text, *[" 5.5 "] * 9]
    found = look(rows().with_columns(volume=pl.Series(values)))
    assert found.report.flags == {"dtype_mismatch": 1, "dtype_cast": 9}
    assert found.report.examples["dtype_mismatch"] == f"volume={text!r} at 2024-01-01T00:00Z"
    assert found.report.schema["volume"].verdict == "mismatch"
    assert found.bars.frame["volume"].to_list() == [None, *[5.5] * 9]


@pytest.mark.parametrize(
    "column",
    [pl.Series([True] * 10), pl.Series([[1.0]] * 10), pl.Series([dt.date(2024, 1, 1)] * 10), pl.Series([b"1"] * 10)],
    ids=["bool", "list", "date", "bytes"],
)
def test_what_can_be_no_price_is_a_mismatch(column: pl.Series) -> None:
    found = look(rows().with_columns(open=column))
    assert found.report.flags == {"dtype_mismatch": 10}
    assert found.unpriced == ALL


@pytest.mark.parametrize(
    "stamps, zoned",
    [
        (lambda ts: ts.cast(pl.String), 0),
        (lambda ts: ts.cast(pl.Float64), 0),
        (lambda ts: ts.cast(pl.Decimal(20, 3)), 0),
        (lambda ts: ts.cast(pl.Datetime("ms")), 0),
        (lambda ts: ts.cast(pl.Datetime("ms")).cast(pl.Datetime("ns")), 0),
        (lambda ts: ts.cast(pl.Datetime("ms", "UTC")), 0),
        (lambda ts: ts.cast(pl.Datetime("ms", "Asia/Kathmandu")), 10),
        (lambda ts: ts.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"), 0),
        (lambda ts: ts.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M"), 0),
        (lambda ts: ts.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00"), 0),
        (lambda ts: ts.cast(pl.Datetime("ms")).dt.offset_by("9h").dt.strftime("%Y-%m-%dT%H:%M:%S+09:00"), 10),
        (lambda ts: ts.cast(pl.Datetime("ms")).dt.offset_by("-3h30m").dt.strftime("%Y-%m-%dT%H:%M:%S-0330"), 10),
    ],
)
def test_times_in_other_clothes_are_cast_and_zones_normalised(
    stamps: Callable[[pl.Series], pl.Series], zoned: int
) -> None:
    found = look(rows().with_columns(stamps(rows()["ts"])))
    assert found.report.flags == {"ts_cast": 10, **({"ts_timezone_normalized": zoned} if zoned else {})}
    assert found.bars.frame.equals(look(rows()).bars.frame)


def test_a_date_opens_its_day() -> None:
    header = header_of("1d")
    window = TimeRange(START, START + 3 * 86_400)
    days = prices(START + 86_400 * np.arange(3)).with_columns(
        ts=pl.Series([dt.date(2024, 1, 1 + day) for day in range(3)])
    )
    found = examine(RawBars(days, TimeUnit.SECONDS), header, window, answered=Ranges.single(window))
    assert found.report.flags == {"ts_cast": 3}
    assert len(found.bars) == 3


@pytest.mark.parametrize(
    "stamp",
    [
        *(None, "", "soon", "2024-02-30", "99999999999999999999"),
        *("2024-01-01T00:00:60", "2024-01-01T00:00:61", "2024-01-01T24:00"),
        *("2024-01-01T00:04:00+99:99", "2024-01-01T00:04:00+00:60", "2024-01-01T00:04:00-2400"),
    ],
)
def test_an_unreadable_time_drops_the_row_with_a_flag(stamp: str | None) -> None:
    texts = rows()["ts"].cast(pl.String).to_list()
    texts[4] = stamp
    found = look(rows().with_columns(ts=pl.Series(texts)))
    assert found.report.flags == {"invalid_timestamp": 1, "ts_cast": 9}
    assert found.report.examples["invalid_timestamp"] == f"ts={stamp!r}"
    assert places_of(found) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_null_among_integer_times_drops_its_row_only() -> None:
    ts = rows()["ts"].to_list()
    ts[4] = None
    found = look(rows().with_columns(ts=pl.Series(ts, dtype=pl.Int64)))
    assert found.report.flags == {"invalid_timestamp": 1}
    assert places_of(found) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert found.bars.frame.equals(look(rows([0, 1, 2, 3, 5, 6, 7, 8, 9])).bars.frame)


@pytest.mark.parametrize("unit", TimeUnit)
@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("stamp", [-(2**63), -(2**62), 2**62, 2**63 - 1])
def test_an_integer_that_is_no_time_drops_its_row_only(stamp: int, place: int, unit: TimeUnit) -> None:
    ts = (rows()["ts"] // 1_000 * PER_SECOND[unit]).to_list()
    ts[place] = stamp
    found = look(rows().with_columns(ts=pl.Series(ts)), unit=unit)
    assert found.report.flags == {"invalid_timestamp": 1}
    assert not found.report.warnings
    assert places_of(found) == [k for k in range(ROWS) if k != place]
    as_text = look(rows().with_columns(ts=pl.Series(map(str, ts))), unit=unit)
    assert as_text.report.flags == {"invalid_timestamp": 1, "ts_cast": 9}
    assert not as_text.report.warnings


@pytest.mark.parametrize("stamp", [math.nan, math.inf, -math.inf, 1e300])
def test_a_float_that_is_no_time_drops_its_row(stamp: float) -> None:
    ts = rows()["ts"].cast(pl.Float64).to_list()
    ts[0] = stamp
    found = look(rows().with_columns(ts=pl.Series(ts)))
    assert found.report.flags == {"invalid_timestamp": 1, "ts_cast": 9}


@pytest.mark.parametrize("column", [pl.Series([True] * 10), pl.Series([[1]] * 10), pl.Series([dt.time(1)] * 10)])
def test_what_can_be_no_time_drops_every_row(column: pl.Series) -> None:
    found = look(rows().with_columns(ts=column))
    assert found.report.flags == {"invalid_timestamp": 10}
    assert len(found.bars) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null_with_a_flag(value: float) -> None:
    volume, close = rows()["volume"].to_list(), rows()["close"].to_list()
    volume[2], close[5] = value, value
    found = look(rows().with_columns(volume=pl.Series(volume), close=pl.Series(close)))
    assert found.report.flags == {"non_finite": 2}
    assert found.report.examples["non_finite"] == f"close={value} at 2024-01-01T00:05Z"
    assert found.report.warnings == {"unpriced": 1, "no_volume": 1}
    assert found.unpriced.pairs() == [[START + 300, START + 360]]
    assert found.bars.frame["volume"].to_list()[2] is None
    assert found.report.temporal.periods[0].answered == 9


def test_a_signalling_nan_is_a_nan() -> None:
    close = rows()["close"].to_numpy().copy()
    close.view(np.int64)[0] = 0x7FF0_0000_0000_0001
    assert look(rows().with_columns(close=pl.Series(close))).report.flags == {"non_finite": 1}


# -- warnings -------------------------------------------------------------------------------------------------------


def test_a_row_without_a_price_is_no_bar() -> None:
    close = rows()["close"].to_list()
    close[3] = close[4] = None
    found = look(rows().with_columns(close=pl.Series(close)))
    assert not found.report.flags
    assert found.report.warnings == {"unpriced": 2}
    assert found.unpriced.pairs() == [[START + 180, START + 300]]
    assert places_of(found) == [0, 1, 2, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("shift_ms", [1, 500, 999, 1_000, 30_000])
@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.String])
def test_rows_off_the_grid_are_reported_and_never_moved(shift_ms: int, dtype: pl.DataType) -> None:
    ts = rows()["ts"].to_list()
    ts[4] += shift_ms
    found = look(rows().with_columns(ts=pl.Series(ts).cast(dtype)))
    assert found.report.warnings == {"off_grid": 1}
    assert "2024-01-01T00:04" in found.report.examples["off_grid"]
    assert places_of(found) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_half_a_millisecond_is_off_the_grid() -> None:
    ts = rows()["ts"].cast(pl.Float64).to_list()
    ts[0] += 0.5
    assert look(rows().with_columns(ts=pl.Series(ts))).report.warnings == {"off_grid": 1}


def test_rows_outside_the_window_are_dropped_and_counted() -> None:
    found = look(rows([-2, -1, *range(ROWS), 10]))
    assert found.report.warnings == {"out_of_window": 3}
    assert found.report.examples["out_of_window"] == "2023-12-31T23:58Z"
    assert places_of(found) == list(range(ROWS))


def test_a_wrongly_declared_unit_leaves_no_bar() -> None:
    found = look(rows(), unit=TimeUnit.SECONDS)
    assert found.report.warnings == {"out_of_window": 10}
    assert len(found.bars) == 0


def test_a_row_in_an_unanswered_slot_is_no_bar() -> None:
    found = look(rows(), answered=ranges_of([(START, START + 540)]))
    assert found.report.flags == {"gap": 1}
    assert found.report.warnings == {"unanswered_row": 1}
    assert places_of(found) == list(range(9))


@pytest.mark.parametrize(
    "column, value, warning",
    [
        ("high", 1.0, "high_below_low"),
        ("open", 1e6, "open_out_of_range"),
        ("open", 1e-6, "open_out_of_range"),
        ("close", 1e6, "close_out_of_range"),
        ("low", 0.0, "nonpositive_price"),
        ("low", -1.0, "nonpositive_price"),
        ("volume", -1.0, "negative_volume"),
        ("volume", None, "no_volume"),
    ],
)
def test_bars_that_cannot_be_are_kept_with_a_warning(column: str, value: float | None, warning: str) -> None:
    values = rows()[column].to_list()
    values[6] = value
    found = look(rows().with_columns(pl.Series(column, values)))
    assert found.report.warnings[warning] == 1
    assert found.report.examples[warning].endswith("at 2024-01-01T00:06Z")
    assert not found.report.flags
    assert len(found.bars) == 10
    assert found.bars.frame[column].to_list()[6] == value


def test_a_row_that_a_later_one_replaced_blocks_nothing() -> None:
    bad = rows([3]).with_columns(close=math.nan)
    found = look(pl.concat([bad, rows()]))
    assert found.report.flags == {"duplicate_ts": 1}
    assert len(found.bars) == 10
