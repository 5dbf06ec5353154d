"""The polling feed on the ccxt fetcher and a running exchange."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.live_polling import PollingFeed
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.sandbox import SandboxExchange
from tests.adapters.exchanges import CONFIG, NOW_S, fetcher_for


@pytest.mark.parametrize("market", ["binance:BTC/USDT", "coinbase:BTC/USD", "kraken:BTC/USD"])
async def test_bars_of_a_running_exchange_come_once_each_when_closed(market: str) -> None:
    clock = ManualClock(NOW_S * 1000)
    with SandboxExchange(CONFIG) as exchange:

        async def sleep(seconds: float) -> None:
            clock.advance(seconds)
            exchange.freeze(clock.now_ms())

        node = parse_node(f"ohlcv:{market}:1m")
        fetcher = fetcher_for(exchange, clock=clock)
        got: list[int] = []
        feed = PollingFeed(fetcher, clock, sleep=sleep)
        async with aclosing(feed.bars(node, grid_of(node.exchange, "1m"), from_s=NOW_S - 300)) as answers:
            async for answer in answers:
                got += answer.rows.frame["ts"].to_list()
                assert max(got) + 60_000 <= clock.now_ms()
                if len(got) >= 8:
                    break
        await fetcher.close()
    first = (NOW_S - 300 + 59) // 60 * 60
    assert got == [(first + 60 * k) * 1000 for k in range(len(got))]
