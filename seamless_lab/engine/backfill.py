"""Filling gaps: claim a block, ask for what is still missing, keep the answer, give the block back."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from seamless_lab.core.digest import Header
from seamless_lab.core.observed import Observed, settled, standing
from seamless_lab.core.plan import Block, plan_blocks
from seamless_lab.core.policy import BackfillPolicy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.report import ConformancePolicy, ConformanceReport, merge_reports
from seamless_lab.core.time import EARLIEST_S, TimeRange
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.keeping import Asked, Keeping
from seamless_lab.engine.leasing import Leases
from seamless_lab.engine.ports import (
    Attempt,
    Claimed,
    Clock,
    Coordinator,
    Fetcher,
    HeldElsewhere,
    HotStore,
    LeaseKey,
    SourceTraits,
)
from seamless_lab.engine.single_flight import SingleFlight
from seamless_lab.engine.uncancelled import to_the_end
from seamless_lab.errors import (
    ConformancePipelineError,
    CoordinatorUnavailable,
    LeaseLost,
    SeamlessError,
    SourceRejected,
    SourceUnavailable,
)

GIVE_UP_AFTER = 3
"""So many blocks in a row that the source did not answer end a fill.

An exchange that is down is not asked a thousand times.
"""

BLOCKS_PER_REQUEST = 2
"""Blocks under way for each request that may be: while one is claimed or written, another is asked for."""

_NOTHING_WITHDRAWN = Observed.none()


@dataclass(slots=True)
class FillOutcome:
    """What a fill did.

    Requests made, rows written, reports of what was received, and the errors of blocks that got nothing.
    """

    requests: int = 0
    rows: int = 0
    reports: list[ConformanceReport] = field(default_factory=list)
    errors: list[SeamlessError] = field(default_factory=list)

    @property
    def report(self) -> ConformanceReport:
        """One report over everything received."""
        return merge_reports(self.reports)


@dataclass(frozen=True, slots=True)
class BackfillPorts:
    """What filling needs."""

    clock: Clock
    fetcher: Fetcher
    coordinator: Coordinator
    hot: HotStore
    emit: Emit


class Backfiller:
    """Fills gaps of any node; bound to one loop.

    Overlapping fills, in this process or another, never ask for the same slot twice.
    """

    def __init__(
        self,
        ports: BackfillPorts,
        policy: BackfillPolicy,
        conformance: ConformancePolicy,
        *,
        owner: str,
        stabilization_bars: int,
    ) -> None:
        self._ports = ports
        self._policy = policy
        self._keeping = Keeping(ports.hot, conformance, stabilization_bars)
        self._leases = Leases(ports.coordinator, owner, renew_ms=policy.embedded_renew_ms)
        self._stabilization_bars = stabilization_bars
        self._flights = SingleFlight()
        # One per exchange, so that all wait for none that hangs.
        self._gates = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(policy.max_concurrent_requests))

    async def require(self, header: Header, *, known: bool) -> None:
        """Refuse what no fill could ever get; a source that is down may get it later.

        A series that nothing is `known` about is looked up at the source, others are not.

        Raises
        ------
        RequestError, UnknownMarket
            The source is not asked for the node here, or does not have it.
        """
        self._ports.fetcher.require(header.node)
        if not known:
            with suppress(SourceUnavailable):  # it may be back when the fill runs
                await self._ports.fetcher.traits(header.node)

    async def fill(
        self,
        header: Header,
        gaps: Ranges,
        *,
        sealed: Ranges,
        withdrawn: Observed = _NOTHING_WITHDRAWN,
        refresh: bool = False,
        provisional: bool = False,
        outcome: FillOutcome | None = None,
    ) -> FillOutcome:
        """Ask the source for `gaps` and keep what it answers; without any, nobody is asked.

        Parameters
        ----------
        gaps
            On the grid, and old enough to be final.
        sealed
            Slots that the head already answers; they are not asked for, unless `refresh`.
        withdrawn
            Slots that a rollback left without an answer, and when: older answers for them do not count.
        refresh
            Ask for all of `gaps`, also what is answered already.
        provisional
            Keep closed bars that are too young to be final as well; they are asked for again before they are sealed.
        outcome
            Filled in while work goes on, so that a caller who cancels still knows what was done.

        Raises
        ------
        UnknownMarket
            The source does not have the node. Errors of single blocks are in the outcome instead.
        """
        outcome = outcome if outcome is not None else FillOutcome()
        if not len(gaps):
            return outcome
        # Told before the source is opened, which takes a while the first time: people see at once what is asked for.
        blocks = plan_blocks(gaps, header.grid, window_bars=self._policy.window_bars)
        slots = gaps.seconds // header.grid.step_s
        self._emit("seamless.backfill.plan", header, gaps.bounds, blocks=len(blocks), slots=slots)
        try:
            traits = await self._ports.fetcher.traits(header.node)
        except SourceUnavailable as error:
            await self._give_up(header, gaps, "failed", error, outcome)
            return outcome
        lost = gaps & forgotten(header, traits, self._ports.clock.now_ms() // 1000)
        if lost and not provisional:
            await self._give_up(header, lost, "rejected", _not_served(header, lost, traits), outcome)
            blocks = plan_blocks(gaps - lost, header.grid, window_bars=self._policy.window_bars)
        run = _Run(header, sealed, withdrawn, refresh, provisional, outcome, len(blocks))
        queue = iter(blocks)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(BLOCKS_PER_REQUEST * self._policy.max_concurrent_requests, len(blocks))):
                    tasks.create_task(self._work(run, queue))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        return outcome

    async def _work(self, run: _Run, queue: Iterator[Block]) -> None:
        for block in queue:
            try:
                if not await self._fill_block(run, block):
                    return
            except (SourceUnavailable, SourceRejected, ConformancePipelineError, CoordinatorUnavailable) as error:
                run.outcome.errors.append(error)
                run.blocks_failed += 1
            run.blocks_done += 1
            self._emit(
                "seamless.backfill.progress",
                run.header,
                block.window,
                lease_key=str(_key(run.header, block)),
                completed=run.blocks_done,
                scheduled=run.scheduled,
                failed=run.blocks_failed,
                rows=run.outcome.rows,
                ratio=(run.blocks_done - run.blocks_failed) / run.scheduled,
            )
            if run.over:
                return

    async def _give_up(
        self, header: Header, gaps: Ranges, outcome_name: str, error: SeamlessError, outcome: FillOutcome
    ) -> None:
        """Record that some gaps cannot be filled, without asking for them one by one."""
        now_ms, said = self._ports.clock.now_ms(), f"{error.code}: {error.message}"
        node, source = header.node, header.node.exchange
        attempts = [Attempt(node, gap, now_ms, outcome_name, 0, 0, said, source) for gap in gaps]
        await asyncio.to_thread(self._ports.hot.record_attempts, attempts)
        for gap in gaps:
            self._emit("seamless.backfill.fail", header, gap, lease_key="", error=error.code, message=error.message)
        outcome.errors.append(error)

    async def _fill_block(self, run: _Run, block: Block) -> bool:
        """Ask for what is still missing in a block; False where nothing is asked any more."""
        key = _key(run.header, block)
        async with self._flights.hold(key):
            try:
                return await self._fill_leased(run, block, key)
            except LeaseLost:
                return await self._fill_leased(run, block, key)

    async def _fill_leased(self, run: _Run, block: Block, key: LeaseKey) -> bool:
        def waiting(held: HeldElsewhere) -> None:
            facts: dict[str, Field] = {"owner": held.owner, "expires_at_ms": held.expires_at_ms}
            self._emit("seamless.backfill.waiting", run.header, block.window, **facts)

        async with self._leases.hold(key, waiting) as lease:
            for gap in await self._still_missing(run, block):
                if not await self._ask(run, gap, lease()):
                    return False
        return True

    async def _still_missing(self, run: _Run, block: Block) -> Ranges:
        if run.refresh:
            return block.gaps
        observed = await asyncio.to_thread(self._ports.hot.observed, run.header, block.window)
        if run.provisional:
            return block.gaps - observed.answered
        firm = settled(observed, run.header.grid, stabilization_bars=self._stabilization_bars)
        return block.gaps - standing(firm, run.withdrawn).answered - run.sealed

    async def _ask(self, run: _Run, gap: TimeRange, lease: Claimed) -> bool:
        """Ask for one gap and keep the answer; False where nothing is asked any more."""
        header, clock = run.header, self._ports.clock
        asked, begun_s = Asked(header, gap, lease, clock.now_ms(), run.provisional), clock.monotonic_s()
        try:
            async with self._gates[header.node.exchange]:
                if run.over:
                    return False
                asked, begun_s = replace(asked, at_ms=clock.now_ms()), clock.monotonic_s()  # now that its turn has come
                self._emit("seamless.backfill.attempt", header, gap, lease_key=str(lease.key))
                with run.judging():
                    fetched = await self._ports.fetcher.fetch(header.node, header.grid, gap)
            # What has arrived is kept, also when this is cancelled meanwhile.
            conformed = await to_the_end(asyncio.to_thread(self._keeping.keep, asked, fetched))
        except (SourceUnavailable, SourceRejected, ConformancePipelineError) as error:
            outcome = "rejected" if isinstance(error, SourceRejected) else "failed"
            attempt = asked.attempt(outcome, error=f"{error.code}: {error.message}")
            await asyncio.to_thread(self._ports.hot.record_attempts, (attempt,))
            self._emit(
                "seamless.backfill.fail", header, gap, lease_key=str(lease.key), error=error.code, message=error.message
            )
            raise
        run.outcome.requests += fetched.requests
        run.outcome.rows += len(conformed.bars)
        run.outcome.reports.append(conformed.report)
        self._emit(
            "seamless.backfill.complete",
            header,
            gap,
            lease_key=str(lease.key),
            rows=len(conformed.bars),
            requests=fetched.requests,
            latency_ms=(clock.monotonic_s() - begun_s) * 1000,
        )
        return True

    def _emit(self, name: str, header: Header, window: TimeRange | None, **fields: Field) -> None:
        where: dict[str, Field] = {"node_id": str(header.node), "interval": header.grid.step_s}
        if window is not None:
            where |= {"start": window.start, "end": window.end}
        self._ports.emit(Event(name, self._ports.clock.now_ms(), where | fields))


def forgotten(header: Header, traits: SourceTraits, now_s: int) -> Ranges:
    """What a source serves no longer."""
    if traits.history_bars is None:
        return Ranges.empty()
    return Ranges.normalised([EARLIEST_S], [header.grid.floor(now_s) - (traits.history_bars - 1) * header.grid.step_s])


def _key(header: Header, block: Block) -> LeaseKey:
    return LeaseKey(str(header.node), header.grid.step_s, block.window.start)


@dataclass(slots=True)
class _Run:
    """One call of `fill`, shared by its workers."""

    header: Header
    sealed: Ranges
    withdrawn: Observed
    refresh: bool
    provisional: bool
    outcome: FillOutcome
    scheduled: int
    blocks_done: int = 0
    blocks_failed: int = 0
    unanswered_in_a_row: int = 0
    refused: bool = False

    @property
    def over(self) -> bool:
        """Whether the source has shown that asking on is no use."""
        return self.refused or self.unanswered_in_a_row >= GIVE_UP_AFTER

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Learn from how an ask ends whether to ask on, before the next one has its turn."""
        try:
            yield
        except SourceUnavailable:
            self.unanswered_in_a_row += 1
            raise
        except SourceRejected:
            self.refused = True
            raise
        self.unanswered_in_a_row = 0


def _not_served(header: Header, lost: Ranges, traits: SourceTraits) -> SourceRejected:
    return SourceRejected(
        f"{header.node.exchange} serves only its latest {traits.history_bars} bars of {header.node}; "
        f"{lost.seconds // header.grid.step_s:,} of those asked for are older.",
        hint="Fetch a later window, a longer timeframe, or the same market from another exchange.",
        node=str(header.node),
        history_bars=traits.history_bars,
    )
