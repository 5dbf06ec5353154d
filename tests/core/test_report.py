"""Reports: what they say survives JSON, and several of them become one."""

from __future__ import annotations

import json
from functools import reduce

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.conformance import examine
from seamless_lab.core.digest import canonical_json
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.report import (
    MOST_PERIODS,
    Completeness,
    ConformanceReport,
    Period,
    completeness,
    merge_reports,
)
from seamless_lab.core.time import TimeRange
from tests.core.models import header_of, prices, ranges_of

START = 1_704_067_200
HEADER = header_of("1m")


def report_of(first: int, count: int, *, every: int = 1, text: bool = False) -> ConformanceReport:
    opens = START + 60 * np.arange(first, first + count, dtype=np.int64)
    frame = prices(opens[::every])
    window = TimeRange(int(opens[0]), int(opens[-1]) + 60)
    raw = RawBars(frame.with_columns(pl.col("close").cast(pl.String)) if text else frame, TimeUnit.SECONDS)
    return examine(raw, HEADER, window, answered=Ranges.of_slots(opens[: count // 2 + 1], 60)).report


reports = st.builds(
    report_of, st.integers(0, 10**6), st.integers(1, 3_000), every=st.integers(1, 3), text=st.booleans()
)


@given(reports)
def test_a_report_is_plain_json(report: ConformanceReport) -> None:
    plain = json.loads(canonical_json(report.to_dict()))
    assert plain["version"] == "v2"
    assert set(plain) == {"version", "rows_in", "rows_out", "flags", "warnings", "examples", "schema", "temporal"}
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == plain


@given(st.lists(reports, max_size=4))
def test_merging_is_associative_and_adds_up(several: list[ConformanceReport]) -> None:
    merged = merge_reports(several)
    backwards = reduce(lambda right, left: merge_reports([left, right]), reversed(several), ConformanceReport())
    assert merged == backwards
    assert merged.rows_in == sum(report.rows_in for report in several)
    for name in ("gap", "unanswered_row", "dtype_cast"):
        assert merged.count(name) == sum(report.count(name) for report in several)
    assert sum(p.bars for p in merged.temporal.periods) == merged.rows_out
    assert len(merged.temporal.periods) <= MOST_PERIODS


def test_blocks_of_one_window_merge_to_the_report_of_the_window() -> None:
    opens = START + 60 * np.arange(4_000, dtype=np.int64)
    whole = TimeRange(START, START + 60 * 4_000)
    answered = ranges_of([(START, START + 60 * 1_500), (START + 60 * 1_700, START + 60 * 4_000)])
    frame = prices(opens).filter(pl.Series(answered.contains(opens)))

    def report(window: TimeRange) -> ConformanceReport:
        inside = frame.filter(pl.col("ts").is_between(window.start, window.end, closed="left"))
        return examine(RawBars(inside, TimeUnit.SECONDS), HEADER, window, answered=answered).report

    blocks = [TimeRange(START + 60 * first, START + 60 * (first + 500)) for first in range(0, 4_000, 500)]
    assert merge_reports([report(block) for block in blocks]) == report(whole)
    assert report(whole).flags == {"gap": 200}


def test_the_worst_verdict_on_a_column_counts() -> None:
    merged = merge_reports([report_of(0, 5), report_of(5, 5, text=True), report_of(10, 5)])
    assert merged.schema["close"].verdict == "cast"
    assert merged.schema["close"].seen == ("Float64", "String")
    assert merged.schema["open"].verdict == "ok"


def test_completeness_is_per_calendar_cell() -> None:
    window = TimeRange(START + 3_600, START + 2 * 86_400)
    answered = ranges_of([(START + 3_600, START + 86_400 + 60)])
    bars = START + 3_600 + 60 * np.arange(10, dtype=np.int64)
    found = completeness(HEADER.grid, window, bars, answered)
    assert found == Completeness("day", (Period(START, 1_380, 1_380, 10), Period(START + 86_400, 1_440, 1, 0)))
    assert found.periods[1].ratio == 1 / 1_440


def test_long_windows_are_told_in_coarser_periods() -> None:
    units = []
    for days in (2, 101, 4_000):
        window = TimeRange(0, days * 86_400)
        found = completeness(HEADER.grid, window, np.empty(0, dtype=np.int64), Ranges.single(window))
        assert len(found.periods) <= MOST_PERIODS
        assert sum(period.expected for period in found.periods) == days * 1_440
        units.append(found.unit)
    assert units == ["day", "month", "year"]


def test_nothing_merges_to_nothing() -> None:
    assert merge_reports([]) == ConformanceReport()
