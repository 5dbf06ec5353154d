"""Verbs that fill and seal."""

from __future__ import annotations

from seamless_lab.app.lab.opened import Opened
from seamless_lab.app.results import (
    BackfillPlan,
    BackfillResult,
    CompactReport,
    Folded,
    Manifest,
)
from seamless_lab.core.digest import Header
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import Latest
from seamless_lab.core.time import TimeLike
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.events import Emit
from seamless_lab.engine.jobs import Backfilled


class Filling(Opened):
    """Plan, backfill, publish."""

    def plan(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillPlan:
        """The requests and the time a backfill would take; asks for no bars."""
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        planned = self._portal.call(lambda: self.wiring.jobs.plan(header, window, refresh=refresh), on_event)
        return BackfillPlan(
            header.node, window, planned.gaps, planned.lost, planned.prediction, planned.listed, refresh
        )

    def backfill(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillResult:
        """Fill what is missing and seal it.

        `refresh` asks for answered slots again, and changes become restatements.
        """
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        done = self._portal.call(lambda: self.wiring.jobs.backfill(header, window, refresh=refresh), on_event)
        return _backfill_result(header, done)

    async def abackfill(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillResult:
        """`backfill` for async code."""
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        done = await self._portal.acall(lambda: self.wiring.jobs.backfill(header, window, refresh=refresh), on_event)
        return _backfill_result(header, done)

    def publish(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> Manifest:
        """Seal what the hot store knows for good and the head does not hold yet; says so where that is nothing."""
        header = self.door.series(node)
        window = self.door.window(header, start, end) if start is not None else None
        before = self.wiring.sealed.head_commit(header.node)
        version = self._portal.call(lambda: self.wiring.jobs.publish(header, window))
        return Manifest(version, nothing_new=before is not None and before.seq == version.commit.seq)

    def compact(self, node: str | None = None) -> CompactReport:
        """Fold finished months into one file each, and delete what no version reaches and is older than a day.

        Of a node, or of all of the home's store. Changes no digest. Sealing folds a month by itself when the next one
        begins; what is left to this are late days, and leftovers of publishers that were killed.
        """
        store = self.wiring.sealed
        nodes = tuple(store.nodes()) if node is None else (self.door.node(node),)
        return CompactReport(store.url, tuple(_folded(store, one) for one in nodes))


def _folded(store: SealedStore, node: NodeId) -> Folded:
    store.select(node, Latest())
    written, swept = store.compact(node), store.sweep(node)
    return Folded(node, len(written), len(swept.paths), swept.size_bytes)


def _backfill_result(header: Header, done: Backfilled) -> BackfillResult:
    errors = tuple(dict.fromkeys(error.message for error in done.outcome.errors))
    return BackfillResult(
        header.node, done.coverage, done.outcome.requests, done.outcome.rows, errors, done.version, done.restated
    )
