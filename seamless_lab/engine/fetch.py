"""The fetch: gate, plan, fill, publish, read back, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import ParamSpec, TypeVar

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Coverage, classify
from seamless_lab.core.digest import content_of
from seamless_lab.core.gate import Admission, admit, moves
from seamless_lab.core.observed import Observed, merge
from seamless_lab.core.policy import Domain, OnViolation, Phase, Strategy, Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import Selector, fixed_ref
from seamless_lab.core.time import format_time
from seamless_lab.core.version import Version
from seamless_lab.engine.answering import Answering, Delivery, Violation, tell_findings, where
from seamless_lab.engine.artifacts import Sealed
from seamless_lab.engine.backfill import Backfiller, FillOutcome
from seamless_lab.engine.background import Background
from seamless_lab.engine.budget import Budget
from seamless_lab.engine.cache import CacheKey, ReadCache
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.knowledge import Known, Stores, require_same_grid
from seamless_lab.engine.ports import FetchRecord
from seamless_lab.engine.publish import Publisher
from seamless_lab.engine.request import Answer, FetchRequest
from seamless_lab.errors import GapsRefused, SeamlessError, SeamlessSLAExceeded

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    """What one fetch has learned so far."""

    request: FetchRequest
    budget: Budget
    admission: Admission
    now_s: int
    """The moment that decides which slots are closed and final, however long the fetch takes."""
    sources: list[str] = field(default_factory=list)
    outcome: FillOutcome = field(default_factory=FillOutcome)
    violation: Violation = field(default_factory=Violation)

    def touched(self, source: str) -> None:
        if source not in self.sources:
            self.sources.append(source)

    @property
    def violated(self) -> bool:
        """Whether a budget was used up, so that no other cuts what is left to do."""
        return self.violation.budget != ""

    @property
    def has_filled(self) -> bool:
        """Whether time went into filling, so that a used-up total says nothing about the stores."""
        return Phase.BACKFILL in self.budget.spent_ms


REFUSED_WITHIN_S = 1.0
"""How long an answer that does not wait for its fill waits to hear that there can be none."""

OVERTAKEN_TRIES = 5
"""How often a live answer is read in all where other publishers are faster, again and again."""


class FetchEngine:
    """Answers fetches; bound to one loop. Many fetches may run at once."""

    def __init__(
        self,
        stores: Stores,
        cache: ReadCache,
        answering: Answering,
        backfiller: Backfiller,
        publisher: Publisher,
        emit: Emit,
    ) -> None:
        self._stores, self._cache, self._answering = stores, cache, answering
        self._backfiller, self._publisher, self._emit = backfiller, publisher, emit
        self._behind, self._logging = Background(), Background()

    async def fetch(self, request: FetchRequest) -> Answer:
        """Answer one request.

        Raises
        ------
        NotSealed
            A sealed domain was asked for something that is not sealed.
        GapsRefused
            FAIL_FAST, or a sealed read that must be complete, met missing or failed slots.
        SeamlessSLAExceeded
            A budget ran out and the strategy does not answer partially, or it ran out while the stores were read, so
            that there is nothing to answer with.
        UnknownMarket, SourceRejected
            The source has no such series, or refuses and nothing at all could be had.
        """
        budget, now_ms = Budget(request.sla, self._stores.clock), self._stores.clock.now_ms()
        domain, selector = request.context.domain, request.selector
        nearest = await self._nearest_ref(request) if domain.sealed and moves(selector, now_ms=now_ms) else ""
        admission = admit(domain, request.strategy, selector, now_ms=now_ms, nearest=nearest)
        work = _Work(request, budget, admission, now_ms // 1000)
        self._tell(work, "seamless.fetch.start", strategy=str(request.strategy), domain=str(request.context.domain))
        try:
            return await (self._sealed_answer(work) if admission.sealed_only else self._open_answer(work))
        except SeamlessError as error:
            if isinstance(error, SeamlessSLAExceeded):
                self._tell_violation(work, error)
            self._log(self._answering.failed(request, error, _timings(budget)))
            raise

    async def wait_behind(self) -> None:
        """Wait until all fills that were left behind by partial answers are done."""
        await self._behind.wait()

    async def close(self) -> None:
        """Cancel the fills that were left behind and wait for their clean-up."""
        await self._behind.cancel()
        await self.wait_logged()

    async def _sealed_answer(self, work: _Work) -> Answer:
        request = work.request
        assert request.selector is not None  # the gate admits no sealed read without one
        async with work.budget.phase(Phase.STORAGE):
            # one change of threads: it costs as much as a week's bars
            version, sealed = await asyncio.to_thread(self._select_and_read, work, request.selector)
        coverage = self._classify(work, sealed.bars, sealed.answered, Ranges.empty(), version.commit.as_of_ms // 1000)
        if request.strategy is Strategy.FAIL_FAST or request.sla.on_violation is OnViolation.FAIL_FAST:
            _refuse_gaps(request, coverage, "Fill it, then use the new version")
        return await self._finish(work, Delivery(sealed.bars, coverage, version, sealed.content))

    async def _open_answer(self, work: _Work) -> Answer:
        request = work.request
        async with work.budget.phase(Phase.STORAGE):
            known = await self._know(work)
        gaps = self._stores.final_part(known) - known.answered
        behind = work.admission.fill_behind
        if behind and len(gaps):
            await self._require_fillable(work, known)
        if len(gaps) and work.admission.fill:
            if self._too_much_to_wait_for(work, gaps):
                self._violated(work, _sync_gap_error(work))
                behind = True
            else:
                await self._fill(work, gaps, known)
            known = await self._from_storage(work, lambda: self._know(work))
        if request.strategy is Strategy.FAIL_FAST:
            coverage = await self._in_thread(work, self._stores.classify, known)
            _refuse_gaps(request, coverage, "Fill it")
        if work.outcome.errors and not len(known.answered):
            raise work.outcome.errors[0]
        delivery = await self._seal_and_deliver(work, known)
        if request.context.domain is Domain.LIVE:
            delivery = await self._not_behind(work, delivery)
        if behind and len(gaps):
            self._fill_behind(request, gaps, known)
        return await self._finish(work, delivery)

    async def _require_fillable(self, work: _Work, known: Known) -> None:
        """Refuse at once what the fill behind the answer would be refused: nobody would hear of it there."""
        anything = known.head is not None or len(known.answered) > 0
        try:
            with suppress(TimeoutError):  # a source that is slow or down may serve the fill
                async with asyncio.timeout(REFUSED_WITHIN_S), work.budget.phase(Phase.BACKFILL):
                    await self._backfiller.require(known.header, known=anything)
        except SeamlessSLAExceeded as error:
            self._violated(work, error)

    async def _know(self, work: _Work) -> Known:
        header, window = work.request.header, work.request.window
        known = await asyncio.to_thread(self._stores.know, header, window, now_s=work.now_s)
        if len(known.fresh):
            work.touched("hot")
        return known

    def _too_much_to_wait_for(self, work: _Work, gaps: Ranges) -> bool:
        limit = work.request.sla.max_sync_gap_bars
        slots = gaps.seconds // work.request.header.grid.step_s
        return work.request.strategy is Strategy.SEAMLESS and limit is not None and slots > limit

    async def _fill(self, work: _Work, gaps: Ranges, known: Known) -> None:
        work.touched(known.header.node.exchange)
        try:
            async with work.budget.phase(Phase.BACKFILL):
                await self._backfiller.fill(
                    known.header, gaps, sealed=known.sealed, withdrawn=known.withdrawn, outcome=work.outcome
                )
        except SeamlessSLAExceeded as error:
            self._violated(work, error)

    def _violated(self, work: _Work, error: SeamlessSLAExceeded) -> None:
        """Note a used-up budget, or raise where the strategy does not answer partially."""
        partial_ok = work.request.strategy in (Strategy.SEAMLESS, Strategy.PARTIAL_FILL)
        if not partial_ok or work.request.sla.on_violation is OnViolation.FAIL_FAST:
            raise error
        self._tell_violation(work, error)
        self._tell(work, "seamless.sla.downgrade", phase=error.phase, verdict=str(Verdict.PARTIAL))
        work.violation = Violation(error.phase, error.during)

    async def _from_storage(self, work: _Work, read: Callable[[], Awaitable[T]]) -> T:
        """Read from the stores within their budget.

        Once a budget was used up by filling, there is none any more: what is there is still delivered.
        """
        if not work.violated:
            try:
                async with work.budget.phase(Phase.STORAGE):
                    return await read()
            except SeamlessSLAExceeded as error:
                if error.phase == Phase.STORAGE or not work.has_filled:
                    raise
                self._violated(work, error)
        return await read()

    async def _in_thread(self, work: _Work, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run a blocking call within the budget of the stores, as `_from_storage` does."""
        return await self._from_storage(work, lambda: asyncio.to_thread(call, *args, **options))

    async def _sealed_head(self, work: _Work, known: Known) -> Version | None:
        """Seal what is fresh, within the budget of filling; returns the head afterwards."""
        world, reports = work.request.context.world_id, work.outcome.reports
        sealing = self._publisher.publish(known.header, known.window, world=world, reports=reports)
        if work.violated:
            return await sealing
        try:
            async with work.budget.phase(Phase.BACKFILL):
                return await sealing
        except SeamlessSLAExceeded as error:  # the commit is made all the same, too late for this answer
            self._violated(work, error)
        return known.head

    async def _seal_and_deliver(self, work: _Work, known: Known) -> Delivery:
        if len(known.fresh):
            known = replace(known, head=await self._sealed_head(work, known))
        return await self._deliver(work, known)

    async def _not_behind(self, work: _Work, delivery: Delivery) -> Delivery:
        """Move the world up to what is delivered; delivers again where others published and told the world meanwhile.

        The floor stays above the version when the newest one there is really older than what the world has seen.
        """
        for attempt in range(OVERTAKEN_TRIES):
            floor_ms = await asyncio.to_thread(self._answering.advance, work.request, delivery.as_of_ms)
            delivery = replace(delivery, floor_ms=floor_ms)
            if delivery.as_of_ms >= floor_ms or attempt == OVERTAKEN_TRIES - 1:
                break
            try:
                known = await self._from_storage(work, lambda: self._know(work))
                if known.head is None or known.head.commit.as_of_ms <= delivery.as_of_ms:
                    break
                delivery = await self._seal_and_deliver(work, known)
            except SeamlessSLAExceeded:  # what was read before is still there
                if work.request.sla.on_violation is OnViolation.FAIL_FAST:
                    raise
                break
        return delivery

    async def _deliver(self, work: _Work, known: Known) -> Delivery:
        """Read back what is sealed, with the unsealed tail where the domain allows it."""
        header, version = known.header, known.head
        bars, answered, content = Bars.none(header.node, header.grid), Ranges.empty(), ""
        if version is not None:
            sealed = await self._in_thread(work, self._read, work, version)
            bars, answered, content = sealed.bars, sealed.answered, sealed.content
        unsealed = Ranges.empty()
        if work.admission.deliver_tail:
            bars, answered, unsealed = await self._with_tail(work, known, bars, answered)
        if len(unsealed) or not content:
            content = await self._in_thread(work, content_of, header, bars, answered)
        coverage = self._classify(work, bars, answered, known.hot.failed, work.now_s)
        return Delivery(
            bars, coverage, version, content, unsealed, known.hot.attempts, known.hot.before_listing & answered
        )

    async def _with_tail(self, work: _Work, known: Known, bars: Bars, answered: Ranges) -> tuple[Bars, Ranges, Ranges]:
        """Add closed bars that are too young to be sealed."""
        header, window = known.header, known.window
        closed_s, stable_s = header.grid.floor(work.now_s), self._stores.stable_s(header, work.now_s)
        tail = Ranges.normalised([max(window.start, stable_s)], [min(window.end, closed_s)])
        wanted = tail - known.hot.observed.answered
        if len(tail - wanted - answered):
            work.touched("hot")
        if len(wanted) and not work.violated:
            work.touched("live")
            try:
                async with work.budget.phase(Phase.LIVE):
                    await self._backfiller.fill(
                        header, wanted, sealed=Ranges.empty(), provisional=True, outcome=work.outcome
                    )
            except SeamlessSLAExceeded as error:
                self._violated(work, error)
        state = await self._in_thread(work, self._stores.hot.load, header, window)
        young = state.observed.within(tail)
        joined, observed, _ = merge(bars, Observed.at(answered, 0), state.bars.within(young.answered), young)
        return joined, observed.answered, young.answered - answered

    def _fill_behind(self, request: FetchRequest, gaps: Ranges, known: Known) -> None:
        """Go on filling after the answer was given; `wait_behind` waits for it."""
        about, clock = where(request), self._stores.clock

        async def fill() -> None:
            outcome = await self._backfiller.fill(known.header, gaps, sealed=known.sealed, withdrawn=known.withdrawn)
            report, world = outcome.report, request.context.world_id
            tell_findings(self._emit, clock.now_ms(), about, report.flags, report.warnings)
            await self._publisher.publish(known.header, known.window, world=world, reports=outcome.reports)

        def failed(error: Exception) -> None:
            self._emit(Event("seamless.backfill.behind_failed", clock.now_ms(), about | {"error": str(error)}))

        self._behind.start(fill, failed)
        self._emit(Event("seamless.backfill.behind", clock.now_ms(), about))

    def _select_and_read(self, work: _Work, selector: Selector) -> tuple[Version, Sealed]:
        """A version and its bars; *blocking*."""
        version = self._stores.sealed.select(work.request.header.node, selector)
        require_same_grid(work.request.header, version)
        return version, self._read(work, version)

    def _read(self, work: _Work, version: Version) -> Sealed:
        """Its bars; *blocking*."""
        request, context = work.request, work.request.context
        key = CacheKey(
            str(request.header.node),
            version.tree.fingerprint,
            request.window,
            request.header.conformance,
            context.domain,
            context.world_id,
        )
        if (cached := self._cache.get(key)) is not None:
            work.touched("cache")
            return cached
        work.touched("artifact")
        sealed = self._stores.sealed.read(version, request.window)
        self._cache.put(key, sealed)
        return sealed

    def _classify(self, work: _Work, bars: Bars, answered: Ranges, failed: Ranges, now_s: int) -> Coverage:
        grid, stable = work.request.header.grid, self._stores.stable_s(work.request.header, now_s)
        # Bars are in answered slots only: as many of them as slots are in all of them, and no time is looked at.
        present = answered if len(bars) * grid.step_s == answered.seconds else bars.slots
        return classify(
            work.request.window, grid, bars=present, answered=answered, failed=failed, stable_until_s=stable
        )

    async def _finish(self, work: _Work, delivery: Delivery) -> Answer:
        answer = self._answering.answer(work.request, delivery, work.outcome, tuple(work.sources), work.violation)
        answer = replace(answer, timings_ms=_timings(work.budget))
        self._log(self._answering.concluded(answer))
        return answer

    def _log(self, record: FetchRecord) -> None:
        """Append to the fetch log without keeping the caller waiting for the disk."""

        def failed(error: Exception) -> None:
            facts: dict[str, Field] = {"node_id": record.node, "error": str(error)}
            self._emit(Event("seamless.fetch.log_failed", self._stores.clock.now_ms(), facts))

        self._logging.start(lambda: asyncio.to_thread(self._answering.log.append, record), failed)

    async def wait_logged(self) -> None:
        """Wait until the fetch log holds every fetch that has ended."""
        await self._logging.wait()

    async def _nearest_ref(self, request: FetchRequest) -> str:
        head = await asyncio.to_thread(self._stores.sealed.head, request.header.node)
        return "" if head is None else fixed_ref(request.header.node, head.tree.fingerprint)

    def _tell_violation(self, work: _Work, error: SeamlessSLAExceeded) -> None:
        facts: dict[str, Field] = {"budget_ms": error.budget_ms, "elapsed_ms": error.elapsed_ms}
        self._tell(work, "seamless.sla.violation", phase=error.phase, **facts)

    def _tell(self, work: _Work, name: str, **fields: Field) -> None:
        self._emit(Event(name, self._stores.clock.now_ms(), where(work.request) | fields))


