"""Where Coinbase and Kraken differ from Binance, over HTTP."""

from collections.abc import Callable

from .conftest import NOW_MS, Answer

Get = Callable[[str], Answer]
CANDLES = "/coinbase/api/v3/brokerage/market/products/BTC-USD/candles?granularity=ONE_MINUTE"
OHLC = "/kraken/0/public/OHLC?pair=XXBTZUSD&interval=1"
START = 1_704_067_200


def test_coinbase_serves_newest_first_with_both_ends_included(get: Get) -> None:
    candles = get(f"{CANDLES}&start={START}&end={START + 120}").json()["candles"]
    assert [int(candle["start"]) for candle in candles] == [START + 120, START + 60, START]


def test_coinbase_refuses_more_than_350_candles(get: Get) -> None:
    assert len(get(f"{CANDLES}&start={START}&end={START + 349 * 60}").json()["candles"]) == 350
    refused = get(f"{CANDLES}&start={START}&end={START + 350 * 60}")
    assert (refused.status, refused.json()["error"]) == (400, "INVALID_ARGUMENT")


def test_coinbase_names_what_is_wrong(get: Get) -> None:
    assert get(CANDLES.replace("BTC-USD", "NOPE-USD") + "&start=0&end=0").status == 404
    assert "granularity" in get(CANDLES.replace("ONE_", "TEN_") + "&start=0&end=0").json()["message"]
    assert "start" in get(CANDLES + "&end=60").json()["message"]


def test_kraken_serves_the_last_720_bars_whatever_since_says(get: Get) -> None:
    result = get(f"{OHLC}&since={START}").json()["result"]
    forming = NOW_MS // 60_000 * 60
    rows = [row[0] for row in result["XXBTZUSD"]]
    assert rows == [forming - 60 * i for i in range(719, -1, -1)]
    assert result["last"] == forming - 60


def test_kraken_serves_what_came_after_since(get: Get) -> None:
    forming = NOW_MS // 60_000 * 60
    rows = get(f"{OHLC}&since={forming - 120}").json()["result"]["XXBTZUSD"]
    assert [row[0] for row in rows] == [forming - 60, forming]
    assert len(get(f"{OHLC}&since={forming + 600}").json()["result"]["XXBTZUSD"]) == 1


def test_kraken_average_prices_lie_between_low_and_high(get: Get) -> None:
    for row in get(OHLC).json()["result"]["XXBTZUSD"]:
        assert float(row[3]) <= float(row[5]) <= float(row[2])


def test_kraken_trades_page_without_loss_or_repetition(get: Get) -> None:
    everything = get(f"/kraken/0/public/Trades?pair=XXBTZUSD&since={START}&count=900").json()["result"]["XXBTZUSD"]
    paged, since = [], str(START)
    while len(paged) < 900:
        result = get(f"/kraken/0/public/Trades?pair=XBTUSD&since={since}&count=100").json()["result"]
        paged += result["XXBTZUSD"]
        since = result["last"]
    assert paged == everything


def test_kraken_says_errors_with_status_200(get: Get) -> None:
    for path in ("OHLC?pair=XXBTZUSD&interval=7", "OHLC?pair=XXBTZUSD&since=soon", "OHLC?pair=NOPE", "Nothing"):
        answer = get("/kraken/0/public/" + path)
        assert answer.status == 200
        assert answer.json()["error"]
