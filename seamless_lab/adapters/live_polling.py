"""Live bars by asking for history again whenever a bar closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.proof import closed_until, quiet_until
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars
from seamless_lab.core.stamps import PER_SECOND
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Emit, Event, Field, silent
from seamless_lab.engine.ports import Clock, Fetched, Fetcher
from seamless_lab.errors import SourceUnavailable


@dataclass(frozen=True, slots=True)
class PollingSettings:
    """How a polling feed behaves.

    Parameters
    ----------
    settle_ms
        How long after a bar's end it is asked for: exchanges publish a closed bar a moment late.
    again_ms
        Pauses before asking again for a bar that has closed and is not there yet; after the last one, it is asked for
        together with the next bar. Also the pauses while the source is down, the last one repeated.
    bars_per_ask
        The most slots asked for at once, while catching up.
    patience_s
        A slot without an answer for this long after it could have been proven empty is skipped, and stays a gap.
    """

    settle_ms: int = 250
    again_ms: tuple[int, ...] = (500, 1000, 2000, 5000)
    bars_per_ask: int = 1000
    patience_s: int = 600


class PollingFeed:
    """The `LiveFeed` port on any `Fetcher`: one ask per bar boundary, and more only while something is outstanding.

    A slot in which nothing traded cannot be told from a bar that is late, so it is asked for again together with the
    next bars until the fetcher proves it empty, which takes some minutes; the bars after it do not wait for that.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        clock: Clock,
        settings: PollingSettings | None = None,
        *,
        emit: Emit = silent,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fetcher, self._clock, self._settings = fetcher, clock, settings or PollingSettings()
        self._emit, self._sleep = emit, sleep

    async def bars(self, node: NodeId, grid: Grid, *, from_s: int) -> AsyncIterator[Fetched]:
        """See the port."""
        start, done, tries = grid.ceil(from_s), Ranges.empty(), 0
        pauses = self._settings.again_ms
        while True:
            window = self._outstanding(grid, start, done)
            if window is None:
                await self._wait_for_bar(grid, max(start, self._closed_s(grid)))
                continue
            asked_ms = self._clock.now_ms()
            try:
                fetched = await self._fetcher.fetch(node, grid, window)
            except SourceUnavailable as error:
                self._tell(node, error)
                await self._sleep(max(pauses[min(tries, len(pauses) - 1)] / 1000, error.retry_after_s or 0.0))
                tries += 1
                continue
            news = fetched.answered.clip(window) - done
            if len(news):
                yield replace(_only(fetched, news), server_time_ms=min(asked_ms, fetched.server_time_ms))
            start, done = _advance(start, done | news | self._given_up(grid, window))
            if len(news) and window.end < self._closed_s(grid):
                continue  # catching up
            if self._has_latest(grid, start, done) or tries >= len(pauses):
                tries = 0
                await self._wait_for_bar(grid, self._closed_s(grid))
            else:
                await self._sleep(pauses[tries] / 1000)
                tries += 1

    def _closed_s(self, grid: Grid) -> int:
        return closed_until(self._clock.now_ms() // 1000, grid)

    def _outstanding(self, grid: Grid, start: int, done: Ranges) -> TimeRange | None:
        """From the first to the last closed slot without an answer, or the first so many."""
        end = min(self._closed_s(grid), start + self._settings.bars_per_ask * grid.step_s)
        return (Ranges.normalised([start], [end]) - done).bounds

    def _has_latest(self, grid: Grid, start: int, done: Ranges) -> bool:
        last = self._closed_s(grid) - grid.step_s
        return start > last or bool(done.contains(np.array([last]))[0])

    def _given_up(self, grid: Grid, window: TimeRange) -> Ranges:
        until = quiet_until(self._clock.now_ms() // 1000 - self._settings.patience_s, grid)
        return Ranges.normalised([window.start], [min(window.end, until)])

    async def _wait_for_bar(self, grid: Grid, opens_s: int) -> None:
        """Until the bar that opens at `opens_s` has closed and settled."""
        settled_ms = (opens_s + grid.step_s) * 1000 + self._settings.settle_ms
        await self._sleep(max(0.0, (settled_ms - self._clock.now_ms()) / 1000))

    def _tell(self, node: NodeId, error: SourceUnavailable) -> None:
        fields: dict[str, Field] = {"node_id": str(node), "error": error.message, "retry_after_s": error.retry_after_s}
        self._emit(Event("seamless.live.retry", self._clock.now_ms(), fields))


def _advance(start: int, done: Ranges) -> tuple[int, Ranges]:
    """Move past the slots that are done without a break, so that what is remembered stays small."""
    if len(done) and int(done.starts[0]) <= start:
        start = max(start, int(done.ends[0]))
        done = Ranges.normalised(done.starts[1:], done.ends[1:])
    return start, done


def _only(fetched: Fetched, news: Ranges) -> Fetched:
    """The part of an answer that is about some slots; rows whose time is no integer are passed on as they are."""
    frame = fetched.rows.frame
    if frame.schema["ts"] == pl.Int64:
        seconds = frame["ts"].fill_null(-1).to_numpy() // PER_SECOND[fetched.rows.time_unit]
        frame = frame.filter(pl.Series(news.contains(seconds)))
    rows = RawBars(frame, fetched.rows.time_unit)
    return replace(fetched, rows=rows, answered=news, before_listing=fetched.before_listing & news)