def _timings(budget: Budget) -> dict[str, float]:
    return {str(phase): spent for phase, spent in budget.spent_ms.items()} | {"total": budget.elapsed_ms}


def _sync_gap_error(work: _Work) -> SeamlessSLAExceeded:
    limit = work.request.sla.max_sync_gap_bars
    return SeamlessSLAExceeded(
        f"More bars are missing than max_sync_gap_bars allows to wait for ({limit}).",
        phase="sync_gap",
        budget_ms=0,
        elapsed_ms=round(work.budget.elapsed_ms),
        hint="Run backfill first, or raise seamless.sla.max_sync_gap_bars.",
    )


def _refuse_gaps(request: FetchRequest, coverage: Coverage, action: str) -> None:
    gaps = coverage.gaps()
    if not gaps:
        return
    first, count = next(iter(coverage.unanswered)), len(coverage.unanswered)
    causes = " and ".join(dict.fromkeys(gap.cause for gap in gaps if gap.window.overlaps(first)))
    slots = coverage.unanswered.seconds // request.header.grid.step_s
    raise GapsRefused(
        f"{request.header.node} has {count} gap{'s' if count > 1 else ''} ({slots:,} bars) in {request.window}; "
        f"the first is {first}, {causes}.",
        hint=f"{action}: seamless backfill {request.header.node} --start {format_time(first.start)} "
        f"--end {format_time(first.end)}",
        node=str(request.header.node),
        gaps=count,
        slots=slots,
        first_start=format_time(first.start),
        first_end=format_time(first.end),
    )
