"""The other use cases: plan, backfill, publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from seamless_lab.core.bucket import BucketShape
from seamless_lab.core.cells import pack_cells
from seamless_lab.core.coverage import Coverage
from seamless_lab.core.digest import Header
from seamless_lab.core.plan import Block, Pace, Prediction, plan_blocks, predict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.report import ConformanceReport
from seamless_lab.core.time import EARLIEST_S, TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.answering import tell_findings
from seamless_lab.engine.backfill import Backfiller, FillOutcome, forgotten
from seamless_lab.engine.events import Emit, Field
from seamless_lab.engine.knowledge import Known, Stores
from seamless_lab.engine.ports import Fetcher
from seamless_lab.engine.publish import Publisher
from seamless_lab.errors import NotFound


@dataclass(frozen=True, slots=True)
class JobShape:
    """The numbers a prediction needs: the size of a block, and by exchange its rate limit and requests at once."""

    window_bars: int
    rate_of: Callable[[str], BucketShape]
    concurrent_of: Callable[[str], int]


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What a backfill would ask for.

    `lost` are gaps that the source serves no longer. `listed`: whether the market surely had bars by the first gap;
    where that is not known, slots before the first bar may make the prediction too high.
    """

    window: TimeRange
    gaps: Ranges
    lost: Ranges
    blocks: tuple[Block, ...]
    prediction: Prediction
    listed: bool


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
        exchange = header.node.exchange
        gaps, known = await self._gaps(header, window, refresh)
        if nothing_to_ask(gaps, known):
            idle = predict(
                (), header.grid, page_bars=1, request_weight=0, rate=self._shape.rate_of(exchange), pace=Pace()
            )
            return Planned(window, gaps, gaps, (), idle, listed=True)
        traits = await self._fetcher.traits(header.node)
        lost = gaps & forgotten(header, traits, known.now_s)
        unlisted = Ranges.normalised([EARLIEST_S], [header.grid.floor(traits.listed_s or EARLIEST_S)])
        blocks = plan_blocks(gaps - lost - unlisted, header.grid, window_bars=self._shape.window_bars)
        prediction = predict(
            blocks,
            header.grid,
            page_bars=traits.page_bars,
            request_weight=traits.request_weight,
            rate=self._shape.rate_of(exchange),
            pace=Pace(
                traits.startup_requests, traits.startup_weight, traits.latency_s, self._shape.concurrent_of(exchange)
            ),
        )
        return Planned(window, gaps, lost, blocks, prediction, _listed(known, gaps, traits.listed_s))

    async def backfill(self, header: Header, window: TimeRange, *, refresh: bool) -> Backfilled:
        """Fill the final part of a window and seal it.

        Raises
        ------
        SourceRejected
            The source refuses, and nothing at all is known about the window.
        """
        gaps, before = await self._gaps(header, window, refresh)
        outcome = FillOutcome()
        if not nothing_to_ask(gaps, before):
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


def nothing_to_ask(gaps: Ranges, known: Known) -> bool:
    """Whether a source need not even be opened: a series that nothing is known about is looked up there."""
    return not len(gaps) and len(known.answered) > 0


def _listed(known: Known, gaps: Ranges, listed_s: int | None) -> bool:
    """Whether there was surely a bar before the first gap, by what the source says or a sealed pack shows."""
    first = gaps.bounds
    if first is None or (listed_s is not None and listed_s <= first.start):
        return True
    packs = known.head.tree.packs if known.head is not None else ()
    cells = pack_cells(known.header.grid)
    return any(pack.rows and cells.slots(pack.cell).end <= first.start for pack in packs)


def changed_slots(old: pl.DataFrame, new: pl.DataFrame, step_s: int) -> Ranges:
    """Slots whose bar differs between two frames of one grid: changed, added or removed."""
    same = old.join(new, on=old.columns, how="semi", nulls_equal=True, maintain_order="left")["ts"]
    differing = pl.concat([old["ts"], new["ts"]]).unique().sort()
    differing = differing.filter(~differing.is_in(same.implode()))
    return Ranges.of_slots(differing.to_numpy(), step_s)
