"""What a backfill will ask for, told before."""

from __future__ import annotations

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.identity import NodeId
from seamless_lab.engine.ports import SourceTraits
from tests.engine.backfill.market import DAY, LISTED_S, START, asked
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NODE, NOW_MS, NOW_S, open_lab


@pytest.mark.parametrize(
    "node, start, end",
    [
        (NODE, START, START + 40 * DAY),
        (NODE, START + 17, START + 60),
        (NODE, START + 7 * DAY + 61, START + 9 * DAY + 1),
        (NODE, NOW_S - 7_230, NOW_S + 7_200),
        ("ohlcv:binance:BTC/USDT:1h", START, START + 200 * DAY),
        ("ohlcv:coinbase:BTC/USD:1m", START, START + 3 * DAY),
        ("ohlcv:coinbase:BTC/USD:5m", START + 299, START + 20 * DAY),
        ("ohlcv:kraken:BTC/USD:1m", NOW_S - 500 * 60, NOW_S),
    ],
)
def test_the_plan_is_what_the_exchange_then_logs(tmp_path, exchange, node, start, end) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, start, end)
        assert asked(exchange) == [], "planning asks for no bars"
        assert plan.prediction.pace.startup_requests == len(exchange.log())
        assert plan.prediction.pace.latency_s > 0
        assert lab.coverage(node, start, end).coverage.slots(Cause.PRESENT) == 0
    exchange.clear_log()
    with open_lab(tmp_path, exchange.url) as lab:  # as in a new process
        done = lab.backfill(node, start, end)
        assert done.coverage.slots(Cause.QUIET) == 0, "this window was to have no holes"
        assert len(asked(exchange)) == plan.prediction.requests
        assert len(exchange.log()) == plan.prediction.requests + plan.prediction.pace.startup_requests
        assert done.requests == plan.prediction.requests
        assert plan.prediction.slots == done.rows
        again = lab.plan(node, start, end)
        assert (again.prediction.requests, again.prediction.blocks, again.gaps.pairs()) == (0, 0, [])
        assert lab.plan(node, start, end, refresh=True).prediction.requests == plan.prediction.requests
    exchange.clear_log()
    with open_lab(tmp_path, exchange.url) as lab:
        assert lab.plan(node, start, end).prediction.pace.startup_requests == 0
        assert lab.backfill(node, start, end).exit_code == 0
        assert exchange.log() == [], "where nothing is to be filled, the exchange is not even opened"


@pytest.mark.parametrize("node", ["ohlcv:binance:LTC/USDT:1m", "ohlcv:coinbase:LTC/USD:1m", "ohlcv:kraken:LTC/USD:1m"])
def test_a_plan_over_holes_says_how_many_requests_it_takes_at_least(tmp_path, exchange, node) -> None:
    end = NOW_S - 3_600
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, end - 8 * 3_600, end)
        done = lab.backfill(node, end - 8 * 3_600, end)
        assert done.coverage.slots(Cause.QUIET) > 0
        assert (
            plan.prediction.requests <= len(asked(exchange)) <= plan.prediction.requests + 4 * len(done.coverage.quiet)
        )
        assert plan.to_dict()["requests_bound"] == "about", "nothing tells yet when it was listed"
        assert "up to four requests more" in str(plan)


def test_a_plan_after_sealed_months_is_a_lower_bound(lab) -> None:
    lab.backfill("ohlcv:binance:BTC/USDT:1m", START, START + 31 * DAY)
    assert lab.plan("ohlcv:binance:BTC/USDT:1m", START, START + 62 * DAY).to_dict()["requests_bound"] == "at least"


def test_a_plan_leaves_out_what_is_served_no_longer(tmp_path, exchange) -> None:
    node, start = "ohlcv:kraken:BTC/USD:1m", NOW_S - 2_000 * 60
    with open_lab(tmp_path, exchange.url) as lab:
        plan = lab.plan(node, start, NOW_S)
        done = lab.backfill(node, start, NOW_S)
        assert len(asked(exchange)) == plan.prediction.requests
        assert plan.prediction.slots == done.rows
        assert plan.lost == done.coverage.failed
        assert "served no longer" in str(plan)


def test_a_plan_knows_the_listing_once_the_source_has_shown_it(tmp_path, exchange) -> None:
    node, start, end = "ohlcv:binance:ADA/USDT:1m", LISTED_S - 5 * DAY, LISTED_S + 2 * DAY
    with open_lab(tmp_path, exchange.url) as lab:
        unknowing = lab.plan(node, start, end)
        assert not unknowing.listed
        assert "before the market was listed" in str(unknowing)
        lab.backfill(node, LISTED_S - 600, LISTED_S + 600)
        exchange.clear_log()
        knowing = lab.plan(node, start, end)
        lab.backfill(node, start, end)
        assert len(asked(exchange)) == knowing.prediction.requests < unknowing.prediction.requests


def test_a_plan_after_a_partial_fill_asks_for_the_rest_only(lab, exchange) -> None:
    lab.fetch(NODE, START + 2 * DAY, START + 3 * DAY + 60)
    lab.fetch(NODE, START + 5 * DAY - 60, START + 6 * DAY)
    plan = lab.plan(NODE, START, START + 8 * DAY)
    assert plan.gaps.pairs() == [
        [START, START + 2 * DAY],
        [START + 3 * DAY + 60, START + 5 * DAY - 60],
        [START + 6 * DAY, START + 8 * DAY],
    ]
    exchange.clear_log()
    lab.backfill(NODE, START, START + 8 * DAY)
    assert len(asked(exchange)) == plan.prediction.requests
    assert sum(end - start for start, end in asked(exchange)) == plan.gaps.seconds


def test_a_plan_knows_the_pace_of_its_exchange(tmp_path, exchange) -> None:
    settings = {"exchanges__binance__rate_limit_rps": 10.0, "seamless__rate_limit__burst_tokens": 1}
    with open_lab(tmp_path, exchange.url, **settings) as lab:
        plan = lab.plan(NODE, START, START + 90 * DAY).prediction
        weight = plan.weight + plan.pace.startup_weight
        assert plan.rate_wait_s == pytest.approx((weight - 1) / 10.0)
        assert plan.seconds > plan.rate_wait_s


def test_what_is_asked_for_is_told_before_the_source_is_opened(tmp_path) -> None:
    clock, heard, before = ManualClock(NOW_MS), Heard(), []

    class Opening(ScriptedSource):
        async def traits(self, node: NodeId) -> SourceTraits:
            before.extend(heard.names())  # ccxt takes half a second to import
            return await super().traits(node)

    with scripted_lab(tmp_path, clock, Opening(clock)) as lab:
        lab.add_sink(heard)
        lab.backfill(NODE, START, START + DAY)
    assert before == ["seamless.backfill.plan"]
    assert heard.names().count("seamless.backfill.plan") == 1


def test_a_plan_for_what_is_served_no_longer_offers_no_command(lab) -> None:
    node = "ohlcv:kraken:BTC/USD:1m"
    plan = lab.plan(node, "2024-03-01", "2024-03-02")
    assert plan.prediction.requests == 0
    assert "1,440 bars are served no longer by kraken" in plan.to_text()
    assert "a later window" in plan.to_text()
    assert "seamless backfill" not in plan.to_text()
    assert "seamless backfill" in lab.plan(node, "2024-12-01", "2025-01-01").to_text(), "some of it is served"
