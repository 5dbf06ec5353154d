"""Pages that the policy blocks, and pages with rows that are no bars."""

from __future__ import annotations

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.errors import ConformancePipelineError
from tests.engine.sources import ScriptedSource, scripted_lab

NODE, START, HOUR = "ohlcv:binance:BTC/USDT:1m", 1_699_920_000, 3_600
TEXT = pl.when(pl.col("ts") == (START + 600) * 1000).then(pl.lit("n/a")).otherwise(pl.col("close").cast(pl.String))
NULL = pl.when(pl.col("ts") == (START + 600) * 1000).then(None).otherwise(pl.col("close"))


def test_a_page_with_text_for_a_price_fails_with_its_cause(tmp_path) -> None:
    clock = ManualClock()
    source = ScriptedSource(clock, lambda frame: frame.with_columns(close=TEXT))
    with scripted_lab(tmp_path, clock, source) as lab:
        with pytest.raises(ConformancePipelineError, match="dtype_mismatch"):
            lab.fetch(NODE, START, START + HOUR)
        gaps = lab.gaps(NODE, START, START + HOUR).frame
        assert gaps["cause"].to_list() == ["failed"]
        assert "E-CONFORMANCE" in gaps["error"].item()
        assert "dtype_mismatch" in gaps["error"].item()
        source.spoil = lambda frame: frame
        assert lab.fetch(NODE, START, START + HOUR).verdict == "PASS"


def test_one_blocked_page_does_not_spoil_the_others(tmp_path) -> None:
    clock = ManualClock()
    source = ScriptedSource(clock, lambda frame: frame.with_columns(close=TEXT))
    with scripted_lab(tmp_path, clock, source) as lab:
        done = lab.backfill(NODE, START - 24 * HOUR, START + 12 * HOUR)
        blocked = next(window for window in source.asked if window.start <= START + 600 < window.end)
        assert done.coverage.failed.pairs() == [[blocked.start, blocked.end]]
        assert done.coverage.slots(Cause.PRESENT) == 36 * 60 - blocked.seconds // 60
        assert "dtype_mismatch" in done.errors[0]


def test_the_permissive_preset_keeps_what_survives(tmp_path) -> None:
    clock = ManualClock()
    source = ScriptedSource(clock, lambda frame: frame.with_columns(close=TEXT))
    with scripted_lab(tmp_path, clock, source, preset="permissive-dev") as lab:
        answer = lab.fetch(NODE, START, START + HOUR)
        assert answer.coverage.failed.pairs() == [[START + 600, START + 660]]
        assert answer.rows == 59
        assert answer.answer.flags["dtype_mismatch"] == 1


@pytest.mark.parametrize("close", [NULL, NULL.fill_null(float("nan"))], ids=["null", "nan"])
def test_a_row_without_a_price_is_no_bar_and_says_so(tmp_path, close) -> None:
    clock = ManualClock()
    source = ScriptedSource(clock, lambda frame: frame.with_columns(close=close))
    with scripted_lab(tmp_path, clock, source, preset="permissive-dev") as lab:
        answer = lab.fetch(NODE, START, START + HOUR)
        assert answer.verdict == "PARTIAL"
        assert answer.coverage.failed.pairs() == [[START + 600, START + 660]]
        gaps = lab.gaps(NODE, START, START + HOUR).frame
        assert gaps["error"].to_list() == ["1 rows came without a price"]
        source.asked.clear()
        source.spoil = lambda frame: frame
        assert lab.fetch(NODE, START, START + HOUR).verdict == "PASS"
        assert [(window.start, window.end) for window in source.asked] == [(START + 600, START + 660)]
