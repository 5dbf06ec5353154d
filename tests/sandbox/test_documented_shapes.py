"""The wire against what the exchanges document; nothing here is shared with the server."""

from collections.abc import Callable
from typing import Any

import pytest

from . import documented as doc
from .conftest import Answer

Get = Callable[[str], Answer]
WEEK = "startTime=1704067200000&limit=50"


@pytest.mark.parametrize(
    "path, payload",
    [
        ("/binance/api/v3/time", doc.BINANCE_TIME),
        ("/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&" + WEEK, doc.BINANCE_KLINES),
        ("/binance/api/v3/klines?symbol=SHIBUSDT&interval=1w&" + WEEK, doc.BINANCE_KLINES),
        ("/binance/api/v3/aggTrades?symbol=BTCUSDT&" + WEEK, doc.BINANCE_AGG_TRADES),
        ("/binance/api/v3/trades?symbol=ETHBTC&limit=50", doc.BINANCE_TRADES),
        ("/binance/api/v3/historicalTrades?symbol=ETHUSDT&fromId=8000&limit=50", doc.BINANCE_TRADES),
        ("/binance/api/v3/ticker/price?symbol=DOGEUSDT", doc.BINANCE_TICKER_PRICE),
        ('/binance/api/v3/ticker/price?symbols=["DOGEUSDT","BTCUSDT"]', [doc.BINANCE_TICKER_PRICE]),
        ("/coinbase/v2/time", doc.COINBASE_V2_TIME),
        ("/coinbase/api/v3/brokerage/time", doc.COINBASE_TIME),
        (
            (
                "/coinbase/api/v3/brokerage/market/products/BTC-USD/candles"
                "?granularity=ONE_HOUR&start=1704067200&end=1704100000"
            ),
            doc.COINBASE_CANDLES,
        ),
        ("/kraken/0/public/Time", doc.KRAKEN_TIME),
        ("/kraken/0/public/OHLC?pair=XBTUSD", doc.KRAKEN_OHLC),
        ("/kraken/0/public/Trades?pair=XXBTZUSD&since=1704067200", doc.KRAKEN_TRADES),
    ],
)
def test_answers_have_the_documented_shape(get: Get, path: str, payload: Any) -> None:
    served = get(path).json()
    assert served
    assert doc.differences(payload, served) == []


def test_exchange_info_has_the_documented_shape(get: Get) -> None:
    served = get("/binance/api/v3/exchangeInfo").json()
    documented = doc.BINANCE_EXCHANGE_INFO
    symbols, filters = served.pop("symbols"), documented["symbols"][0]["filters"]
    assert doc.differences({k: v for k, v in documented.items() if k != "symbols"}, served) == []
    for symbol in symbols:
        ours = symbol.pop("filters")
        assert doc.differences({k: v for k, v in documented["symbols"][0].items() if k != "filters"}, symbol) == []
        for one in ours:
            template = next(item for item in filters if item["filterType"] == one["filterType"])
            assert doc.differences(template, one) == []


def test_kraken_catalogue_has_the_documented_shape(get: Get) -> None:
    for route, payload in (("Assets", doc.KRAKEN_ASSETS), ("AssetPairs", doc.KRAKEN_ASSET_PAIRS)):
        served = get(f"/kraken/0/public/{route}").json()
        assert served["error"] == []
        key = next(iter(payload["result"]))
        assert key in served["result"]
        assert doc.differences(payload["result"], served["result"], open_keys=True) == []


def test_errors_have_the_documented_shape(get: Get) -> None:
    unknown = get("/binance/api/v3/klines?symbol=NOPE&interval=1m")
    assert (unknown.status, unknown.json()) == (400, doc.BINANCE_ERROR)
    unknown = get("/kraken/0/public/OHLC?pair=NOPE")
    assert (unknown.status, unknown.json()) == (200, doc.KRAKEN_ERROR)


@pytest.mark.parametrize(
    "served",
    [
        [[1499040000000, "0.1", "0.8", "0.1", "0.1", "1.0", 1499644799999, "2.1", 308, "1.8", "2.8", "0"]],
        [[1499040000000, *doc.BINANCE_KLINES[0][1:8], "308", *doc.BINANCE_KLINES[0][9:]]],
        [doc.BINANCE_KLINES[0][:11]],
        {"candles": []},
    ],
)
def test_the_checker_sees_other_shapes(served: Any) -> None:
    assert doc.differences(doc.BINANCE_KLINES, served)
