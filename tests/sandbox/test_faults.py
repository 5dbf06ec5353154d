"""Every fault as a client meets it, and the rules by which they are planted."""

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from seamless_lab.sandbox.faults import FAULTS, PAGE_FAULTS, FaultState

from .conftest import NOW_MS, Answer
from .conftest import http as fetch

KLINES = "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1704067200000&limit=20"
CANDLES = "/coinbase/api/v3/brokerage/market/products/BTC-USD/candles"
PAGES = {
    "binance": KLINES,
    "coinbase": CANDLES + "?granularity=ONE_MINUTE&start=1704067200&end=1704068340",
    "kraken": "/kraken/0/public/OHLC?pair=XXBTZUSD",
}


def rows(family: str, answer: Answer) -> list[int]:
    value = answer.json()
    if family == "binance":
        return [row[0] // 1000 for row in value]
    if family == "coinbase":
        return [int(row["start"]) for row in value["candles"]]
    return [row[0] for row in value["result"]["XXBTZUSD"]]


@pytest.fixture(scope="module")
def exchange() -> Iterator[SandboxExchange]:
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=5, weight_limits={})) as running:
        yield running


@pytest.fixture
def plant(exchange: SandboxExchange) -> Iterator[Callable[..., None]]:
    """Plant one fault that always strikes."""
    exchange.clear_log()
    yield lambda kind, **more: exchange.set_faults(FaultPlan(rates={kind: 1.0}, **{"max_consecutive": None, **more}))
    exchange.set_faults(FaultPlan())


Plant = Callable[..., None]


@pytest.mark.parametrize("family", PAGES)
def test_row_faults_keep_to_the_bars_that_exist(exchange: SandboxExchange, plant: Plant, family: str) -> None:
    true = rows(family, fetch(exchange.url + PAGES[family]))
    plant("duplicates")
    doubled = rows(family, fetch(exchange.url + PAGES[family]))
    assert len(doubled) > len(true)
    assert sorted(set(doubled)) == sorted(true)
    plant("out_of_order")
    shuffled = rows(family, fetch(exchange.url + PAGES[family]))
    assert shuffled != true
    assert sorted(shuffled) == sorted(true)
    plant("short_page")
    short = rows(family, fetch(exchange.url + PAGES[family]))
    assert short == true[: len(short)]
    assert 0 < len(short) < len(true)
    plant("empty_page")
    assert rows(family, fetch(exchange.url + PAGES[family])) == []
    assert [record.fault for record in exchange.log()] == [
        None,
        "duplicates",
        "out_of_order",
        "short_page",
        "empty_page",
    ]
    assert [record.rows for record in exchange.log()] == [len(true), len(doubled), len(true), len(short), 0]


@pytest.mark.parametrize(
    "family,status,text",
    [
        ("binance", 429, "-1003"),
        ("coinbase", 429, "rate_limit_exceeded"),
        ("kraken", 200, "EGeneral:Too many requests"),
    ],
)
def test_rate_limits_speak_the_dialect(
    exchange: SandboxExchange, plant: Plant, family: str, status: int, text: str
) -> None:
    plant("rate_limit", retry_after_s=7)
    answer = fetch(exchange.url + PAGES[family])
    assert answer.status == status
    assert text in answer.body.decode()
    if family != "kraken":
        assert answer.headers["Retry-After"] == "7"


def test_a_ban_is_a_418(exchange: SandboxExchange, plant: Plant) -> None:
    plant("ban", retry_after_s=120)
    answer = fetch(exchange.url + KLINES)
    assert (answer.status, answer.headers["Retry-After"]) == (418, "120")


def test_html_comes_with_status_200(exchange: SandboxExchange, plant: Plant) -> None:
    plant("html")
    answer = fetch(exchange.url + KLINES)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"<html" in answer.body


def test_malformed_json_has_a_whole_body_that_does_not_parse(exchange: SandboxExchange, plant: Plant) -> None:
    plant("malformed")
    answer = fetch(exchange.url + KLINES)
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_a_truncated_body_ends_before_its_announced_length(exchange: SandboxExchange, plant: Plant) -> None:
    plant("truncated")
    with pytest.raises(http.client.IncompleteRead) as cut:
        fetch(exchange.url + KLINES)
    assert cut.value.partial
    assert cut.value.expected


