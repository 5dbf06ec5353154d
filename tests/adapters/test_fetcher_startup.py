"""Loading markets takes several requests of some exchanges, at the same time: each is judged and repeated by itself."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from seamless_lab.core.identity import parse_node
from seamless_lab.engine.events import Event
from seamless_lab.errors import SourceUnavailable
from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.faults import FaultPlan
from tests.adapters.exchanges import OpenGate, fetcher_for

NODES = {
    "coinbase": parse_node("ohlcv:coinbase:BTC/USD:1m"),
    "kraken": parse_node("ohlcv:kraken:BTC/USD:1m"),
}


@pytest.mark.parametrize("family", NODES)
@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "malformed", "html", "reset"])
async def test_a_start_survives_faults_that_pass(exchange: SandboxExchange, family: str, fault: str) -> None:
    for seed in range(8):
        exchange.set_faults(FaultPlan(seed=seed, rates={fault: 0.5}))
        fetcher = fetcher_for(exchange)
        await fetcher.traits(NODES[family])
        await fetcher.close()


async def test_the_status_told_is_that_of_the_request_that_failed(exchange: SandboxExchange) -> None:
    exchange.set_faults(
        FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"exchangeRates"}), max_consecutive=None)
    )
    heard: list[Event] = []
    fetcher = fetcher_for(exchange, emit=heard.append)
    with pytest.raises(SourceUnavailable, match=r"coinbase \(HTTP 503\)"):
        await fetcher.traits(NODES["coinbase"])
    await fetcher.close()
    retries = [str(event.fields["error"]) for event in heard if event.name == "seamless.source.retry"]
    assert retries
    assert all("HTTP 503" in said for said in retries)


async def test_a_start_that_fails_leaves_no_request_behind(exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"currencies"}), max_consecutive=None))
    before = asyncio.all_tasks()
    fetcher = fetcher_for(exchange, max_attempts=1)
    with pytest.raises(SourceUnavailable):
        await fetcher.traits(NODES["coinbase"])
    assert asyncio.all_tasks() - before == set()
    await fetcher.close()


async def test_a_start_takes_tokens_for_each_of_its_requests(exchange: SandboxExchange) -> None:
    gate = OpenGate()
    fetcher = fetcher_for(exchange, limiter=gate)
    traits = await fetcher.traits(NODES["coinbase"])
    await fetcher.close()
    assert [weight for _, weight in gate.weights] == [20.0, *itertools.repeat(1.0, traits.startup_requests - 1)]
    assert traits.startup_weight == sum(weight for _, weight in gate.weights)
    assert traits.startup_requests == len(exchange.log())
