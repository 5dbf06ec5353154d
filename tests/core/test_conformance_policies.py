"""What conformance blocks, and what it makes of any rows, against a naive reader."""

from __future__ import annotations

import math
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.conformance import conform
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.report import DEFAULT, FLAGS, WARNINGS, ConformancePolicy
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import ConformancePipelineError
from tests.core.conforming import ALL, HEADER, ROWS, START, WINDOW, look, places_of, rows
from tests.core.models import ranges_of

# -- policies -------------------------------------------------------------------------------------------------------


STRICT, PERMISSIVE = ConformancePolicy(frozenset(FLAGS)), ConformancePolicy(frozenset())


def test_the_default_policy_blocks_what_cannot_be_repaired_and_reports_the_rest() -> None:
    raw = RawBars(pl.concat([rows(), rows([2])]).with_columns(pl.col("open").cast(pl.String)), TimeUnit.MILLISECONDS)
    answered = ranges_of([(START, START + 540)])
    found = conform(raw, HEADER, WINDOW, answered=answered)
    assert found.report.blocked_by(DEFAULT) == ()
    assert found.report.blocked_by(STRICT) == ("duplicate_ts", "gap", "dtype_cast")
    with pytest.raises(
        ConformancePipelineError, match=r"duplicate_ts 1, gap 1, dtype_cast 9 \(first: more than one row"
    ) as error:
        conform(raw, HEADER, WINDOW, answered=answered, policy=STRICT)
    assert error.value.facts["flags"] == "duplicate_ts,gap,dtype_cast"
    assert error.value.facts["count_dtype_cast"] == 9
    assert error.value.facts["node"] == str(HEADER.node)


def test_a_nan_blocks_by_default_and_not_permissively() -> None:
    raw = RawBars(rows().with_columns(close=math.nan), TimeUnit.MILLISECONDS)
    with pytest.raises(ConformancePipelineError, match="non_finite 10"):
        conform(raw, HEADER, WINDOW, answered=ALL)
    assert conform(raw, HEADER, WINDOW, answered=ALL, policy=PERMISSIVE).unpriced == ALL


def test_a_policy_may_block_warnings_and_knows_its_names() -> None:
    careful = ConformancePolicy(frozenset({"off_grid"}))
    with pytest.raises(ConformancePipelineError, match="off_grid 10"):
        conform(
            RawBars(rows().with_columns(pl.col("ts") + 1), TimeUnit.MILLISECONDS),
            HEADER,
            WINDOW,
            answered=ALL,
            policy=careful,
        )
    with pytest.raises(ValueError, match="dup_ts"):
        ConformancePolicy(frozenset({"dup_ts"}))


# -- against a naive model ------------------------------------------------------------------------------------------

messy_row = st.tuples(
    st.integers(-3, ROWS + 2),
    st.sampled_from([0, 0, 0, 0, 0, 1, 500, 30_000]),
    st.sampled_from([1.0, 2.0, 2.0, 3.0, math.nan, None]),
)


@given(st.lists(messy_row, max_size=25), st.sets(st.integers(0, ROWS - 1)))
def test_messy_rows_become_the_bars_a_slow_reader_would_find(
    messy: list[tuple[int, int, float | None]], told: set[int]
) -> None:
    answered = ranges_of([(START + 60 * place, START + 60 * place + 60) for place in told])
    frame = rows([place for place, _, _ in messy]).with_columns(
        ts=pl.Series([1_000 * (START + 60 * place) + late for place, late, _ in messy], dtype=pl.Int64),
        open=pl.lit(2.0),
        high=pl.lit(9.0),
        low=pl.lit(0.5),
        close=pl.Series([close for _, _, close in messy], dtype=pl.Float64),
    )
    found = look(frame, answered=answered)
    last: dict[int, float | None] = {}
    counts = dict.fromkeys((*FLAGS, *WARNINGS), 0)
    for place, late, close in messy:
        if not 0 <= place < ROWS:
            counts["out_of_window"] += 1
        elif late:
            counts["off_grid"] += 1
        else:
            counts["duplicate_ts"] += place in last
            last[place] = close
    counts["unanswered_row"] = len(set(last) - told)
    last = {place: close for place, close in last.items() if place in told}
    counts["gap"] = ROWS - len(told)
    counts["non_finite"] = sum(close is not None and math.isnan(close) for close in last.values())
    bars = {place: close for place, close in last.items() if close is not None and not math.isnan(close)}
    counts["unpriced"] = len(last) - len(bars)
    order = [1_000 * 60 * place + late for place, late, _ in messy]
    counts["reordered"] = sum(late < early for early, late in pairwise(order))
    assert dict(zip(places_of(found), found.bars.frame["close"].to_list(), strict=True)) == bars
    assert {**found.report.flags, **found.report.warnings} == {name: count for name, count in counts.items() if count}
    assert found.unpriced == ranges_of([(START + 60 * p, START + 60 * p + 60) for p in set(last) - set(bars)])


@given(st.permutations(range(ROWS)), st.integers(0, ROWS))
def test_neither_the_order_of_distinct_rows_nor_their_chunks_matter(order: list[int], cut: int) -> None:
    frame = rows(order)
    found = look(pl.concat([frame[:cut], frame[cut:]], rechunk=False))
    assert found.bars.frame.equals(look(rows()).bars.frame)
    assert not found.report.flags


def test_many_rows_with_one_fault_are_judged_like_few() -> None:
    count = 200_000
    window = TimeRange(START, START + 60 * count)
    frame = rows(list(range(count)))
    close = frame["close"].to_numpy().copy()
    close[150_000] = math.inf
    found = look(frame.with_columns(close=pl.Series(close)), window=window, answered=Ranges.single(window))
    assert found.report.flags == {"non_finite": 1}
    assert found.report.rows_out == count - 1
    assert found.report.temporal.unit == "month"
