"""Following a series as its bars close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from seamless_lab.core.bars import Bars
from seamless_lab.core.conformance import conform
from seamless_lab.core.digest import Header
from seamless_lab.core.report import ConformancePolicy
from seamless_lab.engine.backfill import BackfillPorts
from seamless_lab.engine.events import Event, Field
from seamless_lab.engine.ports import Attempt, Fetched, HotWrite, LiveFeed


class LiveTail:
    """Closed bars as they come, conformed and kept in the hot store.

    They are too young to be final: a later fetch asks for them again before it seals them.
    """

    def __init__(self, ports: BackfillPorts, feed: LiveFeed, policy: ConformancePolicy) -> None:
        self._ports, self._feed, self._policy = ports, feed, policy

    async def follow(self, header: Header, from_s: int) -> AsyncGenerator[Bars, None]:
        """Bars that open at or after `from_s`, without end; each iteration brings those that have closed since.

        Raises
        ------
        UnknownMarket, SourceRejected
            The source cannot serve the node.
        ConformancePipelineError
            The source sent what the policy blocks.
        """
        await self._ports.fetcher.traits(header.node)  # says no at once, where the feed would first wait for a bar
        async for fetched in self._feed.bars(header.node, header.grid, from_s=from_s):
            bars = await asyncio.to_thread(self._keep, header, fetched)
            if len(bars):
                yield bars

    def _keep(self, header: Header, fetched: Fetched) -> Bars:
        window = fetched.answered.bounds
        if window is None:
            return Bars.none(header.node, header.grid)
        now_ms, answered = self._ports.clock.now_ms(), fetched.answered
        observed_at_ms = min(now_ms, fetched.server_time_ms)  # when it was asked for, by the clock that is behind
        conformed = conform(fetched.rows, header, window, answered=answered, policy=self._policy)
        answered = answered - conformed.unpriced
        bars = conformed.bars.within(answered)
        attempt = Attempt(
            header.node, window, now_ms, "answered", len(bars), fetched.requests, "", header.node.exchange
        )
        self._ports.hot.write(
            HotWrite(
                header=header,
                window=window,
                bars=bars,
                answered=answered,
                observed_at_ms=observed_at_ms,
                attempt=attempt,
                unpriced=conformed.unpriced,
            )
        )
        where: dict[str, Field] = {"node_id": str(header.node), "interval": header.grid.step_s}
        news: dict[str, Field] = {"start": window.start, "end": window.end, "rows": len(bars)}
        self._ports.emit(Event("seamless.live.bars", now_ms, where | news))
        return bars
