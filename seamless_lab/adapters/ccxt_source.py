"""One exchange in use: its client behind the rate limiter, with retries and the exchange's clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import chain, repeat
from typing import TypeVar

from seamless_lab.adapters.ccxt_client import Answer, CcxtClient, known_exchanges, open_client
from seamless_lab.adapters.ccxt_errors import RateLimited
from seamless_lab.adapters.ccxt_paging import Ask
from seamless_lab.adapters.ccxt_rows import times_ms
from seamless_lab.adapters.ccxt_settings import CcxtSettings
from seamless_lab.adapters.ccxt_traits import BarApi, bar_api, family_of
from seamless_lab.core.identity import NodeId
from seamless_lab.engine.events import Emit, Event, Field
from seamless_lab.engine.ports import Clock, Closed, RateLimiter, SourceTraits
from seamless_lab.errors import SourceRejected, SourceUnavailable, UnknownMarket

MARKETS_WEIGHT = 20.0  # Binance's exchangeInfo, the dearest known
LIST_WEIGHT = 1.0
"""Of every further list that an exchange splits its markets into; those that do weigh by requests."""
CLOCK_WEIGHT = 1.0
CLOCK_TRUSTED_S = 600.0
"""How long the exchange's clock is carried on from what it told."""
CLOCK_LEAP_MS = 2_000
"""When the wall clock and the passing of time differ by so much, after a step or a sleep, it is asked again."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source shares. `sleep` and `uniform` stand for `asyncio.sleep` and `random.random`."""

    limiter: RateLimiter
    clock: Clock
    emit: Emit
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class ClockTold:
    """What the exchange's clock told, and what the local wall and monotonic clocks showed when it arrived."""

    told_ms: int
    wall_ms: int
    monotonic_s: float

    def passed_ms(self, clock: Clock) -> tuple[int, int]:
        """How much later it is, by the wall clock and by the monotonic one."""
        return clock.now_ms() - self.wall_ms, int((clock.monotonic_s() - self.monotonic_s) * 1000)


