"""Fills that are stopped, that hang and that count."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.backfill import Backfiller
from seamless_lab.engine.ports import Claimed, Coordinator, Fetched, HeldElsewhere, LeaseKey, SourceTraits
from seamless_lab.errors import (
    CoordinatorUnavailable,
    LeaseLost,
    SourceUnavailable,
)
from tests.engine.backfill.market import DAY, START
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NODE, NOW_MS, NOW_S
from tests.leases import held_leases


class Slowly:
    """A coordinator as over a network: `slow` takes some turns of the loop, also to be cancelled, and may then fail."""

    def __init__(self, inner: Coordinator, slow: str, error: Exception | None = None) -> None:
        self._inner, self._slow, self._error = inner, slow, error
        self.reached = asyncio.Event()

    async def claim(self, key: LeaseKey, owner: str) -> Claimed | HeldElsewhere:
        answer = await self._inner.claim(key, owner)
        await self._take_time("claim")
        return answer

    async def renew(self, lease: Claimed) -> Claimed:
        if self._slow == "renew":
            try:
                await asyncio.Event().wait()
            finally:
                await self._take_time("renew")
        return await self._inner.renew(lease)

    async def complete(self, lease: Claimed) -> None:
        await self._inner.complete(lease)
        await self._take_time("complete")

    async def fail(self, lease: Claimed, reason: str) -> None:
        await self._inner.fail(lease, reason)
        await self._take_time("fail")

    async def _take_time(self, what: str) -> None:
        if what == self._slow:
            self.reached.set()
            for _ in range(20):
                await asyncio.sleep(0)
            if self._error is not None:
                raise self._error


class Yielding(ScriptedSource):
    """Gives the lease's keeper a turn."""

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        await asyncio.sleep(0.01)
        return await super().fetch(node, grid, window)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "slow, error",
    [
        ("renew", None),
        ("renew", LeaseLost("taken")),
        ("complete", None),
        ("complete", LeaseLost("taken")),
        ("complete", CoordinatorUnavailable("down")),
        ("claim", None),
        ("claim", CoordinatorUnavailable("down")),
    ],
)
async def test_a_cancelled_fill_ends_wherever_the_cancellation_meets_it(tmp_path, slow, error, times) -> None:
    clock = ManualClock(NOW_MS)
    source = Yielding(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        parts = lab.wiring
        coordinator = Slowly(parts.source_side.coordinator, slow, error)
        filling = Backfiller(
            replace(parts.source_side, coordinator=coordinator),
            replace(parts.settings.backfill, embedded_renew_ms=1, max_concurrent_requests=1),
            parts.settings.conformance.policy,
            owner="one",
            stabilization_bars=2,
        )
        header = Header(parse_node(NODE), Grid(60))
        gaps = Ranges.normalised([START], [START + 5 * DAY])
        task = asyncio.create_task(filling.fill(header, gaps, sealed=Ranges.empty()))
        async with asyncio.timeout(10):
            await coordinator.reached.wait()
            asked = len(source.asked)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(source.asked) == asked
        if error is None:
            assert held_leases(parts.database) == []


class PartlyDown(ScriptedSource):
    """Serves the latest 720 bars; Kraken hangs until it is let go."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.let_go = asyncio.Event()

    async def traits(self, node: NodeId) -> SourceTraits:
        return SourceTraits(page_bars=100, history_bars=720)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        if node.exchange == "kraken":
            await self.let_go.wait()
        return await super().fetch(node, grid, window)


async def test_an_exchange_that_hangs_holds_up_no_other(tmp_path) -> None:
    clock = ManualClock(NOW_MS)
    source = PartlyDown(clock)
    gaps = Ranges.normalised([NOW_S // 60 * 60 - 600 * 60], [NOW_S // 60 * 60 - 60 * 60])
    with scripted_lab(tmp_path, clock, source, seamless__backfill__window_bars=10) as lab:
        filler = lab.wiring.backfiller
        hung = Header(parse_node("ohlcv:kraken:BTC/USD:1m"), Grid(60))
        hanging = asyncio.create_task(filler.fill(hung, gaps, sealed=Ranges.empty()))
        async with asyncio.timeout(10):
            filled = await filler.fill(Header(parse_node(NODE), Grid(60)), gaps, sealed=Ranges.empty())
        assert (filled.rows, filled.errors, hanging.done()) == (540, [], False)
        source.let_go.set()
        assert (await hanging).rows == 540


@pytest.mark.parametrize("down", [False, True])
async def test_progress_counts_blocks_that_failed_and_nothing_else(tmp_path, down: bool) -> None:
    clock, heard = ManualClock(NOW_MS), Heard()
    source = PartlyDown(clock)
    source.error = SourceUnavailable("down") if down else None
    now_s = NOW_S // 60 * 60
    gaps = Ranges.normalised([now_s - 1440 * 60], [now_s - 600 * 60])  # most of it is served no longer
    with scripted_lab(tmp_path, clock, source, seamless__backfill__window_bars=50) as lab:
        lab.wiring.events.add(heard)
        outcome = await lab.wiring.backfiller.fill(Header(parse_node(NODE), Grid(60)), gaps, sealed=Ranges.empty())
    assert any("serves only its latest 720 bars" in str(error) for error in outcome.errors)
    said = [event.fields for event in heard.of("seamless.backfill.progress")]
    assert said
    for place, fields in enumerate(said, 1):
        assert fields["completed"] == place
        assert fields["failed"] == (place if down else 0)
        assert fields["ratio"] == (0 if down else place / fields["scheduled"])
