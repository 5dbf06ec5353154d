"""From what was delivered to an answer: the verdict, the world's floor, the log, the closing events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Coverage
from seamless_lab.core.judge import Facts, judge
from seamless_lab.core.policy import Domain, Phase, Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.version import Version
from seamless_lab.engine.backfill import FillOutcome
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.ports import ATTEMPTS, Clock, FetchLog, FetchRecord, WorldLedger
from seamless_lab.engine.request import Answer, FetchRequest, Provenance
from seamless_lab.errors import AsOfRegressed, SeamlessError, SeamlessSLAExceeded

NO_EVIDENCE = pl.DataFrame(schema=ATTEMPTS)


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What a fetch hands over, before it is judged."""

    bars: Bars
    coverage: Coverage
    version: Version | None
    content: str
    unsealed: Ranges = field(default_factory=Ranges.empty)
    evidence: pl.DataFrame = field(default_factory=lambda: NO_EVIDENCE)
    before_listing: Ranges = field(default_factory=Ranges.empty)
    floor_ms: int = 0
    """The newest knowledge time that the world had seen before; 0 outside the live domain."""

    @property
    def as_of_ms(self) -> int:
        """Knowledge time of the version; 0 without one."""
        return self.version.commit.as_of_ms if self.version else 0


@dataclass(frozen=True, slots=True)
class Violation:
    """Whose budget was used up, and in which phase it ran out; empty where none was."""

    budget: str = ""
    during: str = ""


@dataclass(frozen=True, slots=True)
class Answering:
    """Judges deliveries and says how they went."""

    clock: Clock
    ledger: WorldLedger
    log: FetchLog
    emit: Emit

    def advance(self, request: FetchRequest, as_of_ms: int) -> int:
        """The world's floor before this answer; it moves up to `as_of_ms` unless that is below it. *Blocking*."""
        world, node = request.context.world_id, str(request.header.node)
        try:
            floor_ms = self.ledger.advance(world, node, as_of_ms)
        except AsOfRegressed:
            return self.ledger.floor(world, node)
        if as_of_ms > floor_ms:
            self.emit(
                Event("seamless.world.as_of_advanced", self.clock.now_ms(), where(request) | {"as_of_ms": as_of_ms})
            )
        return floor_ms

    def answer(
        self,
        request: FetchRequest,
        delivery: Delivery,
        outcome: FillOutcome,
        sources: tuple[str, ...],
        violation: Violation,
    ) -> Answer:
        """The answer, without timings."""
        context, version = request.context, delivery.version
        lag_s = None
        if context.domain is Domain.LIVE:
            delivered = delivery.coverage.answered.bounds
            lag_s = self.clock.now_ms() // 1000 - (delivered.end if delivered else request.window.start)
        facts = Facts(
            lag_s,
            context.max_lag_s,
            context.min_coverage,
            violation.budget,
            delivery.as_of_ms,
            delivery.floor_ms,
            version=_held(version) if context.domain.sealed and version else "",
            max_sync_gap_bars=request.sla.max_sync_gap_bars,
            violated_during=violation.during,
        )
        judgement = judge(delivery.coverage, facts)
        report = outcome.report
        return Answer(
            request=request,
            bars=delivery.bars,
            coverage=delivery.coverage,
            unsealed=delivery.unsealed,
            provenance=Provenance(
                content=delivery.content,
                fingerprint=version.tree.fingerprint if version else "",
                seq=version.commit.seq if version else 0,
                as_of_ms=delivery.as_of_ms,
                sources=sources,
            ),
            verdict=judgement.verdict,
            reasons=judgement.reasons,
            evidence=delivery.evidence,
            requests=outcome.requests,
            flags=dict(report.flags),
            warnings=dict(report.warnings),
            violated=violation.budget,
            lag_s=lag_s,
            before_listing=delivery.before_listing,
        )

    def concluded(self, answer: Answer) -> FetchRecord:
        """Emit an answer's closing events; returns its line for the fetch log."""
        request, now_ms = answer.request, self.clock.now_ms()
        reasons = tuple(reason.code for reason in answer.reasons)
        outcome = _Outcome(str(answer.verdict), reasons, len(answer.bars), answer.coverage.ratio, answer.violated)
        self._phases(request, answer.timings_ms)
        timings: dict[str, Field] = {f"{phase}_ms": spent for phase, spent in answer.timings_ms.items()}
        facts: dict[str, Field] = {
            "verdict": str(answer.verdict),
            "domain": str(request.context.domain),
            "rows": len(answer.bars),
            "ratio": answer.coverage.ratio,
            "requests": answer.requests,
            "violated": answer.violated,
            "staleness_s": answer.lag_s,
        }
        self.emit(Event("seamless.fetch.done", now_ms, where(request) | facts | timings))
        closing = {Verdict.HOLD: "seamless.domain.hold", Verdict.PARTIAL: "seamless.domain.partial"}.get(answer.verdict)
        if closing is not None:
            provenance = answer.provenance
            cited: dict[str, Field] = {"fingerprint": provenance.fingerprint, "as_of_ms": provenance.as_of_ms}
            self.emit(Event(closing, now_ms, where(request) | cited | {"reasons": ",".join(reasons)}))
        tell_findings(self.emit, now_ms, where(request), answer.flags, answer.warnings)
        return _record(request, outcome, now_ms, answer.timings_ms)

    def failed(self, request: FetchRequest, error: SeamlessError, timings_ms: dict[str, float]) -> FetchRecord:
        """Emit a failed fetch's closing events; returns its line for the log, where the code stands for the verdict."""
        violated = error.phase if isinstance(error, SeamlessSLAExceeded) else ""
        now_ms = self.clock.now_ms()
        self._phases(request, timings_ms)
        self.emit(
            Event("seamless.fetch.error", now_ms, where(request) | {"code": error.code, "message": error.message})
        )
        return _record(request, _Outcome(error.code, (error.code,), 0, 0.0, violated), now_ms, timings_ms)

    def _phases(self, request: FetchRequest, timings_ms: dict[str, float]) -> None:
        for phase in Phase:
            if str(phase) in timings_ms and request.sla.budget(phase) is not None:
                spent: dict[str, Field] = {"phase": str(phase), "elapsed_ms": timings_ms[str(phase)]}
                self.emit(Event("seamless.sla.phase", self.clock.now_ms(), where(request) | spent))


