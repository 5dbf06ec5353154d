"""The other use cases: plan, backfill, publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from seamless_lab.core.coverage import Coverage
from seamless_lab.core.digest import Header
from seamless_lab.core.plan import Block, Prediction, RateShape, plan_blocks, predict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.report import ConformanceReport
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.answering import tell_findings
from seamless_lab.engine.backfill import Backfiller, FillOutcome
from seamless_lab.engine.events import Emit, Field
from seamless_lab.engine.knowledge import Known, Stores
from seamless_lab.engine.ports import Fetcher
from seamless_lab.engine.publish import Publisher
from seamless_lab.errors import NotFound


@dataclass(frozen=True, slots=True)
class JobShape:
    """The numbers a prediction needs: the size of a block, and the rate limit of an exchange."""

    window_bars: int
    rate_of: Callable[[str], RateShape]


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
        stores: Stores,
        fetcher: Fetcher,
        backfiller: Backfiller,
        publisher: Publisher,
        shape: JobShape,
        emit: Emit,
    ) -> None:
        self._stores, self._fetcher, self._emit = stores, fetcher, emit
        self._backfiller, self._publisher, self._shape = backfiller, publisher, shape

    async def plan(self, header: Header, window: TimeRange, *, refresh: bool) -> Planned:
        """What `backfill` would ask for; asks for no bars."""
        traits = await self._fetcher.traits(header.node)
        gaps, _ = await self._gaps(header, window, refresh)
        blocks = plan_blocks(gaps, header.grid, window_bars=self._shape.window_bars)
        prediction = predict(
            blocks,
            header.grid,
            page_bars=traits.page_bars,
            request_weight=traits.request_weight,
            rate=self._shape.rate_of(header.node.exchange),
        )
        return Planned(window, gaps, blocks, prediction)

    async def backfill(self, header: Header, window: TimeRange, *, refresh: bool) -> Backfilled:
        """Fill the final part of a window and seal it.

        Raises
        ------
        SourceRejected
            The source refuses, and nothing at all is known about the window.
        """
        gaps, before = await self._gaps(header, window, refresh)
        outcome = FillOutcome()
        await self._backfiller.fill(
            header, gaps, sealed=before.sealed, withdrawn=before.withdrawn, refresh=refresh, outcome=outcome
        )
        self._tell_findings(header, window, outcome.report)
        version = await self._publisher.publish(header, window, reports=outcome.reports)
        return await asyncio.to_thread(self._finished, before, outcome, version)

    async def publish(self, header: Header, window: TimeRange | None) -> Version:
        """Seal what is known for good; without a window, all that the hot store holds.

        Raises
        ------
        NotFound
            Nothing is known about the node.
        """
        window = window or await asyncio.to_thread(self._stores.hot.bounds, header)
        if window is not None:
            version = await self._publisher.publish(header, window)
        else:
            version = await asyncio.to_thread(self._stores.sealed.head, header.node)
        if version is None:
            raise NotFound(
                f"There is nothing to seal for {header.node}: no bar of it is final in this home.",
                hint=f"Fetch it first: seamless fetch {header.node} --start … --end …",
                node=str(header.node),
            )
        return version

    def _tell_findings(self, header: Header, window: TimeRange, report: ConformanceReport) -> None:
        about: dict[str, Field] = {"node_id": str(header.node), "interval": header.grid.step_s, "world_id": "default"}
        about |= {"start": window.start, "end": window.end}
        tell_findings(self._emit, self._stores.clock.now_ms(), about, report.flags, report.warnings)

    async def _gaps(self, header: Header, window: TimeRange, refresh: bool) -> tuple[Ranges, Known]:
        known = await asyncio.to_thread(self._stores.know, header, window)
        final = self._stores.final_part(known)
        return final if refresh else final - known.answered, known

    def _finished(self, begun: Known, outcome: FillOutcome, version: Version | None) -> Backfilled:
        header, window, before = begun.header, begun.window, begun.head
        known = self._stores.know(header, window, now_s=begun.now_s)
        if outcome.errors and not len(known.answered):
            raise outcome.errors[0]
        restated = Ranges.empty()
        if before is not None and version is not None and before.tree.fingerprint != version.tree.fingerprint:
            old, new = self._stores.sealed.read(before, window), self._stores.sealed.read(version, window)
            restated = changed_slots(old.bars.frame, new.bars.frame, header.grid.step_s) & old.answered
        return Backfilled(self._stores.classify(known), outcome, version, restated)


def changed_slots(old: pl.DataFrame, new: pl.DataFrame, step_s: int) -> Ranges:
    """Slots whose bar differs between two frames of one grid: changed, added or removed."""
    same = old.join(new, on=old.columns, how="semi", nulls_equal=True, maintain_order="left")["ts"]
    differing = pl.concat([old["ts"], new["ts"]]).unique().sort()
    differing = differing.filter(~differing.is_in(same.implode()))
    return Ranges.of_slots(differing.to_numpy(), step_s)
