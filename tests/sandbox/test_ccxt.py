"""The real ccxt against all three families, with nothing changed but its URLs."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt
import pytest

from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.ccxt_urls import ccxt_urls

from .conftest import NOW_MS, http

FAMILIES = {"binance": "BTC/USDT", "coinbase": "BTC/USD", "kraken": "BTC/USD"}
START_MS = 1_704_067_200_000


@pytest.fixture(params=FAMILIES)
async def client(request: pytest.FixtureRequest, frozen: SandboxExchange) -> AsyncIterator[Any]:
    urls = ccxt_urls(request.param, frozen.url)
    exchange = getattr(ccxt, request.param)({"urls": urls, "enableRateLimit": False})
    yield exchange
    await exchange.close()


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


async def test_no_url_keeps_a_real_host(client: Any, frozen: SandboxExchange) -> None:
    hosts = {urlsplit(leaf).netloc for leaf in leaves(client.urls) if "://" in str(leaf)}
    assert hosts == {urlsplit(frozen.url).netloc}


async def test_markets_load_with_names_and_precisions(client: Any) -> None:
    markets = await client.load_markets()
    market = markets[FAMILIES[client.id]]
    assert len(markets) == 40
    assert (market["spot"], market["active"], market["precision"]["price"]) == (True, True, 0.01)
    assert {"ETH/BTC", "DOGE/" + market["quote"]} <= set(markets)
    assert await client.fetch_time() // 1000 == NOW_MS // 1000


async def test_bars_come_through_exactly(client: Any, frozen: SandboxExchange) -> None:
    since = NOW_MS // 60_000 * 60_000 - 300_000
    bars = await client.fetch_ohlcv(FAMILIES[client.id], "1m", since, 5)
    assert [bar[0] for bar in bars] == [since + 60_000 * i for i in range(5)]
    path = f"/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={since}&limit=5"
    truth = http(frozen.url + path).json()
    assert [bar[1] for bar in bars] == [float(row[1]) for row in truth]  # venues share the price path
    assert [bar[4] for bar in bars] == [float(row[4]) for row in truth]


async def test_deep_history_is_there_but_on_kraken(client: Any) -> None:
    bars = await client.fetch_ohlcv(FAMILIES[client.id], "1h", START_MS)
    if client.id == "kraken":
        assert bars[0][0] == NOW_MS // 3_600_000 * 3_600_000 - 719 * 3_600_000
        assert len(bars) == 720
    else:
        assert bars[0][0] == START_MS
        assert len(bars) == {"binance": 500, "coinbase": 300}[client.id]


async def test_trades_come_through(client: Any) -> None:
    if client.id == "coinbase":
        pytest.skip("the sandbox serves no Coinbase trades")
    trades = await client.fetch_trades(FAMILIES[client.id], START_MS, 10)
    assert len(trades) == 10
    assert all(START_MS <= trade["timestamp"] < START_MS + 600_000 for trade in trades)


async def test_unknown_symbols_are_ccxts_own_error(client: Any) -> None:
    await client.load_markets()
    with pytest.raises(ccxt.BadSymbol):
        await client.fetch_ohlcv("NOPE/NOPE")
