"""The fetcher against a running exchange: proof, age, listing, history, markets, limits, loops, cancellation."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from math import inf

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import FixedClock, ManualClock
from seamless_lab.adapters.fetcher_ccxt import CcxtFetcher, CcxtSettings, _oldest_first
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import TimeUnit
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.engine.events import Event
from seamless_lab.engine.ports import Fetched
from seamless_lab.errors import SourceRejected, SourceUnavailable, UnknownMarket
from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.faults import FaultPlan
from tests.adapters.exchanges import (
    BAR_ROUTES,
    LISTED_S,
    NOW_S,
    OpenGate,
    Pauses,
    check_honest,
    distinct,
    eventually,
    fetcher_for,
    truth,
)

BTC = parse_node("ohlcv:binance:BTC/USDT:1m")
DAY = parse_window("2024-05-01", None, now_s=NOW_S)
END_S = NOW_S // 60 * 60  # end of the last closed minute


async def fetched_once(exchange: SandboxExchange, node: NodeId, window: TimeRange, **changes: object) -> Fetched:
    fetcher = fetcher_for(exchange, **changes)
    try:
        return await fetcher.fetch(node, grid_of(node.exchange, node.timeframe), window)
    finally:
        await fetcher.close()


# -- what is asked ----------------------------------------------------------------------------------------------------


async def test_a_clean_fetch_asks_for_no_bar_twice_and_for_no_page_too_many(exchange: SandboxExchange) -> None:
    fetched = await fetched_once(exchange, BTC, DAY)
    pages = [record for record in exchange.log() if record.route == "klines"]
    assert len(pages) == 2
    windows = sorted((record.window_start or 0, record.window_end or 0) for record in pages)
    assert all(left[1] <= right[0] for left, right in pairwise(windows))
    assert [record.route for record in exchange.log()] == ["exchangeInfo", "time", "klines", "klines"]
    assert fetched.requests == 2, "markets and clock were asked for at start-up"
    assert fetched.rows.time_unit is TimeUnit.MILLISECONDS
    assert distinct(fetched).equals(truth(BTC, DAY))
    assert fetched.answered == Ranges.single(DAY)


async def test_newest_first_pages_are_not_asked_for_twice_either(exchange: SandboxExchange) -> None:
    node = parse_node("ohlcv:coinbase:BTC/USD:1m")
    fetched = await fetched_once(exchange, node, DAY)
    pages = [record for record in exchange.log() if record.route == "candles"]
    assert len(pages) == 5  # 1440 bars, 300 to a page
    assert distinct(fetched).equals(truth(node, DAY))
    assert fetched.answered == Ranges.single(DAY)


async def test_holes_cost_at_most_one_more_request_at_the_end_of_a_window(exchange: SandboxExchange) -> None:
    node = parse_node("ohlcv:binance:DOT/USDT:1m")  # four minutes of ten are quiet
    fetched = await fetched_once(exchange, node, DAY)
    check_honest(fetched, node, DAY)
    assert fetched.answered == Ranges.single(DAY)
    assert sum(record.route == "klines" for record in exchange.log()) <= 3


@pytest.mark.parametrize("timeframe", ["5m", "1h", "1d", "1w"])
async def test_other_timeframes_are_exact_too(exchange: SandboxExchange, timeframe: str) -> None:
    node = parse_node(f"ohlcv:binance:LTC/USDT:{timeframe}")
    window = grid_of("binance", timeframe).snap_outward(TimeRange(DAY.start, DAY.start + 40 * 86_400))
    fetched = await fetched_once(exchange, node, window)
    assert distinct(fetched).equals(truth(node, window))
    assert fetched.answered == Ranges.single(window)


async def test_every_request_passes_the_rate_limiter_with_its_weight(exchange: SandboxExchange) -> None:
    limiter, events = OpenGate(), list[Event]()
    await fetched_once(exchange, BTC, DAY, limiter=limiter, emit=events.append, account="desk")
    assert limiter.weights == [
        ("ccxt:binance:desk", 20.0),
        ("ccxt:binance:desk", 1.0),
        *[("ccxt:binance:desk", 2.0)] * 2,
    ]
    used = [event.fields["used_weight"] for event in events if event.name == "seamless.source.page"]
    assert all(isinstance(weight, int) and weight > 0 for weight in used)


# -- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", ["binance:BTC/USDT", "coinbase:BTC/USD", "kraken:BTC/USD"])
async def test_a_bar_is_taken_only_when_it_has_closed(exchange: SandboxExchange, node: str) -> None:
    window = TimeRange(END_S - 600, END_S + 600)
    fetched = await fetched_once(exchange, parse_node(f"ohlcv:{node}:1m"), window)
    assert distinct(fetched)["ts"].to_list() == [ts * 1000 for ts in range(END_S - 600, END_S, 60)]
    assert fetched.answered == Ranges.single(TimeRange(END_S - 600, END_S))


async def test_the_exchange_clock_counts_when_it_is_behind(exchange: SandboxExchange) -> None:
    fetched = await fetched_once(exchange, BTC, TimeRange(END_S - 600, END_S), clock=FixedClock((NOW_S + 120) * 1000))
    ahead = await fetched_once(exchange, BTC, TimeRange(END_S - 600, END_S), clock=FixedClock((NOW_S - 120) * 1000))
    assert fetched.answered == Ranges.single(TimeRange(END_S - 600, END_S))
    assert fetched.server_time_ms == NOW_S * 1000
    assert ahead.answered == Ranges.single(TimeRange(END_S - 600, END_S - 120))


async def test_a_young_hole_is_not_yet_quiet(exchange: SandboxExchange) -> None:
    node = parse_node("ohlcv:binance:DOT/USDT:1m")
    window = TimeRange(END_S - 3600, END_S)
    fetched = await fetched_once(exchange, node, window)
    check_honest(fetched, node, window)
    quiet = fetched.answered - Ranges.of_slots(distinct(fetched)["ts"].to_numpy() // 1000, 60)
    assert quiet.bounds is not None
    assert quiet.bounds.end <= NOW_S - 300
    assert Ranges.single(TimeRange(END_S - 3600, END_S - 360)) - fetched.answered == Ranges.empty()
    assert not fetched.answered.covers(window)


async def test_slots_before_the_listing_say_so_and_are_not_asked_for_again(exchange: SandboxExchange) -> None:
    node, grid = parse_node("ohlcv:binance:ADA/USDT:1m"), grid_of("binance", "1m")
    fetcher = fetcher_for(exchange)
    across = TimeRange(LISTED_S - 6000, LISTED_S + 6000)
    first = await fetcher.fetch(node, grid, across)
    assert first.before_listing == Ranges.single(TimeRange(across.start, LISTED_S))
    assert first.answered == Ranges.single(across)
    assert (await fetcher.traits(node)).listed_s == LISTED_S
    exchange.clear_log()
    before = TimeRange(LISTED_S - 600_000, LISTED_S - 6000)
    second = await fetcher.fetch(node, grid, before)
    assert second.before_listing == second.answered == Ranges.single(before)
    assert exchange.log() == []
    await fetcher.close()


async def test_a_window_wholly_before_the_listing_is_proven_by_the_first_bar(exchange: SandboxExchange) -> None:
    window = parse_window("2023-01", None, now_s=NOW_S)
    fetched = await fetched_once(exchange, parse_node("ohlcv:binance:ADA/USDT:1m"), window)
    assert fetched.before_listing == Ranges.single(window)
    assert fetched.rows.frame.height == 0
    assert fetched.requests <= 4


async def test_the_first_bar_is_asked_for_once_by_all_who_want_to_know(exchange: SandboxExchange) -> None:
    node, grid = parse_node("ohlcv:binance:ADA/USDT:1m"), grid_of("binance", "1m")
    fetcher = fetcher_for(exchange)
    windows = [TimeRange(LISTED_S - 60_000 * k - 60_000, LISTED_S - 60_000 * k) for k in range(6)]
    answers = await asyncio.gather(*(fetcher.fetch(node, grid, window) for window in windows))
    await fetcher.close()
    assert [answer.before_listing for answer in answers] == [Ranges.single(window) for window in windows]
    assert sum(record.rows or 0 for record in exchange.log()) == 1


# -- history ----------------------------------------------------------------------------------------------------------


async def test_a_window_older_than_the_history_is_refused_with_the_first_bar(exchange: SandboxExchange) -> None:
    node = parse_node("ohlcv:kraken:BTC/USD:1m")
    with pytest.raises(SourceRejected, match="serves only its latest 720 bars, the first is at 2024-12-31T12:01Z"):
        await fetched_once(exchange, node, parse_window("2020-01-01", None, now_s=NOW_S))


async def test_a_window_partly_inside_the_history_is_answered_as_far_as_proven(exchange: SandboxExchange) -> None:
    node = parse_node("ohlcv:kraken:BTC/USD:1m")
    window = TimeRange(END_S - 1000 * 60, END_S - 100 * 60)
    fetched = await fetched_once(exchange, node, window)
    check_honest(fetched, node, window)
    assert fetched.answered == Ranges.single(TimeRange(END_S - 719 * 60, window.end))


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, said, hint",
    [
        ("ohlcv:binance:BTC/USDTT:1m", "no market 'BTC/USDTT'", "BTC/USDT"),
        ("ohlcv:binance:USDT/BTC:1m", "no market 'USDT/BTC'", "Did you mean BTC/USDT"),
        ("ohlcv:binance:btc/usdt:1m", "no market 'btc/usdt'", "BTC/USDT"),
        ("ohlcv:binance:BTC/USDT:7m", "no '7m' bars", "1m, 3m, 5m"),
        ("ohlcv:binace:BTC/USDT:1m", "no exchange 'binace'", "binance"),
    ],
)
async def test_what_does_not_exist_is_refused_with_near_matches(
    exchange: SandboxExchange, text: str, said: str, hint: str
) -> None:
    fetcher = fetcher_for(exchange)
    with pytest.raises(UnknownMarket, match=said) as caught:
        await fetcher.traits(parse_node(text))
    assert hint in caught.value.hint
    await fetcher.close()
    assert not any(record.route in BAR_ROUTES for record in exchange.log())


# -- limits and retries -----------------------------------------------------------------------------------------------


async def test_retry_after_stops_everybody_for_as_long(exchange: SandboxExchange) -> None:
    limiter, pauses = OpenGate(), Pauses()
    exchange.set_faults(FaultPlan(rates={"rate_limit": 1.0}, routes=BAR_ROUTES, retry_after_s=7))
    fetched = await fetched_once(exchange, BTC, TimeRange(DAY.start, DAY.start + 600), limiter=limiter, pauses=pauses)
    assert limiter.penalties == [("ccxt:binance", 7.0)] * 2
    assert pauses.seconds == [7.0, 7.0]
    assert fetched.requests == 3


async def test_a_longer_pause_than_wanted_fails_at_once(exchange: SandboxExchange) -> None:
    limiter = OpenGate()
    exchange.set_faults(FaultPlan(rates={"ban": 1.0}, routes=BAR_ROUTES, retry_after_s=7200, max_consecutive=None))
    with pytest.raises(SourceUnavailable, match="asks for fewer requests") as caught:
        await fetched_once(exchange, BTC, DAY, limiter=limiter)
    assert caught.value.retry_after_s == 7200.0
    assert limiter.penalties == [("ccxt:binance", 7200.0)]


async def test_repetitions_wait_exponentially_with_jitter(exchange: SandboxExchange) -> None:
    pauses, events = Pauses(), list[Event]()
    exchange.set_faults(FaultPlan(rates={"server_error": 1.0}, routes=BAR_ROUTES, max_consecutive=3))
    await fetched_once(exchange, BTC, TimeRange(DAY.start, DAY.start + 600), pauses=pauses, emit=events.append)
    assert pauses.seconds == [0.5 * 1.125, 1.0 * 1.125, 2.0 * 1.125]
    assert [event.fields["attempt"] for event in events if event.name == "seamless.source.retry"] == [1, 2, 3]


# -- loops, sharing, cancellation --------------------------------------------------------------------------------------


async def test_markets_are_loaded_once_for_all_who_ask(exchange: SandboxExchange) -> None:
    fetcher = fetcher_for(exchange)
    nodes = [parse_node(f"ohlcv:binance:{base}/USDT:1m") for base in ("BTC", "ETH", "SOL", "BNB", "XRP")]
    await asyncio.gather(*(fetcher.traits(node) for node in nodes))
    assert [record.route for record in exchange.log()] == ["exchangeInfo", "time"]
    windows = [TimeRange(DAY.start + n * 600, DAY.start + n * 600 + 600) for n in range(8)]
    await asyncio.gather(*(fetcher.fetch(nodes[0], grid_of("binance", "1m"), window) for window in windows))
    assert [record.route for record in exchange.log()][2:] == ["klines"] * 8, "one look at the clock serves all"
    await fetcher.close()


async def test_a_clock_that_fails_at_start_up_is_asked_again_before_bars(exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"time"}), max_consecutive=1))
    fetcher = fetcher_for(exchange)
    assert (await fetcher.traits(BTC)).latency_s is None
    fetched = await fetcher.fetch(BTC, grid_of("binance", "1m"), TimeRange(DAY.start, DAY.start + 600))
    await fetcher.close()
    assert [record.route for record in exchange.log()] == ["exchangeInfo", "time", "time", "klines"]
    assert fetched.requests == 2


async def test_a_cancelled_fetch_stops_at_once_and_leaves_the_fetcher_usable(exchange: SandboxExchange) -> None:
    fetcher, grid = fetcher_for(exchange), grid_of("binance", "1m")
    await fetcher.traits(BTC)
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}, routes=BAR_ROUTES))
    fetch = asyncio.create_task(fetcher.fetch(BTC, grid, DAY))
    await eventually(lambda: any(record.route == "klines" for record in exchange.log()))
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch
    exchange.set_faults(FaultPlan())
    assert (await fetcher.fetch(BTC, grid, DAY)).answered == Ranges.single(DAY)
    await fetcher.close()


async def test_closing_while_markets_load_ends_the_loading(exchange: SandboxExchange) -> None:
    fetcher = fetcher_for(exchange)
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}))
    waiting = asyncio.create_task(fetcher.traits(BTC))
    await eventually(lambda: bool(exchange.log()))
    await fetcher.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    exchange.set_faults(FaultPlan())
    assert (await fetcher.traits(BTC)).page_bars == 1000
    await fetcher.close()


async def test_closing_can_be_cancelled_and_done_again(exchange: SandboxExchange) -> None:
    fetcher = fetcher_for(exchange)
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}))
    waiting = asyncio.create_task(fetcher.traits(BTC))
    await eventually(lambda: bool(exchange.log()))
    closing = asyncio.create_task(fetcher.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert closing.cancelled(), "its own cancellation is not taken for that of what it ends"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await fetcher.close()
    exchange.set_faults(FaultPlan())
    assert (await fetcher.traits(BTC)).page_bars == 1000
    await fetcher.close()


def test_another_loop_is_refused_until_closed(exchange: SandboxExchange) -> None:
    fetcher = fetcher_for(exchange)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(fetcher.traits(BTC))
        with pytest.raises(RuntimeError, match="another event loop"):
            second.run(fetcher.traits(BTC))
        first.run(fetcher.close())
        assert second.run(fetcher.traits(BTC)).page_bars == 1000
        second.run(fetcher.close())


async def test_the_clock_is_read_again_after_a_while(exchange: SandboxExchange) -> None:
    clock = ManualClock(NOW_S * 1000)
    fetcher, grid = fetcher_for(exchange, clock=clock), grid_of("binance", "1m")
    for _ in range(3):
        await fetcher.fetch(BTC, grid, TimeRange(DAY.start, DAY.start + 600))
        clock.advance(400)
    assert sum(record.route == "time" for record in exchange.log()) == 2
    await fetcher.close()


# -- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template, account, expected",
    [
        ("ccxt:{exchange}:{account?}", None, "ccxt:binance"),
        ("ccxt:{exchange}:{account?}", "a1", "ccxt:binance:a1"),
        ("{account?}:{exchange_id}", None, ":binance"),
        ("x:{suffix?}:{exchange}", "a1", "x:a1:binance"),
        ("x:{key_suffix}:{exchange}", "a1", "x:a1:binance"),
        ("x:{key_suffix?}:{exchange}", None, "x:binance"),
        ("fixed", "a1", "fixed"),
    ],
)
def test_limiter_keys_follow_their_template(template: str, account: str | None, expected: str) -> None:
    assert CcxtSettings(key_template=template, account=account).limiter_key("binance") == expected


def test_settings_never_show_the_options() -> None:
    assert "s3cr3t" not in repr(CcxtSettings(options={"secret": "s3cr3t"}))


def test_settings_refuse_what_cannot_work() -> None:
    with pytest.raises(ValueError, match="max_attempts must be at least 1, not 0"):
        CcxtSettings(max_attempts=0)


async def test_a_fetcher_that_was_never_used_closes(exchange: SandboxExchange) -> None:
    await CcxtFetcher(OpenGate(), FixedClock(0)).close()


async def test_an_answer_tells_the_time_before_its_first_page(exchange: SandboxExchange) -> None:
    clock = ManualClock(NOW_S * 1000)

    class Queue(OpenGate):
        async def acquire(self, key: str, weight: float, *, longest_closure_s: float = inf) -> float:
            if weight == 2.0:  # a page
                clock.advance(300)
            return await super().acquire(key, weight)

    fetched = await fetched_once(exchange, BTC, DAY, clock=clock, limiter=Queue())
    assert clock.now_ms() == (NOW_S + 600) * 1000
    assert fetched.server_time_ms == NOW_S * 1000


@pytest.mark.parametrize("as_text", [False, True])
def test_of_a_repeated_time_in_a_newest_first_page_the_last_received_stays_last(as_text: bool) -> None:
    page = pl.DataFrame({"ts": [120_000, 60_000, 60_000, 0], "close": [3.0, 1.0, 2.0, 0.0]})
    page = page.cast({"ts": pl.String}) if as_text else page
    assert _oldest_first(page)["close"].to_list() == [0.0, 1.0, 2.0, 3.0]