@dataclass(slots=True, eq=False)
class CcxtSource:
    """One exchange family in use, its markets loaded. Open with `open_source`, end with `close`.

    `listed_s` and `earliest_s` remember, by node, when the first bar ever opened and the earliest one seen;
    `startup_requests` and `startup_weight` what opening took, `latency_s` how long the clock's answer took.
    """

    exchange: str
    client: CcxtClient
    settings: CcxtSettings
    around: Surroundings
    limiter_key: str
    gate: asyncio.Semaphore
    listing_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    first_bars: dict[NodeId, Answer] = field(default_factory=dict)
    listed_s: dict[NodeId, int] = field(default_factory=dict)
    earliest_s: dict[NodeId, int] = field(default_factory=dict)
    clock_told: ClockTold | None = None
    startup_requests: int = 0
    startup_weight: float = 0.0
    latency_s: float | None = None

    def bar_api(self, node: NodeId) -> BarApi:
        """How the node's bars can be asked for."""
        return bar_api(node.exchange, family_of(node.exchange, node.symbol), self.client.page_bars(node.symbol))

    async def load_markets(self) -> None:
        """Load the markets; each of the requests that it takes is tried again by itself."""
        weights = chain([MARKETS_WEIGHT], repeat(LIST_WEIGHT))

        async def each(request: Callable[[], Awaitable[object]]) -> object:
            weight = next(weights)
            result, _ = await self.retrying(weight, request)
            self.startup_weight += weight
            return result

        await self.client.load_markets(each)

    async def page(self, node: NodeId, timeframe: str, ask: Ask) -> tuple[Answer, int]:
        """An answer and the number of requests it took."""
        weight = self.bar_api(node).request_weight
        return await self.retrying(weight, lambda: self.client.page(node.symbol, timeframe, ask))

    async def first_bar(self, node: NodeId, ask: Ask) -> tuple[Answer, int]:
        """The first bar that the node ever had, requested once for all who ask."""
        async with self.listing_turn:
            known = self.first_bars.get(node)
            if known is not None:
                return known, 0
            answer, requests = await self.page(node, node.timeframe, ask)
            ms = times_ms(answer.frame)
            if ms.size and ms.min() >= 0:
                self.first_bars[node] = answer
                self.listed_s[node] = int(ms.min()) // 1000
            return answer, requests

    def traits(self, node: NodeId) -> SourceTraits:
        """How the node can be asked for, as the engine wants to know it."""
        listed_s = self.listed_s.get(node)
        return replace(
            self.bar_api(node).traits(self.client.created_s(node.symbol) if listed_s is None else listed_s),
            startup_requests=self.startup_requests,
            startup_weight=self.startup_weight,
            latency_s=self.latency_s,
        )

    def note_earliest(self, node: NodeId, seen_s: int | None) -> None:
        """Remember the earliest bar that was ever seen."""
        if seen_s is not None:
            self.earliest_s[node] = min(seen_s, self.earliest_s.get(node, seen_s))

    async def read_clock(self, *, patient: bool = True) -> int:
        """Measure the exchange's clock if that is due; returns the number of requests made.

        An exchange without a time endpoint is taken to have our time. Who is not `patient` asks once only.
        """
        clock = self.around.clock
        if not self.client.tells_time:
            return 0
        if self.clock_told is not None:
            by_wall, by_monotonic = self.clock_told.passed_ms(clock)
            leapt = by_wall != 0 and abs(by_wall - by_monotonic) >= CLOCK_LEAP_MS  # 0: a wall clock that stands still
            if by_monotonic < CLOCK_TRUSTED_S * 1000 and not leapt:
                return 0
        attempts = None if patient else 1
        told_ms, requests = await self.retrying(CLOCK_WEIGHT, self._timed_clock, attempts=attempts)
        if told_ms is not None:  # told before it arrived here, so the exchange's clock shows at least this
            self.clock_told = ClockTold(told_ms, clock.now_ms(), clock.monotonic_s())
        return requests

    @property
    def exchange_now_ms(self) -> int:
        """The exchange's clock shows at least this, whatever the local wall clock was set to meanwhile."""
        clock, told = self.around.clock, self.clock_told
        return clock.now_ms() if told is None else told.told_ms + max(0, min(told.passed_ms(clock)))

    @property
    def earlier_now_s(self) -> int:
        """The earlier of the local and the exchange's clock, epoch seconds."""
        return min(self.around.clock.now_ms(), self.exchange_now_ms) // 1000

    async def _timed_clock(self) -> int | None:
        begun_s = self.around.clock.monotonic_s()
        told_ms = await self.client.time_ms()
        self.latency_s = self.around.clock.monotonic_s() - begun_s
        return told_ms

    async def retrying(
        self, weight: float, act: Callable[[], Awaitable[Result]], *, attempts: int | None = None
    ) -> tuple[Result, int]:
        """The result of a request, and how many were made; what may succeed is tried again, to `max_attempts`."""
        settings, attempt = self.settings, 1
        attempts = settings.max_attempts if attempts is None else attempts
        while True:
            try:
                async with self.gate:
                    await self._take(weight)
                    return await act(), attempt
            except SourceUnavailable as error:
                pause_s = settings.pause_s(attempt, self.around.uniform())
                if isinstance(error, RateLimited):
                    pause_s = max(pause_s, await self._penalise(error))
                if attempt >= attempts or (error.retry_after_s or 0) > settings.longest_wait_s:
                    error.facts["attempts"] = attempt
                    raise
                self.notify("seamless.source.retry", attempt=attempt, pause_s=pause_s, error=error.message)
                await self.around.sleep(pause_s)
                attempt += 1

    async def _take(self, weight: float) -> None:
        """Wait for tokens, and tell how many are left, or that the wait was given up."""
        limiter, key = self.around.limiter, self.limiter_key
        try:
            longest_s = max(self.settings.longest_wait_s, self.settings.penalty_backoff_ms / 1000)
            waited_s = await limiter.acquire(key, weight, longest_closure_s=longest_s)
        except Closed as error:
            raise RateLimited(
                f"{self.exchange} is not asked for another {error.seconds:,.0f} s: it wanted so long a pause.",
                hint="Wait; what is stored is read without asking.",
                retry_after_s=error.seconds,
                exchange=self.exchange,
            ) from error
        except asyncio.CancelledError:
            self.notify("seamless.ratelimit.dropped", key=key, weight=weight)
            raise
        left = await limiter.tokens_available(key)
        self.notify("seamless.ratelimit.tokens", key=key, tokens=left, weight=weight, waited_s=waited_s)

    async def _penalise(self, error: RateLimited) -> float:
        asked_s = error.retry_after_s
        pause_s = self.settings.penalty_backoff_ms / 1000 if asked_s is None else asked_s
        await self.around.limiter.penalise(self.limiter_key, pause_s)
        return pause_s

    def notify(self, name: str, **fields: Field) -> None:
        """Emit an event of this source."""
        self.around.emit(Event(name, self.around.clock.now_ms(), {"source": self.exchange, **fields}))

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()


async def open_source(exchange: str, family: str, settings: CcxtSettings, around: Surroundings) -> CcxtSource:
    """A source whose markets are loaded, and whose clock is read if it answers at once.

    Raises
    ------
    UnknownMarket
        ccxt knows no such exchange; the hint has near matches.
    SourceUnavailable, SourceRejected
        The markets cannot be loaded.
    """
    known = await known_exchanges()
    if exchange not in known:
        near = get_close_matches(exchange, known, n=3)
        raise UnknownMarket(
            f"There is no exchange {exchange!r}.",
            hint=f"Did you mean {', '.join(near)}?"
            if near
            else f"ccxt knows {len(known)}, such as binance and kraken.",
            exchange=exchange,
        )
    client = await open_client(
        exchange, family, settings.options, settings.timeout_ms, test_network=settings.test_network
    )
    gate = asyncio.Semaphore(settings.concurrent_requests)
    source = CcxtSource(exchange, client, settings, around, settings.limiter_key(exchange), gate)
    try:
        await source.load_markets()
        with suppress(SourceUnavailable, SourceRejected):  # it is read again, and again, before bars are asked for
            await source.read_clock(patient=False)
        source.startup_requests = client.answers
        source.startup_weight += CLOCK_WEIGHT if client.tells_time else 0.0
    except BaseException:  # also a cancellation: nobody else could close it
        await client.close()
        raise
    return source
