"""Every fault of the exchange, in three API families: exact bars, or an honest failure."""

from __future__ import annotations

import polars as pl
import pytest

from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import SourceUnavailable
from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.faults import FAULTS, PAGE_FAULTS, WIRE_FAULTS, FaultPlan
from tests.adapters.exchanges import BAR_ROUTES, FAMILIES, NOW_S, check_honest, distinct, fetcher_for, truth

# each with holes; the first has an outage of 95 minutes inside
NODES = {
    "binance": (parse_node("ohlcv:binance:LTC/USDT:1m"), TimeRange(1_709_640_000, 1_709_640_000 + 1500 * 60)),
    "coinbase": (parse_node("ohlcv:coinbase:LTC/USD:1m"), TimeRange(1_709_640_000, 1_709_640_000 + 700 * 60)),
    "kraken": (parse_node("ohlcv:kraken:LTC/USD:1m"), TimeRange(NOW_S // 60 * 60 - 600 * 60, NOW_S // 60 * 60)),
}


@pytest.mark.parametrize("family", FAMILIES)
async def test_without_faults_everything_of_age_is_answered(exchange: SandboxExchange, family: str) -> None:
    node, window = NODES[family]
    fetcher = fetcher_for(exchange)
    fetched = await fetcher.fetch(node, grid_of(node.exchange, node.timeframe), window)
    await fetcher.close()
    check_honest(fetched, node, window)
    assert distinct(fetched).equals(truth(node, window))
    old = Ranges.single(TimeRange(window.start, min(window.end, NOW_S // 60 * 60 - 360)))
    assert old - fetched.answered == Ranges.empty()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_fault_that_passes_costs_requests_only(exchange: SandboxExchange, family: str, fault: str) -> None:
    node, window = NODES[family]
    exchange.set_faults(FaultPlan(rates={fault: 1.0}, timeout_ms=20, routes=BAR_ROUTES))
    fetcher = fetcher_for(exchange, timeout_ms=250)
    fetched = await fetcher.fetch(node, grid_of(node.exchange, node.timeframe), window)
    await fetcher.close()
    check_honest(fetched, node, window)
    if fault != "empty_page":  # which may leave slots unanswered
        of_age = pl.col("ts") < (NOW_S - 400) * 1000  # younger bars may wait for the next fetch
        assert distinct(fetched).filter(of_age).equals(truth(node, window).filter(of_age))
    assert any(record.fault == fault for record in exchange.log())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", sorted(PAGE_FAULTS))
async def test_pages_that_are_always_spoilt_never_make_a_bar_quiet(
    exchange: SandboxExchange, family: str, fault: str
) -> None:
    node, window = NODES[family]
    exchange.set_faults(FaultPlan(rates={fault: 1.0}, routes=BAR_ROUTES, max_consecutive=None))
    fetcher = fetcher_for(exchange)
    fetched = await fetcher.fetch(node, grid_of(node.exchange, node.timeframe), window)
    await fetcher.close()
    check_honest(fetched, node, window)
    if fault == "empty_page":
        assert not len(fetched.answered)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", sorted(WIRE_FAULTS))
async def test_a_line_that_is_always_bad_ends_in_unavailable(
    exchange: SandboxExchange, family: str, fault: str
) -> None:
    node, window = NODES[family]
    exchange.set_faults(
        FaultPlan(rates={fault: 1.0}, routes=BAR_ROUTES, timeout_ms=20, retry_after_s=3, max_consecutive=None)
    )
    fetcher = fetcher_for(exchange, timeout_ms=150, max_attempts=2)
    with pytest.raises(SourceUnavailable) as caught:
        await fetcher.fetch(node, grid_of(node.exchange, node.timeframe), window)
    await fetcher.close()
    assert caught.value.facts["attempts"] == 2
    assert node.exchange in caught.value.message
    if fault in ("rate_limit", "ban") and family != "kraken":  # Kraken does not say how long to wait
        assert caught.value.retry_after_s == 3.0


@pytest.mark.parametrize("fault", ["html", "truncated", "malformed", "server_error", "reset", "rate_limit"])
async def test_markets_that_cannot_be_loaded_are_loaded_at_the_next_try(exchange: SandboxExchange, fault: str) -> None:
    node, _ = NODES["binance"]
    exchange.set_faults(FaultPlan(rates={fault: 1.0}, max_consecutive=None))
    fetcher = fetcher_for(exchange, max_attempts=2)
    with pytest.raises(SourceUnavailable):
        await fetcher.traits(node)
    exchange.set_faults(FaultPlan())
    assert (await fetcher.traits(node)).page_bars == 1000
    await fetcher.close()
