"""The inquiry against naive exchanges, honest and lying: it may fail to answer, but it never lies and never loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from seamless_lab.adapters.ccxt_paging import Ask, Inquiry, Purpose
from seamless_lab.adapters.ccxt_traits import BarApi
from seamless_lab.core.grid import Grid
from seamless_lab.core.proof import Order, closed_until, quiet_until
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

STEP = 60
GRID = Grid(STEP)
START = 10_000 * 3600  # on every grid up to an hour
PAGE = 6

ASCENDING = BarApi(PAGE, since_honoured=True, until_honoured=True, open_ended=True)
NEWEST_FIRST = BarApi(PAGE, order=Order.DESCENDING, since_honoured=True, until_honoured=True)
WINDOWED = BarApi(PAGE, since_honoured=True, until_honoured=True)
LATEST_ONLY = BarApi(PAGE, since_honoured=True, open_ended=True, history_bars=PAGE)
UNKNOWN = BarApi(PAGE, order=None)
KNOWN = [ASCENDING, NEWEST_FIRST, WINDOWED, LATEST_ONLY]

Lie = Callable[[list[int]], list[int]]


@dataclass
class NaiveExchange:
    """Bars as a set of open times; serves them the way `kind` declares, `seen` counts what went out in pages."""

    bars: set[int]
    now_s: int
    kind: BarApi
    lie: Lie = lambda rows: rows
    since_exclusive: bool = False
    since_ignored: bool = False
    keeps_newest: bool = False
    served: dict[int, int] = field(default_factory=dict)
    asks: list[Ask] = field(default_factory=list)

    def answer(self, ask: Ask) -> list[int]:
        self.asks.append(ask)
        grid = Grid(ask.step_s)
        rows = sorted({grid.floor(ts) for ts in self.bars if ts <= self.now_s})
        if self.kind.history_bars is not None:
            rows = rows[-self.kind.history_bars :]
        if ask.since_s is not None and not self.since_ignored:
            rows = [ts for ts in rows if ts >= ask.since_s + self.since_exclusive]
        until = ask.until_s if self.kind.until_honoured else None
        if not self.kind.open_ended and ask.since_s is not None and until is None:
            until = ask.since_s + ask.limit * ask.step_s
        if until is not None and self.kind != UNKNOWN:
            rows = [ts for ts in rows if ts < until]
        if self.kind.history_bars is None:
            newest = (
                ask.since_s is None or self.since_ignored or self.keeps_newest or self.kind.order is Order.DESCENDING
            )
            rows = rows[-ask.limit :] if newest else rows[: ask.limit]
        if self.kind.order is Order.DESCENDING:
            rows = rows[::-1]
        rows = self.lie(rows)
        if ask.purpose is Purpose.PAGE:
            for ts in rows:
                self.served[ts] = self.served.get(ts, 0) + 1
        return rows


def ask_all(
    exchange: NaiveExchange, window: TimeRange, api: BarApi, *, local_now_s: int | None = None
) -> tuple[Inquiry, set[int]]:
    """Run an inquiry to its end; returns it and the rows kept."""
    now_s = exchange.now_s if local_now_s is None else min(local_now_s, exchange.now_s)
    inquiry = Inquiry(window, GRID, api, now_s, coarser_s=(300, 3600))
    kept: set[int] = set()
    for _ in range(2_000):
        ask = inquiry.next_ask()
        if ask is None:
            return inquiry, kept
        assert ask.limit >= 1
        opens = np.array(exchange.answer(ask), dtype=np.int64)
        off = opens % ask.step_s != 0
        opens, off_grid = opens[~off], opens[off]
        news = inquiry.receive(ask, opens, now_s, exchange_now_s=exchange.now_s, off_grid=off_grid)
        if ask.step_s == STEP:
            kept |= {int(ts) for ts in opens[news.contains(opens)]}
    raise AssertionError("the inquiry does not end")


def slots_of(ranges: Ranges) -> set[int]:
    return {ts for piece in ranges for ts in range(piece.start, piece.end, STEP)}


@st.composite
def markets(draw: st.DrawFn) -> tuple[set[int], int, TimeRange]:
    """Existing bars, the present, and a window; bars and window reach into the present now and then."""
    length = draw(st.integers(1, 60))
    quiet = draw(st.sampled_from([0.0, 0.1, 0.5, 0.95]))
    random = Random(draw(st.integers(0, 2**32)))
    bars = {START + k * STEP for k in range(length) if random.random() >= quiet}
    for _ in range(draw(st.integers(0, 2))):  # outages
        low = random.randrange(length)
        bars -= {START + k * STEP for k in range(low, low + random.randrange(1, 20))}
    now_s = START + draw(st.integers(0, 90)) * STEP + draw(st.integers(0, STEP - 1))
    first = draw(st.integers(-20, 60))
    window = TimeRange(START + first * STEP, START + (first + draw(st.integers(1, 50))) * STEP)
    return bars, now_s, window


def check_sound(exchange: NaiveExchange, inquiry: Inquiry, kept: set[int], window: TimeRange) -> None:
    answered = slots_of(inquiry.answered)
    note(f"asks {exchange.asks}")
    inside = set(range(window.start, window.end, STEP))
    existing = {ts for ts in exchange.bars if ts + STEP <= exchange.now_s} & inside
    assert kept <= existing, "a row that is no closed bar of the window"
    assert answered & existing <= kept, "a bar was turned into a quiet slot"
    assert kept <= answered
    assert answered <= inside
    quiet = answered - kept
    assert all(ts + STEP <= quiet_until(exchange.now_s, GRID) for ts in quiet)


@given(markets(), st.sampled_from(KNOWN))
def test_honest_exchanges_yield_every_bar_they_serve(market: tuple[set[int], int, TimeRange], api: BarApi) -> None:
    bars, now_s, window = market
    exchange = NaiveExchange(bars, now_s, api)
    inquiry, kept = ask_all(exchange, window, api)
    check_sound(exchange, inquiry, kept, window)
    served = sorted(ts for ts in bars if ts <= now_s)
    if api.history_bars is not None:
        served = served[-api.history_bars :]
    closed = {ts for ts in served if ts + STEP <= now_s and window.start <= ts < window.end}
    assert kept == closed


@given(markets())
def test_ascending_exchanges_answer_for_every_slot_of_age(market: tuple[set[int], int, TimeRange]) -> None:
    bars, now_s, window = market
    inquiry, _ = ask_all(NaiveExchange(bars, now_s, ASCENDING), window, ASCENDING)
    old = {ts for ts in range(window.start, window.end, STEP) if ts + STEP <= quiet_until(now_s, GRID)}
    if any(ts <= now_s for ts in bars):
        assert old <= slots_of(inquiry.answered)
    else:
        assert not slots_of(inquiry.answered)


@given(markets(), st.sampled_from([ASCENDING, NEWEST_FIRST, WINDOWED]))
def test_no_bar_is_paged_twice(market: tuple[set[int], int, TimeRange], api: BarApi) -> None:
    bars, now_s, window = market
    exchange = NaiveExchange(bars, now_s, api)
    ask_all(exchange, window, api)
    assert all(count == 1 for count in exchange.served.values())


@given(st.integers(1, 60), st.sampled_from([ASCENDING, NEWEST_FIRST, WINDOWED]))
def test_a_market_without_holes_takes_as_many_requests_as_pages(length: int, api: BarApi) -> None:
    bars = {START + k * STEP for k in range(-10, 100)}
    exchange = NaiveExchange(bars, START + 200 * STEP, api)
    ask_all(exchange, TimeRange(START, START + length * STEP), api)
    assert len(exchange.asks) == -(-length // PAGE)


def lies(random: Random, rate: float) -> Lie:
    """Cuts, empties, repeats or shuffles pages, at a rate."""

    def lie(rows: list[int]) -> list[int]:
        if random.random() >= rate or not rows:
            return rows
        match random.randrange(4):
            case 0:
                return []
            case 1:
                return rows[: random.randint(1, len(rows))]
            case 2:
                return random.sample(rows, len(rows))
            case _:
                return sorted(rows + random.choices(rows, k=3), reverse=rows[0] > rows[-1])

    return lie


@given(markets(), st.sampled_from(KNOWN), st.sampled_from([0.1, 0.3, 0.6]), st.integers(0, 2**32))
def test_lies_now_and_then_cost_answers_but_never_truth(
    market: tuple[set[int], int, TimeRange], api: BarApi, rate: float, seed: int
) -> None:
    bars, now_s, window = market
    exchange = NaiveExchange(bars, now_s, api, lies(Random(seed), rate))
    check_sound(exchange, *ask_all(exchange, window, api), window)


ALWAYS: dict[str, Lie] = {
    "empty": lambda rows: [],
    "all but one": lambda rows: rows[:-1],
    "half": lambda rows: rows[: len(rows) // 2],
    "half, at least one": lambda rows: rows[: max(1, len(rows) // 2)],
    "one": lambda rows: rows[:1],
    "reversed halves": lambda rows: rows[len(rows) // 2 :] + rows[: len(rows) // 2],
    "three at most": lambda rows: rows[:3],
}


@given(markets(), st.sampled_from(KNOWN), st.sampled_from(sorted(ALWAYS)))
def test_a_proxy_that_always_cuts_pages_never_makes_a_bar_quiet(
    market: tuple[set[int], int, TimeRange], api: BarApi, kind: str
) -> None:
    bars, now_s, window = market
    exchange = NaiveExchange(bars, now_s, api, ALWAYS[kind])
    check_sound(exchange, *ask_all(exchange, window, api), window)


@given(
    markets(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Order.ASCENDING, Order.DESCENDING]),
    st.booleans(),
)
def test_exchanges_of_unknown_habits_are_never_believed_too_much(
    market: tuple[set[int], int, TimeRange],
    exclusive: bool,
    ignored: bool,
    newest: bool,
    order: Order,
    open_ended: bool,
) -> None:
    bars, now_s, window = market
    kind = replace(UNKNOWN, order=order, open_ended=open_ended)
    exchange = NaiveExchange(bars, now_s, kind, since_exclusive=exclusive, since_ignored=ignored, keeps_newest=newest)
    check_sound(exchange, *ask_all(exchange, window, UNKNOWN), window)


@given(st.integers(1, 60), st.sampled_from(KNOWN), st.sets(st.integers(0, 60)), st.sampled_from([-1, 1, 30]))
def test_bars_that_are_moved_off_the_grid_are_neither_quiet_nor_asked_for_without_end(
    length: int, api: BarApi, moved: set[int], by_s: int
) -> None:
    bars = {START + k * STEP for k in range(-10, 70)}
    late = {START + k * STEP for k in moved}
    exchange = NaiveExchange(
        bars, START + 80 * STEP, api, lambda rows: [ts + by_s if ts in late else ts for ts in rows]
    )
    window = TimeRange(START, START + length * STEP)
    inquiry, kept = ask_all(exchange, window, api)
    check_sound(exchange, inquiry, kept, window)
    assert len(exchange.asks) <= 2 * -(-length // PAGE) + 5


@pytest.mark.parametrize("api", KNOWN)
@pytest.mark.parametrize("age_slots", [1, 2, 3, 4, 1440])
@pytest.mark.parametrize("length", [1, 2, 3, 300])
def test_a_cache_that_gives_one_old_page_for_everything_makes_no_slot_quiet(
    api: BarApi, age_slots: int, length: int
) -> None:
    stale = [START - (age_slots + k) * STEP for k in range(length)]
    page = stale if api.order is Order.DESCENDING else stale[::-1]
    exchange = NaiveExchange(set(), START + 15 * STEP, api, lambda rows: page)
    inquiry, kept = ask_all(exchange, TimeRange(START, START + 10 * STEP), api)
    assert not kept
    assert not len(inquiry.answered)


@pytest.mark.parametrize("place", range(PAGE))
def test_a_cache_that_gives_a_lone_bar_for_everything_proves_nothing_after_it(place: int) -> None:
    exchange = NaiveExchange(set(), START + 86_400, ASCENDING, lambda rows: [START + place * STEP])
    inquiry, _ = ask_all(exchange, TimeRange(START, START + PAGE * STEP), ASCENDING)
    assert inquiry.answered == Ranges.single(TimeRange(START, START + (place + 1) * STEP))


@given(markets(), st.sampled_from(KNOWN), st.integers(0, 60), st.integers(-400_000, 400_000))
def test_a_bar_whose_time_is_far_from_those_asked_for_is_never_quiet(
    market: tuple[set[int], int, TimeRange], api: BarApi, which: int, by_slots: int
) -> None:
    bars, now_s, window = market
    moved = START + which * STEP
    elsewhere = moved + by_slots * STEP
    if window.start - 3 * STEP <= elsewhere < max(window.end, now_s) + 70 * STEP:
        return
    exchange = NaiveExchange(bars, now_s, api, lambda rows: [elsewhere if ts == moved else ts for ts in rows])
    check_sound(exchange, *ask_all(exchange, window, api), window)


COARSE_API = replace(NEWEST_FIRST, page_bars=30)


def asked_for_longer_bars() -> tuple[Inquiry, Ask]:
    """An inquiry whose pages came back empty, at its first ask for longer bars."""
    inquiry = Inquiry(TimeRange(START, START + 120 * STEP), GRID, COARSE_API, START + 86_400, coarser_s=(300, 3600))
    while (ask := inquiry.next_ask()) is not None:
        if ask.purpose is Purpose.COARSE:
            return inquiry, ask
        inquiry.receive(ask, np.empty(0, dtype=np.int64), START + 86_400)
    raise AssertionError("no longer bars are asked for")


def longer_bars(ask: Ask) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    assert ask.since_s is not None
    return np.array([ask.since_s + ask.step_s], dtype=np.int64)


def test_longer_bars_prove_what_lies_before_their_end_empty() -> None:
    inquiry, ask = asked_for_longer_bars()
    inquiry.receive(ask, longer_bars(ask), START + 86_400)
    assert len(inquiry.answered)


def test_longer_bars_that_were_not_asked_for_are_no_witnesses() -> None:
    for slots in (1, 2, 3, 500):
        inquiry, ask = asked_for_longer_bars()
        assert ask.since_s is not None
        inquiry.receive(ask, np.array([ask.since_s - slots * ask.step_s]), START + 86_400)
        assert not len(inquiry.answered)


def test_longer_bars_with_a_row_that_may_be_anywhere_prove_nothing() -> None:
    inquiry, ask = asked_for_longer_bars()
    inquiry.receive(ask, longer_bars(ask), START + 86_400, unreadable=1)
    assert not len(inquiry.answered)


def test_longer_bars_leave_slots_next_to_a_row_off_the_grid_open() -> None:
    inquiry, ask = asked_for_longer_bars()
    strange = START + 40 * STEP + 7
    inquiry.receive(ask, longer_bars(ask), START + 86_400, off_grid=np.array([strange]))
    again = inquiry.next_ask()
    assert again is not None
    assert again.purpose is Purpose.COARSE
    inquiry.receive(again, longer_bars(again), START + 86_400)
    assert len(inquiry.answered)
    assert not inquiry.answered.contains(np.array([strange - 7])).any()


def test_bars_of_another_length_are_no_witnesses_for_longer_ones() -> None:
    inquiry, ask = asked_for_longer_bars()
    inquiry.receive(ask, longer_bars(ask), START + 86_400, off_grid=longer_bars(ask) + STEP)
    assert not len(inquiry.answered)


@pytest.mark.parametrize("early_slots", [1, 2])
def test_a_row_just_before_those_asked_for_is_no_witness(early_slots: int) -> None:
    inquiry = Inquiry(TimeRange(START, START + PAGE * STEP), GRID, NEWEST_FIRST, START + 86_400)
    ask = inquiry.next_ask()
    assert ask is not None
    cut = [START + 5 * STEP, START + 4 * STEP, START - early_slots * STEP]
    inquiry.receive(ask, np.array(cut), START + 86_400)
    assert inquiry.answered == Ranges.single(TimeRange(START + 4 * STEP, START + 6 * STEP))


@pytest.mark.parametrize("ahead_slots, believed", [(-1, True), (10, True), (12, True), (13, False), (9_000, False)])
def test_a_row_that_is_yet_to_open_on_every_clock_is_no_witness(ahead_slots: int, *, believed: bool) -> None:
    now_s = START + 50 * STEP
    inquiry = Inquiry(TimeRange(START, START + PAGE * STEP), GRID, ASCENDING, now_s, seen_s=0)
    while (ask := inquiry.next_ask()) is not None:
        rows = [now_s + ahead_slots * STEP] if ask.purpose is Purpose.WITNESS else []
        inquiry.receive(ask, np.array(rows, dtype=np.int64), now_s, exchange_now_s=now_s + 10 * STEP)
    assert bool(len(inquiry.answered)) is believed


@given(markets(), st.sampled_from(KNOWN), st.integers(0, 1200))
def test_a_local_clock_behind_costs_no_requests(
    market: tuple[set[int], int, TimeRange], api: BarApi, behind_s: int
) -> None:
    bars, now_s, window = market
    if window.end + 400 > now_s - behind_s:  # slots that are too young by one clock
        return
    exchanges = [NaiveExchange(bars | {GRID.floor(now_s)}, now_s, api) for _ in range(2)]
    punctual, late = (
        ask_all(exchange, window, api, local_now_s=now_s - lag)[0]
        for exchange, lag in zip(exchanges, (0, behind_s), strict=True)
    )
    assert late.answered == punctual.answered
    assert len(exchanges[1].asks) == len(exchanges[0].asks)


def test_a_clock_behind_keeps_bars_that_may_still_form_out() -> None:
    bars = {START + k * STEP for k in range(20)}
    exchange = NaiveExchange(bars, START + 20 * STEP, ASCENDING)
    inquiry, kept = ask_all(
        exchange, TimeRange(START, START + 20 * STEP), ASCENDING, local_now_s=START + 10 * STEP + 59
    )
    assert max(kept) == START + 9 * STEP
    assert inquiry.answered == Ranges.single(TimeRange(START, START + 10 * STEP))


def test_nothing_is_asked_about_the_future() -> None:
    inquiry = Inquiry(TimeRange(START, START + 600), GRID, ASCENDING, START + 59)
    assert inquiry.next_ask() is None
    assert not len(inquiry.answered)


def test_slots_before_a_known_listing_are_answered_without_asking() -> None:
    inquiry = Inquiry(TimeRange(START, START + 600), GRID, ASCENDING, START + 86_400, listed_s=START + 300)
    ask = inquiry.next_ask()
    assert ask is not None
    assert ask.since_s == START + 300
    assert inquiry.before_listing == Ranges.single(TimeRange(START, START + 300))
    assert inquiry.answered == inquiry.before_listing


def test_a_long_outage_of_a_newest_first_exchange_is_witnessed_by_longer_bars() -> None:
    api = replace(NEWEST_FIRST, page_bars=30)
    bars = {START + k * STEP for k in range(-30, 200) if not 23 <= k < 95}
    exchange = NaiveExchange(bars, START + 86_400, api)
    window = TimeRange(START, START + 120 * STEP)
    inquiry, _ = ask_all(exchange, window, api)
    assert inquiry.answered == Ranges.single(window)
    assert [ask.purpose for ask in exchange.asks].count(Purpose.PAGE) == 4
    assert [ask.step_s for ask in exchange.asks if ask.purpose is Purpose.COARSE] == [300]


def test_the_part_older_than_the_history_stays_unanswered() -> None:
    bars = {START + k * STEP for k in range(40)}
    exchange = NaiveExchange(bars, START + 40 * STEP, LATEST_ONLY)
    inquiry, kept = ask_all(exchange, TimeRange(START, START + 38 * STEP), LATEST_ONLY)
    assert min(kept) == START + 34 * STEP
    assert inquiry.answered == Ranges.single(TimeRange(START + 34 * STEP, START + 38 * STEP))
    assert closed_until(exchange.now_s, GRID) == START + 40 * STEP


def test_a_window_that_begins_before_1970_is_answered_in_whole_slots() -> None:
    week = 7 * 86_400
    grid = Grid(week, 4 * 86_400)  # weeks begin on Mondays, 1970 on a Thursday
    first = grid.ceil(0)
    bars = np.arange(3, 9, dtype=np.int64) * week + first
    window = TimeRange(grid.floor(0), first + 6 * week)
    for kind in (ASCENDING, NEWEST_FIRST):
        inquiry = Inquiry(window, grid, kind, 100 * week)
        while (ask := inquiry.next_ask()) is not None:
            assert ask.since_s is not None
            assert ask.since_s >= 0
            opens = bars[(bars >= ask.since_s) & (bars < (ask.until_s or 100 * week))]
            opens = opens[: ask.limit] if kind is ASCENDING else opens[::-1][: ask.limit]
            inquiry.receive(ask, opens, 100 * week)
        assert {edge % week for one in inquiry.answered for edge in (one.start, one.end)} == {first % week}
        assert inquiry.answered.clip(TimeRange(first + 3 * week, window.end)).seconds == 3 * week
        assert inquiry.answered.covers(TimeRange(first, window.end)) is (kind is ASCENDING)
