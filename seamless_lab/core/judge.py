"""The verdict on an answer: PASS, PARTIAL or HOLD, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.policy import Phase, Strategy, Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """What to know about an answer: a stable `code`, the verdict it leads to, and a sentence."""

    code: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and all reasons for it; HOLD beats PARTIAL beats PASS."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a verdict is based on besides coverage.

    `lag_s` is how far the delivered data end behind now, None outside the live domain; `violated` the SLA phase that
    used up its budget, or empty, and `violated_during` the one in which it ran out; `as_of_floor_ms` the newest `as_of`
    this world has seen, `as_of_ms` the one offered now. `version` is the range of the version read in a sealed domain,
    in words, and empty elsewhere; `max_sync_gap_bars` the most bars that are filled while the caller waits.
    """

    lag_s: int | None = None
    max_lag_s: int | None = None
    min_coverage: float | None = None
    violated: str = ""
    as_of_ms: int = 0
    as_of_floor_ms: int = 0
    version: str = ""
    max_sync_gap_bars: int | None = None
    violated_during: str = ""


def judge(coverage: Coverage, facts: Facts) -> Judgement:
    """Weigh coverage, lag, budgets and knowledge time."""
    reasons: list[Reason] = []
    if facts.as_of_ms and facts.as_of_ms < facts.as_of_floor_ms:
        reasons.append(
            Reason("as_of_regressed", Verdict.HOLD, "the version offered is older than one this world has already seen")
        )
    if facts.version and not len(coverage.answered):
        said = f"the version holds {facts.version}, and nothing of {coverage.window}"
        reasons.append(Reason("not_in_version", Verdict.HOLD, said))
    elif coverage.slots(Cause.PENDING) == coverage.total:
        reasons.append(Reason("pending", Verdict.PASS, "nothing of the window is final yet; ask again later"))
    if facts.lag_s is None and facts.max_lag_s is not None:
        said = "max_lag limits the live domain only, and this is another one"
        reasons.append(Reason("max_lag_unused", Verdict.PASS, said))
    if facts.lag_s is not None and facts.max_lag_s is not None and facts.lag_s > facts.max_lag_s:
        said = f"the data end {_span(facts.lag_s)} behind now, more than max_lag {_span(facts.max_lag_s)}"
        reasons.append(Reason("stale", Verdict.HOLD, said))
    if facts.min_coverage is not None and coverage.ratio < facts.min_coverage:
        reasons.append(
            Reason(
                "coverage", Verdict.HOLD, f"coverage {coverage.ratio:.4f} is below min_coverage {facts.min_coverage:g}"
            )
        )
    if facts.violated:
        reasons.append(Reason("sla", Verdict.PARTIAL, _violation(coverage, facts)))
    reasons.extend(
        Reason(str(cause), Verdict.PARTIAL, f"{_bars(slots)} {cause}")
        for cause in (Cause.MISSING, Cause.FAILED)
        if (slots := coverage.slots(cause))
    )
    verdicts = {reason.verdict for reason in reasons}
    verdict = next((worst for worst in (Verdict.HOLD, Verdict.PARTIAL) if worst in verdicts), Verdict.PASS)
    return Judgement(verdict, tuple(reasons))


def accepted(verdict: Verdict, strategy: Strategy) -> bool:
    """Whether a strategy is satisfied with a verdict.

    PASS always, PARTIAL where partial answers are its purpose, HOLD never.
    """
    return verdict is Verdict.PASS or (
        verdict is Verdict.PARTIAL and strategy in (Strategy.PARTIAL_FILL, Strategy.SEAMLESS)
    )


def _violation(coverage: Coverage, facts: Facts) -> str:
    if facts.violated == Phase.TOTAL:
        return f"the total budget ran out in the {facts.violated_during} phase"
    if facts.violated != "sync_gap":
        return f"the {facts.violated} budget was used up"
    open_slots = coverage.slots(Cause.MISSING) + coverage.slots(Cause.FAILED)
    limit = "" if facts.max_sync_gap_bars is None else f" {facts.max_sync_gap_bars:,}"
    return f"{_bars(open_slots)} is more than is filled while you wait (max_sync_gap_bars{limit})"


def _bars(count: int) -> str:
    return f"{count:,} {'bar' if count == 1 else 'bars'}"


def _span(seconds: int) -> str:
    """`90 s`, `3.5 h`, `1,024 days`: rounded where seconds tell nothing any more."""
    if seconds < 7_200:
        return f"{seconds} s"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"
