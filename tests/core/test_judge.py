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
        (covered(missing=1), Facts(), Verdict.PARTIAL, ["missing"]),
        (covered(failed=2), Facts(), Verdict.PARTIAL, ["failed"]),
        (covered(missing=1, failed=1), Facts(violated="backfill"), Verdict.PARTIAL, ["sla", "missing", "failed"]),
        (covered(missing=1), Facts(min_coverage=0.9), Verdict.PARTIAL, ["missing"]),
        (covered(missing=2), Facts(min_coverage=0.9), Verdict.HOLD, ["coverage", "missing"]),
        (covered(pending=9, missing=1), Facts(min_coverage=0.5), Verdict.HOLD, ["coverage", "missing"]),
        (covered(), Facts(lag_s=121, max_lag_s=120), Verdict.HOLD, ["stale"]),
        (covered(), Facts(lag_s=120, max_lag_s=120), Verdict.PASS, []),
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


@pytest.mark.parametrize("strategy", Strategy)
def test_hold_is_never_accepted_and_partial_only_where_partial_is_the_purpose(strategy):
    assert accepted(Verdict.PASS, strategy)
    assert not accepted(Verdict.HOLD, strategy)
    assert accepted(Verdict.PARTIAL, strategy) is (strategy in (Strategy.PARTIAL_FILL, Strategy.SEAMLESS))
