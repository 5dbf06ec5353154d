"""The real ccxt against all three families, with nothing changed but its URLs."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt
import pytest
import pytest_asyncio

from seamless_lab.sandbox import SandboxExchange, Stretch
from seamless_lab.sandbox.ccxt_urls import ccxt_urls

from .conftest import NOW_MS

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a client belongs to one loop, and takes a while to close
FAMILIES = {"binance": "BTC/USDT", "coinbase": "BTC/USD", "kraken": "BTC/USD"}
START_MS = 1_704_067_200_000


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=FAMILIES)
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


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
async def test_bars_come_through_exactly(client: Any, frozen: SandboxExchange, timeframe: str) -> None:
    step_s = client.parse_timeframe(timeframe)
    start = NOW_MS // 1000 // step_s * step_s - 5 * step_s
    served = await client.fetch_ohlcv(FAMILIES[client.id], timeframe, start * 1000, 5)
    true = frozen.bars(client.id, FAMILIES[client.id], timeframe, Stretch(start, start + 5 * step_s))
    assert [(bar[0] // 1000, *bar[1:]) for bar in served] == true.rows()
    assert len(true) == 5


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
        return  # Coinbase's trades are not served
    trades = await client.fetch_trades(FAMILIES[client.id], START_MS, 10)
    assert len(trades) == 10
    assert all(START_MS <= trade["timestamp"] < START_MS + 600_000 for trade in trades)


async def test_unknown_symbols_are_ccxts_own_error(client: Any) -> None:
    await client.load_markets()
    with pytest.raises(ccxt.BadSymbol):
        await client.fetch_ohlcv("NOPE/NOPE")
