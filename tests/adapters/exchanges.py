"""What the tests of the fetcher share: a frozen exchange, fetchers for it, and what it really has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from math import inf

import numpy as np
import polars as pl

from seamless_lab.adapters.clock_system import FixedClock
from seamless_lab.adapters.fetcher_ccxt import CcxtFetcher, CcxtSettings
from seamless_lab.core.bars import PRICES, VALUES
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Emit, silent
from seamless_lab.engine.ports import Clock, Fetched
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from seamless_lab.sandbox.ccxt_urls import ccxt_urls
from seamless_lab.sandbox.exchange import Exchange
from seamless_lab.sandbox.market import Stretch

NOW_S = 1_735_689_630  # 2025-01-01 00:00:30 UTC
LISTED_S = 1_720_000_020  # 2024-07-03 09:47 UTC
CONFIG = SandboxConfig(
    now_ms=NOW_S * 1000,
    symbols=40,
    weight_limits={},
    quiet_per_million={"LTC/USDT": 60_000, "LTC/USD": 60_000, "DOT/USD": 400_000, "DOT/USDT": 400_000},
    listed_s={"ADA/USDT": LISTED_S, "ADA/USD": LISTED_S},
)
BAR_ROUTES = frozenset({"klines", "candles", "OHLC"})
FAMILIES = ("binance", "coinbase", "kraken")


@dataclass
class OpenGate:
    """A rate limiter that always lets through and notes what it was asked."""

    weights: list[tuple[str, float]] = field(default_factory=list)
    penalties: list[tuple[str, float]] = field(default_factory=list)

    async def acquire(self, key: str, weight: float, *, longest_closure_s: float = inf) -> float:
        self.weights.append((key, weight))
        return 0.0

    async def penalise(self, key: str, seconds: float) -> None:
        self.penalties.append((key, seconds))

    async def tokens_available(self, key: str) -> float:
        return 1e9


@dataclass
class Pauses:
    """A sleep that takes no time."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


_urls = cache(ccxt_urls)


def settings_for(exchange: SandboxExchange, **changes: object) -> dict[str, CcxtSettings]:
    return {family: CcxtSettings(options={"urls": _urls(family, exchange.url)}, **changes) for family in FAMILIES}


def fetcher_for(
    exchange: SandboxExchange,
    *,
    limiter: OpenGate | None = None,
    pauses: Pauses | None = None,
    clock: Clock | None = None,
    emit: Emit = silent,
    **changes: object,
) -> CcxtFetcher:
    return CcxtFetcher(
        limiter or OpenGate(),
        clock or FixedClock(NOW_S * 1000),
        settings_for(exchange, **changes),
        emit=emit,
        sleep=pauses or Pauses(),
        uniform=lambda: 0.5,
    )


_TRUTH = Exchange(CONFIG)


def truth(node: NodeId, window: TimeRange) -> pl.DataFrame:
    """The closed bars that the exchange has in a window, computed without any request."""
    instrument = _TRUTH.instruments(node.exchange)[node.symbol]
    step = grid_of(node.exchange, node.timeframe).step_s
    bars = _TRUTH.market.bars(instrument, step, Stretch(window.start, window.end), NOW_S * 1000)
    columns = {name: getattr(bars, name) / 10**instrument.price_decimals for name in PRICES}
    columns["volume"] = bars.volume / 10**instrument.lot_decimals
    frame = pl.DataFrame({"ts": bars.ts * 1000, **columns})
    return frame.filter(pl.col("ts") < window.end * 1000, pl.col("ts") + step * 1000 <= NOW_S * 1000)


def distinct(fetched: Fetched) -> pl.DataFrame:
    """The rows of an answer, sorted, the last received of equal times."""
    return fetched.rows.frame.unique("ts", keep="last", maintain_order=True).sort("ts")


def check_honest(fetched: Fetched, node: NodeId, window: TimeRange) -> None:
    """Every delivered bar is a bar of the exchange, digit by digit, and no answered slot hides one."""
    expected, got = truth(node, window), distinct(fetched)
    assert got.schema == expected.schema
    answered = fetched.answered.contains(expected["ts"].to_numpy() // 1000)
    assert got.equals(expected.filter(pl.Series(answered)))
    assert (fetched.answered - Ranges.single(window)) == Ranges.empty()
    assert all(np.isfinite(got[name].to_numpy()).all() for name in VALUES)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # the exchange runs on another thread
            await asyncio.sleep(0.002)


def running() -> Iterator[SandboxExchange]:
    with SandboxExchange(CONFIG) as exchange:
        yield exchange
