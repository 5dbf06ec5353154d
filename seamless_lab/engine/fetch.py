"""The fetch: gate, plan, fill, publish, read back, judge."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Coverage, classify, stable_until
from seamless_lab.core.digest import Header, content_of
from seamless_lab.core.gate import Admission, admit
from seamless_lab.core.judge import Facts, judge
from seamless_lab.core.observed import Observed, merge, overlay, settled
from seamless_lab.core.policy import Domain, OnViolation, Phase, Strategy, Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Sealed, SealedStore
from seamless_lab.engine.backfill import Backfiller, FillOutcome
from seamless_lab.engine.budget import Budget
from seamless_lab.engine.cache import CacheKey, ReadCache
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.ports import Clock, FetchLog, FetchRecord, HotState, HotStore, WorldLedger
from seamless_lab.engine.publish import Publisher
from seamless_lab.engine.request import Answer, FetchRequest, Provenance
from seamless_lab.errors import AsOfRegressed, GapsRefused, NotSealed, SeamlessSLAExceeded


@dataclass(frozen=True, slots=True)
class FetchPorts:
    """What fetching needs besides the backfiller and the publisher."""

    clock: Clock
    hot: HotStore
    sealed: SealedStore
    ledger: WorldLedger
    log: FetchLog
    cache: ReadCache
    emit: Emit


@dataclass(slots=True)
class _Work:
    """What one fetch has learned so far."""

    request: FetchRequest
    budget: Budget
    admission: Admission
    sources: list[str] = field(default_factory=list)
    outcome: FillOutcome = field(default_factory=FillOutcome)
    violated: str = ""

    @property
    def header(self) -> Header:
        return self.request.header

    @property
    def window(self) -> TimeRange:
        return self.request.window

    def touched(self, source: str) -> None:
        if source not in self.sources:
            self.sources.append(source)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the stores know about a window: the head, and the hot store's state above it."""

    head: Version | None
    hot: HotState
    settled: Observed
    answered: Ranges
    fresh: Ranges
    """Slots that hot knows better than the head: to be published."""


