"""Verbs that answer with bars."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import polars as pl

from seamless_lab.app.door import AskedFetch, FetchOptions
from seamless_lab.app.lab.opened import Opened
from seamless_lab.app.portal import stopped
from seamless_lab.app.reads import read_of
from seamless_lab.app.restoring import restoring
from seamless_lab.app.results import FetchResult, with_time
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.numbers import require_number
from seamless_lab.core.policy import Domain, SLAPolicy, Strategy
from seamless_lab.core.time import TimeLike, parse_time
from seamless_lab.engine.events import Emit
from seamless_lab.engine.request import Answer
from seamless_lab.errors import RequestError


class Fetching(Opened):
    """Fetch, and follow."""

    def fetch(  # noqa: PLR0913  # each is an option users know, keyword-only
        self,
        node: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        as_of: TimeLike | None = None,
        domain: Domain | str | None = None,
        strategy: Strategy | str | None = None,
        sla: SLAPolicy | str | None = None,
        world: str | None = None,
        max_lag_s: int | None = None,
        min_coverage: float | None = None,
        on_event: Emit | None = None,
    ) -> FetchResult:
        """Bars of a window, complete and sealed, or exactly what is missing and why.

        Parameters
        ----------
        node
            `ohlcv:exchange:symbol:timeframe`, a reference `NODE@SELECTOR` to a sealed version, or `pin:NAME`.
        start, end
            The half-open window `[start, end)`; see `core.time.parse_time`. `end` may be left out when `start` is a
            day, week, month or year, and both for a pin, which has a window.
        as_of
            Read what was known then: a time, `seq:N`, `sha256:…` or `lock`. Same as writing it behind `@`.
        domain
            `dryrun` (default), `live`, `backtest` or `research`.
        strategy
            `SEAMLESS`, `AUTO_BACKFILL`, `PARTIAL_FILL` or `FAIL_FAST`.
        sla
            Budgets: a preset's name or a policy.
        world, max_lag_s, min_coverage
            The rest of the compute context; `max_lag_s` applies to `live` only.
        on_event
            Called in this thread with every event of the fetch while it runs.

        Raises
        ------
        SeamlessError
            See `errors`: each says what to do.
        """
        options = FetchOptions(as_of, domain, strategy, sla, world, max_lag_s, min_coverage)
        ask = self.door.request(node, start, end, options)
        store = ask.asked.store
        with restoring(self.wiring, store):
            answer = self._portal.call(lambda: self.wiring.engine_for(store).fetch(ask.request), on_event)
        return self._recorded(ask, answer)

    async def afetch(  # noqa: PLR0913  # the options of `fetch`
        self,
        node: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        as_of: TimeLike | None = None,
        domain: Domain | str | None = None,
        strategy: Strategy | str | None = None,
        sla: SLAPolicy | str | None = None,
        world: str | None = None,
        max_lag_s: int | None = None,
        min_coverage: float | None = None,
        on_event: Emit | None = None,
    ) -> FetchResult:
        """`fetch` for async code; cancelling it cancels the work."""
        options = FetchOptions(as_of, domain, strategy, sla, world, max_lag_s, min_coverage)
        ask = await asyncio.to_thread(self.door.request, node, start, end, options)
        store = ask.asked.store
        with restoring(self.wiring, store):
            answer = await self._portal.acall(lambda: self.wiring.engine_for(store).fetch(ask.request), on_event)
        return self._recorded(ask, answer)

    def live(self, node: str, *, start: TimeLike = "now", limit: int | None = None) -> Iterator[pl.DataFrame]:
        """Bars as they close, from `start` on, without end or exactly `limit` of them; Ctrl-C ends it.

        Each iteration waits for the next bars and gives their frame, as `FetchResult.frame`. They are not sealed yet.
        """
        following, left = self._follow(node, start, limit), limit
        try:
            while left is None or left > 0:
                following.require_open()
                bars = self._portal.call(following.next)
                frame = bars.frame.head(len(bars) if left is None else left)
                left = None if left is None else left - frame.height
                yield with_time(frame)
        finally:
            if not following.closed:
                self._portal.call(following.end)

    async def alive(
        self, node: str, *, start: TimeLike = "now", limit: int | None = None
    ) -> AsyncIterator[pl.DataFrame]:
        """`live` for async code."""
        following, left = self._follow(node, start, limit), limit
        try:
            while left is None or left > 0:
                following.require_open()
                bars = await self._portal.acall(following.next)
                frame = bars.frame.head(len(bars) if left is None else left)
                left = None if left is None else left - frame.height
                yield with_time(frame)
        finally:
            if not following.closed:
                await self._portal.acall(following.end)

    def _recorded(self, ask: AskedFetch, answer: Answer) -> FetchResult:
        """The result, entered in the journal when it comes from a version."""
        if answer.provenance.fingerprint:
            asked, request = ask.asked, answer.request
            self.wiring.reads.add(
                read_of(
                    asked.written, asked.pin, request.context.domain, request.window, answer.bars, answer.provenance
                )
            )
        return FetchResult(answer, ask.asked.written)

    def _follow(self, node: str, start: TimeLike, limit: int | None) -> _Following:
        if limit is not None:
            hint = "The number of bars to wait for, such as 10."
            require_number("limit", limit, hint, whole=True)
            if limit < 0:
                raise RequestError(f"limit is {limit}; it must be at least 0.", hint=hint, limit=limit)
        header = self.door.series(node)
        return _Following(self.wiring, header, parse_time(start, now_s=self.wiring.clock.now_ms() // 1000))


class _Following:
    """A series that is followed until its lab is closed."""

    def __init__(self, wiring: Wiring, header: Header, from_s: int) -> None:
        self._wiring, self._tail = wiring, wiring.tail
        self._bars = self._tail.follow(header, from_s)

    @property
    def closed(self) -> bool:
        """Whether the lab was closed since; then there is nothing left to end."""
        return vars(self._wiring).get("tail") is not self._tail

    def require_open(self) -> None:
        if self.closed:
            raise stopped()

    async def next(self) -> Bars:
        self.require_open()
        return await anext(self._bars)

    async def end(self) -> None:
        if not self.closed:
            await self._bars.aclose()
