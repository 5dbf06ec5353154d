"""What every fetcher must do, whatever exchange is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from seamless_lab.core.conformance import conform
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid, grid_of
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Fetcher
from seamless_lab.errors import UnknownMarket
from seamless_lab.sandbox import SandboxExchange
from tests.adapters.exchanges import NOW_S, check_honest, distinct, fetcher_for, running, truth

CLOSED_S = NOW_S // 60 * 60
SPAN_S = 400 * 60


@dataclass
class Case:
    """A fetcher, a liquid and a thin node it can fetch, and a window that it serves completely."""

    fetcher: Fetcher
    node: NodeId
    thin: NodeId
    window: TimeRange
    grid: Grid


@pytest.fixture(scope="module")
def running_exchange() -> Iterator[SandboxExchange]:
    yield from running()


@pytest.fixture(params=["ccxt-binance", "ccxt-coinbase", "ccxt-kraken"])
async def case(request: pytest.FixtureRequest, running_exchange: SandboxExchange) -> AsyncIterator[Case]:
    exchange = request.param.partition("-")[2]
    quote = "USDT" if exchange == "binance" else "USD"
    nodes = (parse_node(f"ohlcv:{exchange}:{base}/{quote}:1m") for base in ("BTC", "LTC"))
    start = CLOSED_S - SPAN_S - 3600
    fetcher = fetcher_for(running_exchange)
    yield Case(fetcher, *nodes, TimeRange(start, start + SPAN_S), grid_of(exchange, "1m"))
    await fetcher.close()


async def test_a_complete_window_gives_every_bar_once(case: Case) -> None:
    fetched = await case.fetcher.fetch(case.node, case.grid, case.window)
    assert fetched.rows.frame.equals(truth(case.node, case.window))
    assert fetched.answered == Ranges.single(case.window)
    assert fetched.before_listing == Ranges.empty()
    assert fetched.server_time_ms == NOW_S * 1000
    assert fetched.requests >= 1


async def test_quiet_slots_are_answered_without_a_row(case: Case) -> None:
    fetched = await case.fetcher.fetch(case.thin, case.grid, case.window)
    assert fetched.answered == Ranges.single(case.window)
    assert 0 < distinct(fetched).height < case.window.seconds // 60


async def test_windows_side_by_side_give_what_one_window_gives(case: Case) -> None:
    middle = case.window.start + 177 * 60
    halves = [TimeRange(case.window.start, middle), TimeRange(middle, case.window.end)]
    parts = [await case.fetcher.fetch(case.thin, case.grid, half) for half in halves]
    whole = await case.fetcher.fetch(case.thin, case.grid, case.window)
    assert pl.concat([distinct(part) for part in parts]).equals(distinct(whole))
    assert parts[0].answered | parts[1].answered == whole.answered


async def test_one_slot_is_served(case: Case) -> None:
    slot = TimeRange(case.window.start, case.window.start + 60)
    fetched = await case.fetcher.fetch(case.node, case.grid, slot)
    assert fetched.rows.frame["ts"].to_list() == [slot.start * 1000]
    assert fetched.answered == Ranges.single(slot)


async def test_nothing_of_the_future_is_answered(case: Case) -> None:
    fetched = await case.fetcher.fetch(case.node, case.grid, TimeRange(CLOSED_S, CLOSED_S + 3600))
    assert fetched.rows.frame.height == 0
    assert fetched.answered == Ranges.empty()


async def test_what_is_given_passes_conformance_without_a_flag(case: Case) -> None:
    fetched = await case.fetcher.fetch(case.thin, case.grid, case.window)
    conformed = conform(fetched.rows, Header(case.thin, case.grid), case.window, answered=fetched.answered)
    assert conformed.report.flags == {}
    check_honest(fetched, case.thin, case.window)


async def test_traits_say_how_to_ask(case: Case) -> None:
    traits = await case.fetcher.traits(case.node)
    assert traits.page_bars >= 100
    assert traits.request_weight > 0


@pytest.mark.parametrize("symbol, timeframe", [("NO/SUCH", "1m"), (None, "9m")])
async def test_what_does_not_exist_is_unknown_with_a_hint(case: Case, symbol: str | None, timeframe: str) -> None:
    node = NodeId("ohlcv", case.node.exchange, symbol or case.node.symbol, timeframe)
    with pytest.raises(UnknownMarket) as caught:
        await case.fetcher.traits(node)
    assert caught.value.hint
    with pytest.raises(UnknownMarket):
        await case.fetcher.fetch(node, Grid(540 if timeframe == "9m" else 60), case.window)


async def test_a_closed_fetcher_may_be_used_again(case: Case) -> None:
    slot = TimeRange(case.window.start, case.window.start + 60)
    await case.fetcher.fetch(case.node, case.grid, slot)
    await case.fetcher.close()
    await case.fetcher.close()
    assert (await case.fetcher.fetch(case.node, case.grid, slot)).answered == Ranges.single(slot)