class FetchEngine:
    """Answers fetches; bound to one loop. Many fetches may run at once."""

    def __init__(self, ports: FetchPorts, backfiller: Backfiller, publisher: Publisher, *, stabilization_bars: int) -> None:
        self._ports = ports
        self._backfiller = backfiller
        self._publisher = publisher
        self._stabilization_bars = stabilization_bars
        self._behind: set[asyncio.Task[None]] = set()

    async def fetch(self, request: FetchRequest) -> Answer:
        """Answer one request.

        Raises
        ------
        NotSealed
            A sealed domain was asked for something that is not sealed.
        GapsRefused
            FAIL_FAST, or a sealed read that must be complete, met missing or failed slots.
        SeamlessSLAExceeded
            A budget ran out and the strategy does not answer partially.
        UnknownMarket, SourceRejected
            The source has no such series, or refuses and nothing at all could be had.
        """
        budget = Budget(request.sla, self._ports.clock)
        admission = admit(
            request.context.domain, request.strategy, request.selector, nearest=await self._nearest_ref(request)
        )
        work = _Work(request, budget, admission)
        self._tell(work, "seamless.fetch.start", strategy=str(request.strategy), domain=str(request.context.domain))
        answer = await (self._sealed_answer(work) if admission.sealed_only else self._open_answer(work))
        await self._record(answer)
        return answer

    async def wait_behind(self) -> None:
        """Wait until all fills that were left behind by partial answers are done."""
        while self._behind:
            await asyncio.gather(*self._behind, return_exceptions=True)

    async def close(self) -> None:
        """Cancel the fills that were left behind and wait for their clean-up."""
        for task in self._behind:
            task.cancel()
        await self.wait_behind()

    # -- sealed ---------------------------------------------------------------------------------------------------

    async def _sealed_answer(self, work: _Work) -> Answer:
        request = work.request
        assert request.selector is not None  # the gate admits no sealed read without one
        async with work.budget.phase(Phase.STORAGE):
            version = await asyncio.to_thread(self._ports.sealed.resolve, work.header.node, request.selector)
            sealed = await self._read(work, version)
        self._require_same_grid(work, version)
        coverage = self._classify(work, sealed.bars, sealed.answered, Ranges.empty(), as_of_ms=version.commit.as_of_ms)
        if request.strategy is Strategy.FAIL_FAST or request.sla.on_violation is OnViolation.FAIL_FAST:
            _refuse_gaps(work, coverage, "Backfill it in the default domain and use the new version.")
        return await self._answer(work, sealed.bars, coverage, version, sealed.content, evidence=_NO_EVIDENCE)

    def _require_same_grid(self, work: _Work, version: Version) -> None:
        if version.header.grid != work.header.grid:
            raise NotSealed(
                f"{work.header.node} was sealed on a grid anchored at {version.header.grid.anchor_s} s, not {work.header.grid.anchor_s} s.",
                hint="Remove or correct exchanges.<id>.anchors in the configuration.",
            )

    # -- open -----------------------------------------------------------------------------------------------------

    async def _open_answer(self, work: _Work) -> Answer:
        request = work.request
        async with work.budget.phase(Phase.STORAGE):
            known = await self._know(work)
        stable = self._stable_s(work)
        gaps = (Ranges.normalised([work.window.start], [min(work.window.end, stable)])) - known.answered
        behind = False
        if len(gaps) and work.admission.fill:
            if behind := self._too_much_to_wait_for(work, gaps):
                self._violation(work, "sync_gap")
            else:
                await self._fill(work, gaps, known)
            async with work.budget.phase(Phase.STORAGE) if not work.violated else _unlimited():
                known = await self._know(work)
        coverage = self._classify(work, known.hot.bars, known.answered, known.hot.failed)
        if request.strategy is Strategy.FAIL_FAST:
            _refuse_gaps(work, coverage, f"Fill it: seamless backfill {work.header.node} --start {{start}} --end {{end}}")
        version = known.head
        if len(known.fresh):
            async with work.budget.phase(Phase.BACKFILL) if not work.violated else _unlimited():
                version = await self._publisher.publish(work.header, work.window, reports=work.outcome.reports)
        self._raise_if_nothing(work, known)
        answer = await self._deliver(work, known, version)
        if behind or (work.admission.fill_behind and len(gaps)):
            self._fill_behind(work.header, work.window, gaps, known)
        return answer

    async def _know(self, work: _Work) -> _Known:
        head, hot = await asyncio.to_thread(self._load, work)
        if head is not None:
            work.touched("artifact")
        firm = settled(hot.observed, work.header.grid, stabilization_bars=self._stabilization_bars)
        decided = overlay(head.commit.observed.clip(work.window) if head else Observed.none(), firm)
        if len(decided.won):
            work.touched("hot")
        return _Known(head, hot, firm, decided.result.answered, decided.won)

    def _load(self, work: _Work) -> tuple[Version | None, HotState]:
        head = self._ports.sealed.head(work.header.node)
        if head is not None:
            self._require_same_grid(work, head)
        return head, self._ports.hot.load(work.header, work.window)

    def _too_much_to_wait_for(self, work: _Work, gaps: Ranges) -> bool:
        limit = work.request.sla.max_sync_gap_bars
        return (
            work.request.strategy is Strategy.SEAMLESS
            and limit is not None
            and gaps.seconds // work.header.grid.step_s > limit
        )

    async def _fill(self, work: _Work, gaps: Ranges, known: _Known) -> None:
        work.touched(work.header.node.exchange)
        sealed = known.head.tree.answered if known.head else Ranges.empty()
        try:
            async with work.budget.phase(Phase.BACKFILL):
                await self._backfiller.fill(work.header, gaps, sealed=sealed, outcome=work.outcome)
        except SeamlessSLAExceeded as error:
            self._violation(work, error.phase, error)

    def _violation(self, work: _Work, phase: str, error: SeamlessSLAExceeded | None = None) -> None:
        """Note a used-up budget, or raise where the strategy does not answer partially."""
        self._tell(work, "seamless.sla.violation", phase=phase)
        partial_ok = work.request.strategy in (Strategy.SEAMLESS, Strategy.PARTIAL_FILL)
        if not partial_ok or work.request.sla.on_violation is OnViolation.FAIL_FAST:
            raise error or SeamlessSLAExceeded(
                f"More bars are missing than max_sync_gap_bars {work.request.sla.max_sync_gap_bars} allows to wait for.",
                phase=phase,
                budget_ms=0,
                elapsed_ms=round(work.budget.elapsed_ms),
                hint="Run backfill first, or raise max_sync_gap_bars.",
            ) from error
        self._tell(work, "seamless.sla.downgrade", phase=phase, verdict=str(Verdict.PARTIAL))
        work.violated = phase

    def _raise_if_nothing(self, work: _Work, known: _Known) -> None:
        if work.outcome.rejected is not None and not len(known.answered):
            raise work.outcome.rejected

    async def _deliver(self, work: _Work, known: _Known, version: Version | None) -> Answer:
        header = work.header
        if version is None:
            bars, answered, content = Bars.none(header.node, header.grid), Ranges.empty(), ""
        else:
            async with work.budget.phase(Phase.STORAGE) if not work.violated else _unlimited():
                sealed = await self._read(work, version)
            bars, answered, content = sealed.bars, sealed.answered, sealed.content
        unsealed = Ranges.empty()
        if work.admission.deliver_tail:
            bars, answered, unsealed = await self._with_tail(work, known, bars, answered)
            if len(unsealed):
                content = ""
        if not content:
            content = await asyncio.to_thread(content_of, header, bars, answered)
        coverage = self._classify(work, bars, answered, known.hot.failed)
        return await self._answer(work, bars, coverage, version, content, evidence=known.hot.attempts, known=known, unsealed=unsealed)

    async def _with_tail(
        self, work: _Work, known: _Known, bars: Bars, answered: Ranges
    ) -> tuple[Bars, Ranges, Ranges]:
        """Add closed bars that are too young to be sealed; live only."""
        header = work.header
        now_s = header.grid.floor(self._ports.clock.now_ms() // 1000)
        tail = Ranges.normalised([max(work.window.start, self._stable_s(work))], [min(work.window.end, now_s)])
        state = known.hot
        if len(tail - state.observed.answered):
            work.touched("live")
            try:
                async with work.budget.phase(Phase.LIVE):
                    await self._backfiller.fill(header, tail - state.observed.answered, sealed=Ranges.empty(), provisional=True, outcome=work.outcome)
            except SeamlessSLAExceeded as error:
                self._violation(work, error.phase, error)
            state = await asyncio.to_thread(self._ports.hot.load, header, work.window)
        young = state.observed.within(tail)
        base = Observed.at(answered, 0)
        joined, observed, _ = merge(bars, base, state.bars.within(young.answered), young)
        return joined, observed.answered, young.answered - answered

    def _fill_behind(self, header: Header, window: TimeRange, gaps: Ranges, known: _Known) -> None:
        async def run() -> None:
            outcome = FillOutcome()
            sealed = known.head.tree.answered if known.head else Ranges.empty()
            await self._backfiller.fill(header, gaps, sealed=sealed, outcome=outcome)
            await self._publisher.publish(header, window, reports=outcome.reports)

        def done(task: asyncio.Task[None]) -> None:
            self._behind.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                where: dict[str, Field] = {"node_id": str(header.node), "interval": header.grid.step_s}
                self._ports.emit(Event("seamless.backfill.behind_failed", self._ports.clock.now_ms(), where | {"error": str(error)}))

        task = asyncio.create_task(run())
        self._behind.add(task)
        task.add_done_callback(done)

    # -- shared -----------------------------------------------------------------------------------------------------

    async def _read(self, work: _Work, version: Version) -> Sealed:
        context = work.request.context
        key = CacheKey(
            str(work.header.node), version.tree.fingerprint, work.window, work.header.conformance, context.domain, context.world_id
        )
        if (cached := self._ports.cache.get(key)) is not None:
            work.touched("cache")
            return cached
        work.touched("artifact")
        sealed = await asyncio.to_thread(self._ports.sealed.read, version, work.window)
        self._ports.cache.put(key, sealed)
        return sealed

    def _stable_s(self, work: _Work) -> int:
        return stable_until(
            self._ports.clock.now_ms() // 1000, work.header.grid, stabilization_bars=self._stabilization_bars
        )

    def _classify(
        self, work: _Work, bars: Bars, answered: Ranges, failed: Ranges, *, as_of_ms: int | None = None
    ) -> Coverage:
        now_s = (self._ports.clock.now_ms() if as_of_ms is None else as_of_ms) // 1000
        stable = stable_until(now_s, work.header.grid, stabilization_bars=self._stabilization_bars)
        return classify(
            work.window, work.header.grid, bars=bars.slots, answered=answered, failed=failed, stable_until_s=stable
        )

    async def _answer(
        self,
        work: _Work,
        bars: Bars,
        coverage: Coverage,
        version: Version | None,
        content: str,
        *,
        evidence: pl.DataFrame,
        known: _Known | None = None,
        unsealed: Ranges | None = None,
    ) -> Answer:
        context = work.request.context
        as_of_ms = version.commit.as_of_ms if version else 0
        floor_ms = lag_s = None
        if context.domain is Domain.LIVE:
            floor_ms = await asyncio.to_thread(self._advance, work, as_of_ms)
            delivered = coverage.answered.bounds
            now_s = self._ports.clock.now_ms() // 1000
            lag_s = now_s - (delivered.end if delivered else work.window.start)
        judgement = judge(
            coverage,
            Facts(
                lag_s=lag_s,
                max_lag_s=context.max_lag_s,
                min_coverage=context.min_coverage,
                violated=work.violated,
                as_of_ms=as_of_ms,
                as_of_floor_ms=floor_ms or 0,
            ),
        )
        report = work.outcome.merged_report()
        timings = {str(phase): spent for phase, spent in work.budget.spent_ms.items()}
        return Answer(
            request=work.request,
            bars=bars,
            coverage=coverage,
            unsealed=unsealed if unsealed is not None else Ranges.empty(),
            provenance=Provenance(
                content=content,
                fingerprint=version.tree.fingerprint if version else "",
                seq=version.commit.seq if version else 0,
                as_of_ms=as_of_ms,
                sources=tuple(work.sources),
            ),
            verdict=judgement.verdict,
            reasons=judgement.reasons,
            evidence=evidence,
            requests=work.outcome.requests,
            flags=dict(report.flags) if report else {},
            warnings=dict(report.warnings) if report else {},
            timings_ms=timings | {"total": work.budget.elapsed_ms},
            violated=work.violated,
            before_listing=known.hot.before_listing if known else Ranges.empty(),
        )

    def _advance(self, work: _Work, as_of_ms: int) -> int:
        world, node = work.request.context.world_id, str(work.header.node)
        try:
            floor = self._ports.ledger.advance(world, node, as_of_ms)
        except AsOfRegressed:
            return self._ports.ledger.floor(world, node)
        if as_of_ms > floor:
            self._tell(work, "seamless.world.as_of_advanced", as_of_ms=as_of_ms)
        return floor

    async def _nearest_ref(self, request: FetchRequest) -> str:
        """A reference to the newest version, for the error of a sealed domain; empty outside it."""
        if not request.context.domain.sealed:
            return ""
        head = await asyncio.to_thread(self._ports.sealed.head, request.header.node)
        return "" if head is None else f"{request.header.node}@sha256:{head.tree.fingerprint[:12]}"

    async def _record(self, answer: Answer) -> None:
        request, clock = answer.request, self._ports.clock
        record = FetchRecord(
            at_ms=clock.now_ms(),
            node=str(request.header.node),
            start=request.window.start,
            end=request.window.end,
            domain=str(request.context.domain),
            world=request.context.world_id,
            strategy=str(request.strategy),
            verdict=str(answer.verdict),
            reasons=tuple(reason.code for reason in answer.reasons),
            rows=len(answer.bars),
            ratio=answer.coverage.ratio,
            phases_ms=answer.timings_ms,
            budgets_ms={str(phase): budget for phase in Phase if (budget := request.sla.budget(phase)) is not None},
            violated=answer.violated,
        )
        await asyncio.to_thread(self._ports.log.append, record)
        fields: dict[str, Field] = {f"{phase}_ms": spent for phase, spent in answer.timings_ms.items()}
        done: dict[str, Field] = {
            "verdict": record.verdict,
            "domain": record.domain,
            "rows": record.rows,
            "ratio": record.ratio,
            "requests": answer.requests,
            "violated": answer.violated,
        }
        name = "seamless.fetch.done"
        self._ports.emit(Event(name, clock.now_ms(), self._where(request) | done | fields))
        if answer.verdict is Verdict.HOLD:
            self._ports.emit(Event("seamless.domain.hold", clock.now_ms(), self._where(request) | {"reasons": ",".join(record.reasons)}))
        if answer.verdict is Verdict.PARTIAL:
            self._ports.emit(Event("seamless.domain.partial", clock.now_ms(), self._where(request) | {"reasons": ",".join(record.reasons)}))

    def _tell(self, work: _Work, name: str, **fields: Field) -> None:
        self._ports.emit(Event(name, self._ports.clock.now_ms(), self._where(work.request) | fields))

    @staticmethod
    def _where(request: FetchRequest) -> dict[str, Field]:
        return {
            "node_id": str(request.header.node),
            "interval": request.header.grid.step_s,
            "start": request.window.start,
            "end": request.window.end,
            "world_id": request.context.world_id,
        }


_NO_EVIDENCE = pl.DataFrame(
    schema={
        "start": pl.Int64,
        "end": pl.Int64,
        "asked_at_ms": pl.Int64,
        "outcome": pl.String,
        "rows": pl.Int64,
        "requests": pl.Int64,
        "error": pl.String,
        "source": pl.String,
    }
)


def _unlimited() -> AbstractAsyncContextManager[None]:
    """After a budget was cut, what is there is still delivered."""
    return nullcontext()


def _refuse_gaps(work: _Work, coverage: Coverage, action: str) -> None:
    gaps = list(islice(coverage.gaps(), 1))
    if not gaps:
        return
    first, slots = gaps[0], coverage.unanswered.seconds // work.header.grid.step_s
    count = len(coverage.unanswered)
    raise GapsRefused(
        f"{work.header.node} has {count} gap{'s' if count > 1 else ''} ({slots:,} bars) in {work.window}; the first is {first.window}, {first.cause}.",
        hint=action.format(start=format_time(first.window.start), end=format_time(first.window.end)),
        node=str(work.header.node),
        gaps=count,
        slots=slots,
        first_start=first.window.start,
        first_end=first.window.end,
    )