@dataclass(frozen=True, slots=True)
class _Outcome:
    verdict: str
    reasons: tuple[str, ...]
    rows: int
    ratio: float
    violated: str


def _held(version: Version) -> str:
    """What a version holds, in words."""
    bounds = version.commit.bounds
    return "nothing" if bounds is None else str(bounds)


def _record(request: FetchRequest, outcome: _Outcome, now_ms: int, timings_ms: dict[str, float]) -> FetchRecord:
    return FetchRecord(
        at_ms=now_ms,
        node=str(request.header.node),
        start=request.window.start,
        end=request.window.end,
        domain=str(request.context.domain),
        world=request.context.world_id,
        strategy=str(request.strategy),
        verdict=outcome.verdict,
        reasons=outcome.reasons,
        rows=outcome.rows,
        ratio=outcome.ratio,
        phases_ms=timings_ms,
        budgets_ms={str(phase): budget for phase in Phase if (budget := request.sla.budget(phase)) is not None},
        violated=outcome.violated,
    )


def tell_findings(
    emit: Emit, now_ms: int, about: dict[str, Field], flags: Mapping[str, int], warnings: Mapping[str, int]
) -> None:
    """Emit what conformance found in received rows; `about` as in `where`."""
    for flag, count in flags.items():
        emit(Event("seamless.conformance.flag", now_ms, about | {"flag_type": flag, "count": count}))
    for warning, count in warnings.items():
        emit(Event("seamless.conformance.warning", now_ms, about | {"warning_type": warning, "count": count}))


def where(request: FetchRequest) -> dict[str, Field]:
    """The fields that every event about a request carries."""
    return {
        "node_id": str(request.header.node),
        "interval": request.header.grid.step_s,
        "start": request.window.start,
        "end": request.window.end,
        "world_id": request.context.world_id,
    }
