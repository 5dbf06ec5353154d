"""Sealing: what the hot store knows for good becomes a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from seamless_lab.core.digest import CONFORMANCE_VERSION, Header
from seamless_lab.core.report import ConformanceReport, merge_reports
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Candidate
from seamless_lab.engine.events import Emit, Event
from seamless_lab.engine.knowledge import Stores


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

        Equal to the head: no commit. Safe to call from any number of processes at once.

        Raises
        ------
        ClockSkew
            The local clock is behind the head.
        """
        return await asyncio.to_thread(self._publish, header, window, world, reports)

    def _publish(
        self, header: Header, window: TimeRange, world: str, reports: Sequence[ConformanceReport]
    ) -> Version | None:
        clock, begun_s = self._stores.clock, self._stores.clock.monotonic_s()
        known = self._stores.know(header, window)
        if not len(known.fresh):
            return known.head
        bars, firm = self._stores.fresh_bars(known)
        report = merge_reports(reports)
        published = self._stores.sealed.publish(
            Candidate(
                header=header,
                bars=bars,
                observed=firm,
                conformance={
                    "version": CONFORMANCE_VERSION,
                    "flags": dict(report.flags),
                    "report": report.to_dict(),
                },
                producer={
                    "identity": self._producer.identity,
                    "version": self._producer.version,
                    "exchange": header.node.exchange,
                    "policy": self._producer.policy,
                    "node_id": str(header.node),
                    "interval": header.grid.step_s,
                    "world_id": world,
                },
                provenance={"window": [window.start, window.end], "upstream": header.node.exchange},
                watermark_ms=int(firm.ends[-1]) * 1000,
            ),
        )
        commit = published.version.commit
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
                    "retries": published.retries,
                    "latency_ms": (clock.monotonic_s() - begun_s) * 1000,
                },
            )
        )
        return published.version
