"""Metrics by their definitions, and sleeves added up over a window."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.backtest.performance import (
    DAY_S,
    Drawdown,
    Ratios,
    TradeCounts,
    peaks_of,
    returns_of,
)
from seamless_lab.core.backtest.portfolio import Calendar, Portfolio
from seamless_lab.core.grid import Grid
from seamless_lab.core.time import TimeRange

equities = st.lists(st.integers(1, 12).map(float), max_size=30)
NO_DRAWDOWN = Drawdown(0.0, 0)


def drawdown_on_paper(equity):
    peak, since, depth, longest = 6.0, -1, 0.0, 0
    for place, value in enumerate(equity):
        if value >= peak:
            longest = max(longest, place - since) if place - since > 1 else longest
            peak, since = value, place
        else:
            depth = max(depth, 1 - value / peak)
            longest = max(longest, place - since)
    return depth, longest


@given(equities)
def test_the_drawdown_is_that_of_paper(equity):
    found = Drawdown.of(np.array(equity), 6.0, 60)
    depth, longest = drawdown_on_paper(equity)
    assert found.depth == pytest.approx(depth)
    assert found.longest_s == longest * 60
    assert peaks_of(np.array(equity), 6.0).tolist() == [max([6.0, *equity[: n + 1]]) for n in range(len(equity))]


@given(equities)
def test_returns_compound_to_the_equity(equity):
    returns = returns_of(np.array(equity), 6.0)
    assert math.prod(1 + value for value in returns.tolist()) == pytest.approx((equity or [6.0])[-1] / 6)


def test_returns_after_ruin_are_zero():
    assert returns_of(np.array([0.5, 0.0, 0.0]), 1.0).tolist() == [-0.5, -1.0, 0.0]


@given(st.lists(st.integers(-50, 50).map(lambda n: n / 1000), min_size=2, max_size=40))
def test_ratios_follow_their_definitions(daily):
    growth = math.prod(1 + value for value in daily)
    found = Ratios.of(daily, growth, len(daily) * DAY_S, Drawdown(0.25, DAY_S))
    deviation = statistics.stdev(daily)
    assert found.total_return == growth - 1
    assert found.cagr == pytest.approx(growth ** (365 / len(daily)) - 1)
    assert found.volatility == pytest.approx(deviation * math.sqrt(365), abs=1e-12)
    if deviation > 1e-12:
        assert found.sharpe == pytest.approx(statistics.fmean(daily) / deviation * math.sqrt(365), abs=1e-9)
    downside = math.sqrt(statistics.fmean([min(value, 0) ** 2 for value in daily]))
    if downside:
        assert found.sortino == pytest.approx(statistics.fmean(daily) / downside * math.sqrt(365), abs=1e-9)
    else:
        assert found.sortino is None
    assert found.calmar == pytest.approx(found.cagr / 0.25)


def test_what_has_no_meaning_is_none():
    flat = Ratios.of([0.0, 0.0], 1.0, 2 * DAY_S, NO_DRAWDOWN)
    assert (flat.sharpe, flat.sortino, flat.calmar, flat.volatility) == (None, None, None, 0.0)
    one = Ratios.of([0.1], 1.1, DAY_S, NO_DRAWDOWN)
    assert (one.volatility, one.sharpe) == (None, None)
    assert Ratios.of([1e6], 1e6 + 1, 60, NO_DRAWDOWN).cagr is None  # beyond any float
    assert Ratios.of([-1.0], 0.0, DAY_S, Drawdown(1.0, 0)).cagr == -1.0


def test_trades_win_and_lose():
    assert TradeCounts.of(np.array([3.0, -1.0, 0.0, -0.5])) == TradeCounts(4, 0.25, 2.0)
    assert TradeCounts.of(np.array([1.0])) == TradeCounts(1, 1.0, None)
    assert TradeCounts.of(np.empty(0)) == TradeCounts(0, None, None)


@given(st.sets(st.integers(0, 19)), st.sampled_from([3600, 6 * 3600, DAY_S, 7 * DAY_S]), st.integers(0, 40))
def test_equity_is_carried_over_slots_without_a_bar_and_to_the_ends_of_days(slots, step, offset):
    grid = Grid(step)
    start = grid.floor(offset * 3600)
    calendar = Calendar(grid, TimeRange(start, start + 20 * step))
    places = sorted(slots)
    ts = np.array([start + place * step for place in places], dtype=np.int64)
    equity = np.array([1.0 + place for place in places])
    spread = calendar.spread(ts, equity, 0.5)
    naive = []
    for place in range(20):
        naive.append(1.0 + place if place in slots else naive[-1] if naive else 0.5)
    assert spread.tolist() == naive

    days = calendar.days.tolist()
    assert days[0] <= start < days[0] + DAY_S
    assert days[-1] < start + 20 * step <= days[-1] + DAY_S
    closes = [start + (place + 1) * step for place in range(20)]
    by_day = [[v for c, v in zip(closes, naive, strict=True) if c <= day + DAY_S] for day in days]
    assert calendar.at_days(spread, 0.5).tolist() == [values[-1] if values else 0.5 for values in by_day]


def test_a_portfolio_is_the_sum_of_its_sleeves_and_knows_which_slots_had_a_bar():
    calendar = Calendar(Grid(60), TimeRange(0, 240))
    portfolio = Portfolio(calendar)
    for times, values in (([0, 120], [1.0, 2.0]), ([120], [5.0])):
        ts = np.array(times, dtype=np.int64)
        portfolio.add(ts, calendar.spread(ts, np.array(values), 0.25), 0.25)
    assert portfolio.capital == 0.5
    assert portfolio.equity.tolist() == [1.25, 1.25, 7.0, 7.0]
    assert portfolio.seen.tolist() == [True, False, True, False]
