"""Sealing: what the hot store knows for good becomes a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seamless_lab.core.digest import CONFORMANCE_VERSION, Header
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.report import ConformanceReport, merge_reports
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit, Json, Version
from seamless_lab.engine.artifacts import Candidate, Evidence, Published
from seamless_lab.engine.artifacts.coarsen import LIMIT_RUNS
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.knowledge import Known, Stores
from seamless_lab.errors import Corrupted, SeamlessError

HOT_TTL_MS = 2 * 86_400_000
"""How long the hot store keeps what is sealed."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who seals: recorded in every commit. `policy` is the effective policy as JSON values."""

    identity: str
    version: str
    policy: dict[str, object]


class Publisher:
    """Publishes the stable part of the hot store, always on top of the head."""

    def __init__(self, stores: Stores, emit: Emit, producer: Producer) -> None:
        self._stores, self._emit, self._producer = stores, emit, producer

    async def publish(
        self, header: Header, window: TimeRange, *, world: str = "default", reports: Sequence[ConformanceReport] = ()
    ) -> Version | None:
        """Seal what is known and final inside `window`; returns the head afterwards, None when there is nothing at all.

        Equal to the head: no commit. Safe to call from any number of processes at once. What waits outside of `window`
        is sealed along where this commit could hide it.

        Raises
        ------
        ClockSkew
            The local clock is behind the head.
        """
        return await asyncio.to_thread(self._publish, header, window, world, reports)

    def _publish(
        self, header: Header, window: TimeRange, world: str, reports: Sequence[ConformanceReport]
    ) -> Version | None:
        begun_s = self._stores.clock.monotonic_s()
        known = self._stores.know(header, window)
        if not len(known.fresh):
            return known.head
        known = self._with_the_rest(known)
        known, bars, firm = self._stores.fresh_bars(known)
        if not len(known.fresh):  # sealed by others meanwhile
            return known.head
        report = merge_reports(reports)
        published = self._seal(
            Candidate(
                header=header,
                bars=bars,
                observed=firm,
                conformance={
                    "version": CONFORMANCE_VERSION,
                    "flags": dict(report.flags),
                    "report": report.to_dict(),
                },
                producer=self._signature(header, world),
                provenance={"window": [known.window.start, known.window.end], "upstream": header.node.exchange},
                watermark_ms=int(firm.ends[-1]) * 1000,
            ),
        )
        commit = published.version.commit
        self._tell(published, window, world, begun_s)
        # Without a commit the head holds the same answers, known for longer: asking again has told nothing.
        self._forget(header, commit.observed if published.created else firm)
        self._fold(known.head, published.version)
        return published.version

    async def rollback(self, target: Version, *, world: str = "default") -> Published:
        """Make the head hold exactly what an older version holds; see `SealedStore.restore`.

        What the hot store has observed so far does not undo it.
        """
        return await asyncio.to_thread(self._rollback, target, world)

    def _rollback(self, target: Version, world: str) -> Published:
        begun_s, header = self._stores.clock.monotonic_s(), target.header
        evidence = Evidence(self._signature(header, world), {"upstream": header.node.exchange})
        published = self._stores.sealed.restore(target, evidence)
        window = published.version.commit.bounds
        assert window is not None  # what is sealed holds something
        self._tell(published, window, world, begun_s)
        return published

    def _signature(self, header: Header, world: str) -> Json:
        return {
            "identity": self._producer.identity,
            "version": self._producer.version,
            "exchange": header.node.exchange,
            "policy": self._producer.policy,
            "node_id": str(header.node),
            "interval": header.grid.step_s,
            "world_id": world,
        }

    def _tell(self, published: Published, window: TimeRange, world: str, begun_s: float) -> None:
        header, commit, clock = published.version.header, published.version.commit, self._stores.clock
        self._emit(
            Event(
                "seamless.artifact.published" if published.created else "seamless.artifact.unchanged",
                clock.now_ms(),
                {
                    "node_id": str(header.node),
                    "interval": header.grid.step_s,
                    "start": window.start,
                    "end": window.end,
                    "world_id": world,
                    "fingerprint": commit.fingerprint,
                    "seq": commit.seq,
                    "as_of_ms": commit.as_of_ms,
                    **_rolled_back(commit),
                    "retries": published.retries,
                    "bytes": published.bytes_written,
                    "latency_ms": (clock.monotonic_s() - begun_s) * 1000,
                },
            )
        )

    def _with_the_rest(self, known: Known) -> Known:
        """The window, and all else that the hot store knows better than the head, where the commit may be coarsened.

        Coarsening moves observation times of other packs up, past those of a restatement that waits in the hot store:
        it has to be sealed by then. Half the limit leaves room for commits that others make meanwhile.
        """
        runs = len(known.firm) + (len(known.head.commit.observed) if known.head is not None else 0)
        if 2 * runs <= LIMIT_RUNS:
            return known
        held = self._stores.hot.bounds(known.header)
        if held is None or (known.window.start <= held.start and held.end <= known.window.end):
            return known
        wide = TimeRange(min(known.window.start, held.start), max(known.window.end, held.end))
        everything = self._stores.know(known.header, wide, now_s=known.now_s)
        return everything if len(everything.fresh - Ranges.single(known.window)) else known

    def _fold(self, before: Version | None, after: Version) -> None:
        """Fold the last pack that was written leaf by leaf, once another one has begun.

        What is sealed is sealed: what hinders folding is told, and `compact` does it later. A leaf that cannot be read
        is for a read or `verify` to refuse.
        """
        packs = before.tree.packs if before is not None else ()
        if not packs or after.tree.packs[-1].cell == packs[-1].cell:
            return
        node = after.header.node
        facts: dict[str, Field] = {"node_id": str(node), "interval": after.header.grid.step_s}
        try:
            written = self._stores.sealed.compact(node, since_s=packs[-1].cell)
        except SeamlessError as error:
            facts |= {"error": error.message}
        else:
            if not written:
                return
            facts |= {"files": len(written)}
        self._emit(Event("seamless.artifact.compacted", self._stores.clock.now_ms(), facts))

    def _seal(self, candidate: Candidate) -> Published:
        try:
            return self._stores.sealed.publish(candidate)
        except Corrupted as error:
            if error.facts.get("collision"):
                where: dict[str, Field] = {"node_id": str(candidate.header.node), "path": error.facts["path"]}
                self._emit(Event("seamless.artifact.collision", self._stores.clock.now_ms(), where))
            raise

    def _forget(self, header: Header, runs: Observed) -> None:
        """Drop from the hot store what it observed long ago and the head holds: `runs`, or what is older.

        Two days are enough for whoever began with an older head: nobody asks again for what was just sealed. Evidence
        that no commit holds stays: attempts, and which quiet slots precede the listing.
        """
        hot, old_ms = self._stores.hot, self._stores.clock.now_ms() - HOT_TTL_MS
        old = runs.at_ms < old_ms
        held = hot.bounds(header) if old.any() else None
        if held is None or held.start * 1000 >= old_ms:
            return
        sealed = Observed.from_runs(np.column_stack((runs.starts[old], runs.ends[old], runs.at_ms[old])))
        unlisted = hot.load(header, held, with_bars=False).before_listing
        slots = hot.evict(header, sealed.within(Ranges.single(held) - unlisted), before_s=old_ms // 1000)
        if slots:
            facts: dict[str, Field] = {"node_id": str(header.node), "interval": header.grid.step_s, "slots": slots}
            self._emit(Event("seamless.hot.evicted", self._stores.clock.now_ms(), facts))


def _rolled_back(commit: Commit) -> dict[str, Field]:
    """Of a rollback, the version that it brought back."""
    found = commit.provenance.get("rollback_of")
    return {"rollback_of": found} if isinstance(found, int) else {}
