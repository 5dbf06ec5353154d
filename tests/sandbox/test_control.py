"""The control API and the in-process handle: the same exchange, changed while it runs."""

import os
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from seamless_lab.sandbox import FaultPlan, Restatement, SandboxConfig, SandboxExchange, Stretch

from .conftest import NOW_MS, http

KLINES = "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1704067200000&limit=10"


@pytest.fixture
def exchange() -> Iterator[SandboxExchange]:
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=3)) as running:
        yield running


def test_the_log_proves_which_bars_were_asked_for(exchange: SandboxExchange) -> None:
    http(exchange.url + KLINES)
    http(exchange.url + KLINES + "&endTime=1704067379999")
    log = http(exchange.url + "/__control/log").json()
    assert [(record["window_start"], record["window_end"]) for record in log] == [
        (1_704_067_200, 1_704_067_800),
        (1_704_067_200, 1_704_067_380),
    ]
    assert log[0] | {"t_ms": NOW_MS} == {
        "n": 1,
        "t_ms": NOW_MS,
        "family": "binance",
        "route": "klines",
        "subject": "",
        "params": {"symbol": "BTCUSDT", "interval": "1m", "startTime": "1704067200000", "limit": "10"},
        "status": 200,
        "fault": None,
        "window_start": 1_704_067_200,
        "window_end": 1_704_067_800,
        "served_first_ts": 1_704_067_200,
        "served_last_ts": 1_704_067_740,
        "rows": 10,
        "weight": 2,
    }
    assert [record.n for record in exchange.log()] == [1, 2]
    http(exchange.url + "/__control/log", "DELETE")
    http(exchange.url + "/binance/nothing")
    assert [(record.n, record.route, record.status) for record in exchange.log()] == [(3, "unknown", 404)]


def test_the_log_can_be_read_after_the_exchange_stopped() -> None:
    before = set(threading.enumerate())
    with SandboxExchange(SandboxConfig(symbols=1)) as exchange:
        http(exchange.url + "/kraken/0/public/Time")
    assert [record.route for record in exchange.log()] == ["Time"]
    assert set(threading.enumerate()) <= before


def test_faults_are_changed_while_running(exchange: SandboxExchange) -> None:
    plan = {"seed": 3, "rates": {"server_error": 1.0}, "routes": ["klines"], "max_consecutive": None}
    stored = http(exchange.url + "/__control/faults", "POST", plan).json()
    assert stored == plan | {"latency_ms": 0, "timeout_ms": 30_000, "retry_after_s": 1}
    assert http(exchange.url + KLINES).status >= 500
    assert http(exchange.url + "/__control/faults", "DELETE").json()["rates"] == {}
    assert http(exchange.url + KLINES).status == 200


def test_the_clock_is_moved_while_running(exchange: SandboxExchange) -> None:
    def server_time() -> int:
        return http(exchange.url + "/binance/api/v3/time").json()["serverTime"]

    clock = exchange.url + "/__control/clock"
    assert http(clock, "POST", {"advance_ms": 500}).json() == {"now_ms": NOW_MS + 500, "frozen": True}
    assert server_time() == NOW_MS + 500
    exchange.freeze(1_704_067_260_000)
    rows = http(exchange.url + KLINES).json()
    assert [row[0] for row in rows] == [1_704_067_200_000]  # the next minute has no trade yet
    exchange.advance(30_000)
    assert len(http(exchange.url + KLINES).json()) == 2
    assert http(clock, "POST", {"now_ms": None}).json()["frozen"] is False
    assert server_time() > NOW_MS


def test_final_pages_follow_a_clock_moved_back(exchange: SandboxExchange) -> None:
    assert len(http(exchange.url + KLINES).json()) == 10
    exchange.freeze(1_704_067_320_000)
    assert len(http(exchange.url + KLINES).json()) == 2


def test_restatements_take_effect_at_their_moment(exchange: SandboxExchange) -> None:
    first = http(exchange.url + KLINES).json()
    known_ms = NOW_MS + 60_000
    value = {"symbol": "BTC/USDT", "start": 1_704_067_260, "end": 1_704_067_320, "known_at_ms": known_ms}
    assert http(exchange.url + "/__control/restatements", "POST", value).json() == [value | {"kind": "values"}]
    assert http(exchange.url + KLINES).json() == first
    exchange.freeze(known_ms)
    second = http(exchange.url + KLINES).json()
    assert [row for row, other in enumerate(first) if other != second[row]] == [1]
    exchange.restate(Restatement("BTC/USDT", Stretch(1_704_067_200, 1_704_067_260), 0, "withdrawn"))
    assert [row[0] for row in http(exchange.url + KLINES).json()][:1] == [1_704_067_260_000]


@pytest.mark.parametrize(
    "route,value,named",
    [
        ("faults", {"rates": {"earthquake": 1}}, "earthquake"),
        ("faults", {"rates": [1]}, "rates"),
        ("faults", {"speed": 1}, "speed"),
        ("faults", [1], "object"),
        ("clock", {"later": 1}, "later"),
        ("restatements", {"symbol": "BTC/USDT"}, "start"),
        ("restatements", {"symbol": "BTC/USDT", "start": 5, "end": 4, "known_at_ms": 0}, "end before"),
    ],
)
def test_bad_commands_say_what_is_wrong(exchange: SandboxExchange, route: str, value: object, named: str) -> None:
    answer = http(f"{exchange.url}/__control/{route}", "POST", value)
    assert answer.status == 400
    assert named in answer.json()["error"]


def test_stopping_does_not_wait_for_answers_that_never_come() -> None:
    outcome: list[BaseException] = []

    def ask(url: str) -> None:
        try:
            http(url)
        except (OSError, HTTPException) as error:
            outcome.append(error)

    with SandboxExchange(SandboxConfig(symbols=1, faults=FaultPlan(rates={"hang": 1.0}))) as exchange:
        asking = threading.Thread(target=ask, args=(exchange.url + KLINES,))
        asking.start()
        deadline = time.monotonic() + 30
        while not exchange.log() and time.monotonic() < deadline:
            os.sched_yield()
    asking.join(30)
    assert len(outcome) == 1
    assert [(record.fault, record.status) for record in exchange.log()] == [("hang", 0)]


def test_a_taken_port_is_an_error_at_once(exchange: SandboxExchange) -> None:
    port = int(exchange.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"), SandboxExchange(port=port):
        pass


def test_the_seed_decides_what_is_served() -> None:
    bodies = []
    for seed in (1, 1, 2):
        with SandboxExchange(SandboxConfig(seed=seed, symbols=1, now_ms=NOW_MS, faults=FaultPlan())) as exchange:
            bodies.append(http(exchange.url + KLINES).body)
    assert bodies[0] == bodies[1] != bodies[2]
