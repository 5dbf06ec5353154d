"""Verdicts."""

from __future__ import annotations

import pytest

from seamless_lab.core.coverage import Coverage
from seamless_lab.core.grid import Grid
from seamless_lab.core.judge import Facts, accepted, judge
from seamless_lab.core.policy import Strategy, Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

WINDOW = TimeRange(0, 600)


def covered(missing: int = 0, failed: int = 0, pending: int = 0) -> Coverage:
    edge = 600 - 60 * (missing + failed + pending)
    lost = edge + 60 * missing
    young = lost + 60 * failed
    return Coverage(
        WINDOW,
        Grid(60),
        present=Ranges.normalised([0], [edge]),
        quiet=Ranges.empty(),
        missing=Ranges.normalised([edge], [lost]),
        failed=Ranges.normalised([lost], [young]),
        pending=Ranges.normalised([young], [600]),
    )


@pytest.mark.parametrize(
    "coverage, facts, verdict, codes",
    [
        (covered(), Facts(), Verdict.PASS, []),
        (covered(pending=3), Facts(), Verdict.PASS, []),
        (covered(pending=10), Facts(), Verdict.PASS, ["pending"]),
        (covered(missing=1), Facts(), Verdict.PARTIAL, ["missing"]),
        (covered(failed=2), Facts(), Verdict.PARTIAL, ["failed"]),
        (covered(missing=1, failed=1), Facts(violated="backfill"), Verdict.PARTIAL, ["sla", "missing", "failed"]),
        (covered(missing=1), Facts(min_coverage=0.9), Verdict.PARTIAL, ["missing"]),
        (covered(missing=2), Facts(min_coverage=0.9), Verdict.HOLD, ["coverage", "missing"]),
        (covered(pending=9, missing=1), Facts(min_coverage=0.5), Verdict.HOLD, ["coverage", "missing"]),
        (covered(), Facts(lag_s=121, max_lag_s=120), Verdict.HOLD, ["stale"]),
        (covered(), Facts(lag_s=120, max_lag_s=120), Verdict.PASS, []),
        (covered(), Facts(max_lag_s=120), Verdict.PASS, ["max_lag_unused"]),
        (covered(), Facts(lag_s=10_000), Verdict.PASS, []),
        (covered(), Facts(as_of_ms=9, as_of_floor_ms=10), Verdict.HOLD, ["as_of_regressed"]),
        (covered(), Facts(as_of_ms=10, as_of_floor_ms=10), Verdict.PASS, []),
        (covered(missing=1), Facts(lag_s=9, max_lag_s=1), Verdict.HOLD, ["stale", "missing"]),
    ],
)
def test_verdict_and_reasons(coverage, facts, verdict, codes):
    found = judge(coverage, facts)
    assert found.verdict is verdict
    assert [reason.code for reason in found.reasons] == codes


def test_a_version_that_holds_nothing_of_the_window_is_no_answer() -> None:
    for nothing in (covered(missing=10), covered(pending=10)):
        found = judge(nothing, Facts(version="[2024-01-01T00:00Z, 2024-02-01T00:00Z)"))
        assert found.verdict is Verdict.HOLD
        assert found.reasons[0].code == "not_in_version"
        assert "holds [2024-01-01T00:00Z, 2024-02-01T00:00Z), and nothing of [1970-01-01" in found.reasons[0].text
    assert judge(covered(missing=9), Facts(version="x")).verdict is Verdict.PARTIAL


def test_reasons_are_said_in_words() -> None:
    def said(facts: Facts, **slots: int) -> str:
        return judge(covered(**slots), facts).reasons[0].text

    waiting = Facts(violated="sync_gap", max_sync_gap_bars=2)
    assert said(waiting, missing=5) == "5 bars is more than is filled while you wait (max_sync_gap_bars 2)"
    assert said(Facts(violated="backfill"), missing=1) == "the backfill budget was used up"
    cut = Facts(violated="total", violated_during="backfill")
    assert said(cut, missing=1) == "the total budget ran out in the backfill phase"
    assert said(Facts(), missing=1) == "1 bar missing"
    stale = Facts(lag_s=1_024 * 86_400, max_lag_s=10_800)
    assert said(stale) == "the data end 1,024 days behind now, more than max_lag 3.0 h"


@pytest.mark.parametrize("strategy", Strategy)
def test_hold_is_never_accepted_and_partial_only_where_partial_is_the_purpose(strategy):
    assert accepted(Verdict.PASS, strategy)
    assert not accepted(Verdict.HOLD, strategy)
    assert accepted(Verdict.PARTIAL, strategy) is (strategy in (Strategy.PARTIAL_FILL, Strategy.SEAMLESS))
