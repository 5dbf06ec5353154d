"""Binance's rules for windows, limits, weights and bad requests, over HTTP."""

from collections.abc import Callable

import pytest

from seamless_lab.sandbox import SandboxConfig, SandboxExchange

from .conftest import NOW_MS, Answer, http

Get = Callable[[str], Answer]
START = 1_704_067_200_000
KLINES = "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m"


def times(get: Get, rest: str) -> list[int]:
    return [row[0] for row in get(KLINES + rest).json()]


def test_start_and_end_are_both_included(get: Get) -> None:
    assert times(get, f"&startTime={START}&endTime={START + 300_000}") == [START + 60_000 * i for i in range(6)]


def test_an_unaligned_start_begins_at_the_next_bar(get: Get) -> None:
    assert times(get, f"&startTime={START + 1}&limit=1") == [START + 60_000]


def test_limits_default_to_500_and_stop_at_1000(get: Get) -> None:
    assert len(times(get, f"&startTime={START}")) == 500
    assert len(times(get, f"&startTime={START}&limit=5000")) == 1000


def test_without_a_start_the_last_bars_come_with_the_forming_one(get: Get) -> None:
    served = times(get, "&limit=3")
    assert served[-1] == NOW_MS // 60_000 * 60_000
    assert len(served) == 3
    row = get(KLINES + "&limit=1").json()[0]
    assert row[6] > NOW_MS  # it closes in the future


def test_an_end_alone_serves_the_last_bars_before_it(get: Get) -> None:
    assert times(get, f"&endTime={START}&limit=2") == [START - 60_000, START]


def test_history_starts_at_the_listing(get: Get) -> None:
    assert times(get, "&startTime=0&limit=1") == [1_502_942_400_000]
    assert times(get, "&startTime=0&endTime=1502942399999") == []


def test_a_page_skips_an_outage(get: Get) -> None:
    assert times(get, "&startTime=1709648340000&limit=2") == [1_709_648_340_000, 1_709_654_100_000]


def test_the_future_is_empty(get: Get) -> None:
    assert times(get, f"&startTime={NOW_MS + 60_000}") == []


@pytest.mark.parametrize(
    "path, code",
    [
        ("klines?symbol=NOPE&interval=1m", -1121),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
        ("klines?interval=1m", -1102),
        ("klines?symbol=BTCUSDT", -1102),
        ("klines?symbol=BTCUSDT&interval=1m&startTime=soon", -1100),
        ("klines?symbol=BTCUSDT&interval=1m&limit=0", -1130),
        ("klines?symbol=BTCUSDT&interval=1m&limit=-1", -1100),
        ("exchangeInfo?symbols=BTCUSDT", -1100),
        ("exchangeInfo?symbol=NOPE", -1121),
        ("ticker/price?symbol=NOPE", -1121),
    ],
)
def test_bad_requests_get_binances_codes(get: Get, path: str, code: int) -> None:
    answer = get("/binance/api/v3/" + path)
    assert answer.status == 400
    assert answer.json()["code"] == code
    assert answer.json()["msg"]


def test_unknown_paths_are_404(get: Get) -> None:
    assert get("/binance/api/v3/nothing").status == 404


def test_a_symbol_does_not_exist_before_its_listing() -> None:
    listed_s = 1_700_000_000
    config = SandboxConfig(symbols=3, now_ms=listed_s * 1000 - 1, listed_s={"BNB/USDT": listed_s})
    with SandboxExchange(config) as exchange:
        info = exchange.url + "/binance/api/v3/exchangeInfo"
        assert [symbol["symbol"] for symbol in http(info).json()["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        assert http(info + "?symbol=BNBUSDT").json()["code"] == -1121
        exchange.advance(1)
        assert len(http(info).json()["symbols"]) == 3


def test_weights_add_up_to_429_then_418() -> None:
    config = SandboxConfig(
        symbols=3, now_ms=NOW_MS, weight_limits={"binance": 24}, weight_window_s=1e9, ban_after_refusals=2
    )
    with SandboxExchange(config) as exchange:
        answers = [http(exchange.url + path) for path in ("/binance/api/v3/exchangeInfo", *[KLINES + "&limit=1"] * 4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 418]
        assert [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers] == ["20", "22", "24", "26", "28"]
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[3:])
        assert answers[3].json()["code"] == -1003
        assert http(exchange.url + "/kraken/0/public/Time").status == 200
        assert [record.weight for record in exchange.log()] == [20, 2, 2, 2, 2, 1]


def test_fills_continue_where_an_id_says(get: Get) -> None:
    first = get("/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=80000&limit=20").json()
    again = get(f"/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId={first[10]['id']}&limit=10").json()
    assert first[10:] == again
    aggregates = get("/binance/api/v3/aggTrades?symbol=BTCUSDT&fromId=10000&limit=2").json()
    assert aggregates[0]["a"] == 10_000
    assert aggregates[0]["f"] == 80_000 == first[0]["id"]


def test_an_hour_of_trades_makes_the_hours_bar(get: Get) -> None:
    window = f"&startTime={START}&endTime={START + 3_599_999}&limit=1000"
    trades = get("/binance/api/v3/aggTrades?symbol=BTCUSDT" + window).json()
    bar = get(f"/binance/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime={START}&limit=1").json()[0]
    assert (trades[0]["p"], trades[-1]["p"]) == (bar[1], bar[4])
    assert sum(round(float(trade["q"]) * 1e5) for trade in trades) == round(float(bar[5]) * 1e5)
    assert sum(trade["l"] - trade["f"] + 1 for trade in trades) == bar[8]
