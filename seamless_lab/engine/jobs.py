"""The other use cases: plan, backfill, publish."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import polars as pl

from seamless_lab.core.coverage import Coverage, classify, stable_until
from seamless_lab.core.digest import Header
from seamless_lab.core.observed import merge, settled
from seamless_lab.core.plan import Block, Prediction, RateShape, plan_blocks, predict
from seamless_lab.core.policy import BackfillPolicy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.backfill import Backfiller, FillOutcome
from seamless_lab.engine.ports import Clock, Fetcher, HotStore
from seamless_lab.engine.publish import Publisher
from seamless_lab.errors import NotFound


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What a backfill would ask for."""

    window: TimeRange
    gaps: Ranges
    blocks: tuple[Block, ...]
    prediction: Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Backfilled:
    """What a backfill did; `restated` are slots whose sealed bars changed."""

    coverage: Coverage
    outcome: FillOutcome
    version: Version | None
    restated: Ranges


class Jobs:
    """Plan, backfill and publish; bound to one loop."""

    def __init__(
        self,
        clock: Clock,
        fetcher: Fetcher,
        hot: HotStore,
        sealed: SealedStore,
        backfiller: Backfiller,
        publisher: Publisher,
        policy: BackfillPolicy,
        rate: RateShape,
        *,
        stabilization_bars: int,
    ) -> None:
        self._clock, self._fetcher, self._hot, self._sealed = clock, fetcher, hot, sealed
        self._backfiller, self._publisher = backfiller, publisher
        self._policy, self._rate, self._stabilization_bars = policy, rate, stabilization_bars

    async def plan(self, header: Header, window: TimeRange, *, refresh: bool) -> Planned:
        """What `backfill` would ask for; asks for no bars."""
        traits = await self._fetcher.traits(header.node)
        gaps, _ = await asyncio.to_thread(self._gaps, header, window, refresh)
        blocks = plan_blocks(gaps, header.grid, window_bars=self._policy.window_bars)
        prediction = predict(blocks, header.grid, page_bars=traits.page_bars, request_weight=traits.request_weight, rate=self._rate)
        return Planned(window, gaps, blocks, prediction)

    async def backfill(self, header: Header, window: TimeRange, *, refresh: bool) -> Backfilled:
        """Fill the final part of a window and seal it.

        Raises
        ------
        SourceRejected
            The source refuses, and nothing at all is known about the window.
        """
        gaps, before = await asyncio.to_thread(self._gaps, header, window, refresh)
        sealed = before.tree.answered if before else Ranges.empty()
        outcome = FillOutcome()
        await self._backfiller.fill(header, gaps, sealed=sealed, refresh=refresh, outcome=outcome)
        version = await self._publisher.publish(header, window, reports=outcome.reports)
        return await asyncio.to_thread(self._finished, header, window, outcome, before, version)

    async def publish(self, header: Header, window: TimeRange | None) -> Version:
        """Seal what is known for good; without a window, all that the hot store holds.

        Raises
        ------
        NotFound
            Nothing is known about the node.
        """
        window = window or await asyncio.to_thread(self._hot.bounds, header)
        version = await self._publisher.publish(header, window) if window else await asyncio.to_thread(self._sealed.head, header.node)
        if version is None:
            raise NotFound(
                f"There is nothing to seal for {header.node}: no bar of it is final in this home.",
                hint=f"Fetch it first: seamless fetch {header.node} --start … --end …",
                node=str(header.node),
            )
        return version

    def _gaps(self, header: Header, window: TimeRange, refresh: bool) -> tuple[Ranges, Version | None]:
        head = self._sealed.head(header.node)
        final = Ranges.normalised([window.start], [min(window.end, self._stable_s(header))])
        if refresh:
            return final, head
        hot = self._hot.load(header, window)
        known = settled(hot.observed, header.grid, stabilization_bars=self._stabilization_bars).answered
        return final - known - (head.tree.answered if head else Ranges.empty()), head

    def _finished(
        self, header: Header, window: TimeRange, outcome: FillOutcome, before: Version | None, version: Version | None
    ) -> Backfilled:
        state = self._hot.load(header, window)
        bars = state.bars
        observed = settled(state.observed, header.grid, stabilization_bars=self._stabilization_bars)
        bars = bars.within(observed.answered)
        if version is not None:
            sealed = self._sealed.read(version, window)
            bars, observed, _ = merge(sealed.bars, version.commit.observed.clip(window), bars, observed)
        coverage = classify(
            window, header.grid, bars=bars.slots, answered=observed.answered, failed=state.failed, stable_until_s=self._stable_s(header)
        )
        restated = Ranges.empty()
        if before is not None and version is not None and before.tree.fingerprint != version.tree.fingerprint:
            old, new = self._sealed.read(before, window), self._sealed.read(version, window)
            restated = changed_slots(old.bars.frame, new.bars.frame, header.grid.step_s) & old.answered
        if outcome.rejected is not None and not len(observed.answered):
            raise outcome.rejected
        return Backfilled(coverage, outcome, version, restated)

    def _stable_s(self, header: Header) -> int:
        return stable_until(self._clock.now_ms() // 1000, header.grid, stabilization_bars=self._stabilization_bars)


def changed_slots(old: pl.DataFrame, new: pl.DataFrame, step_s: int) -> Ranges:
    """Slots whose bar differs between two frames of one grid: changed, added or removed."""
    same = old.join(new, on=old.columns, how="semi", nulls_equal=True, maintain_order="left")["ts"]
    differing = pl.concat([old["ts"], new["ts"]]).unique().sort()
    differing = differing.filter(~differing.is_in(same.implode()))
    return Ranges.of_slots(differing.to_numpy(), step_s)