@pytest.mark.parametrize("kind,options", [("reset", {}), ("timeout", {"timeout_ms": 20})])
def test_connections_end_without_an_answer(
    exchange: SandboxExchange, plant: Plant, kind: str, options: dict[str, int]
) -> None:
    plant(kind, **options)
    with pytest.raises(ConnectionResetError):
        fetch(exchange.url + KLINES)
    assert [(record.fault, record.status) for record in exchange.log()] == [(kind, 0)]


def test_a_hang_never_answers(exchange: SandboxExchange, plant: Plant) -> None:
    plant("hang")
    address = urlsplit(exchange.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=0.1)
    connection.request("GET", KLINES)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    exchange.set_faults(FaultPlan())
    assert fetch(exchange.url + KLINES).status == 200  # the exchange itself goes on


def test_server_errors_come_in_html_and_in_json(exchange: SandboxExchange, plant: Plant) -> None:
    seen = set()
    for seed in range(8):
        plant("server_error", seed=seed)
        answer = fetch(exchange.url + KLINES)
        seen.add((answer.status, answer.headers["Content-Type"].partition(";")[0]))
    assert seen == {(500, "text/html"), (503, "application/json")}


def test_latency_delays_the_answer_and_nothing_else(exchange: SandboxExchange) -> None:
    plain = fetch(exchange.url + KLINES)
    exchange.set_faults(FaultPlan(latency_ms=1))
    assert fetch(exchange.url + KLINES).body == plain.body
    exchange.set_faults(FaultPlan())


def test_faults_keep_to_their_routes(exchange: SandboxExchange, plant: Plant) -> None:
    plant("html", routes=frozenset({"klines"}))
    assert fetch(exchange.url + "/binance/api/v3/time").json() == {"serverTime": NOW_MS}
    assert b"<html" in fetch(exchange.url + KLINES).body


def test_a_retry_succeeds_after_the_consecutive_faults_allowed(exchange: SandboxExchange, plant: Plant) -> None:
    plant("html", max_consecutive=2)
    types = [fetch(exchange.url + KLINES).headers["Content-Type"].partition(";")[0] for _ in range(6)]
    assert types == ["text/html", "text/html", "application/json"] * 2


def test_a_plan_without_relenting_never_succeeds(exchange: SandboxExchange, plant: Plant) -> None:
    plant("rate_limit")
    assert {fetch(exchange.url + KLINES).status for _ in range(8)} == {429}


@given(st.integers(0, 2**32), st.lists(st.sampled_from("abcdef"), max_size=60), st.randoms())
def test_faults_depend_on_content_and_attempt_not_on_the_order_of_requests(
    seed: int, requests: list[str], random
) -> None:
    plan = FaultPlan(seed=seed, rates={"reset": 0.3, "short_page": 0.3})
    outcomes: list[dict[str, list[str | None]]] = []
    for _ in range(2):
        state, seen = FaultState(plan), {}
        for content in requests:
            seen.setdefault(content, []).append(state.next("klines", content, is_page=True))
        outcomes.append(seen)
        random.shuffle(requests)
    assert outcomes[0] == outcomes[1]


def test_faults_strike_at_about_their_rate() -> None:
    plan = FaultPlan(rates={"reset": 0.1, "empty_page": 0.2})
    drawn = [plan.draw(str(number), 0, is_page=True) for number in range(5000)]
    assert 0.08 < drawn.count("reset") / 5000 < 0.12
    assert 0.17 < drawn.count("empty_page") / 5000 < 0.23
    assert not PAGE_FAULTS & {plan.draw(str(number), 0, is_page=False) for number in range(500)}


@pytest.mark.parametrize("rates", [{"earthquake": 0.1}, {"reset": 1.5}, {"reset": -0.1}, {"reset": 0.6, "html": 0.6}])
def test_impossible_plans_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"unknown faults earthquake|add up to at most 1"):
        FaultPlan(rates=rates)


def test_every_fault_is_tested_here() -> None:
    """A new kind of fault must come with a test that names it."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in sorted(FAULTS) if f'"{kind}"' not in text] == []
