"""The vectorised sleeve against bookkeeping on paper."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seamless_lab.core.backtest.sleeve import Account, Costs, Sleeve, simulate, targets_of
from seamless_lab.core.backtest.trades import trades_of
from seamless_lab.errors import RequestError
from tests.core.backtest.naive import Paper, on_paper

STEP = 60
CLOSE = 1e-9

prices = st.integers(50, 200).map(lambda ticks: ticks / 10)
wild = st.integers(1, 4000).map(lambda ticks: ticks / 10)
targets = st.one_of(st.none(), st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.25, 1 / 3]))
costs = st.sampled_from([(0.0, 0.0), (10.0, 0.0), (0.0, 25.0), (7.5, 3.0), (1000.0, 1000.0)])


@st.composite
def markets(draw, price=prices):
    count = draw(st.integers(0, 24))
    column = st.lists(price, min_size=count, max_size=count)
    return draw(column), draw(column), draw(st.lists(targets, min_size=count, max_size=count))


def run(opens, closes, positions, fee_bps=0.0, slippage_bps=0.0, capital=1.0):
    ts = np.arange(len(opens), dtype=np.int64) * STEP
    wanted = targets_of(pl.Series(positions, dtype=pl.Float64), pl.Series(ts), "btc")
    charged = Costs(fee_bps, slippage_bps)
    opened, closed = np.array(opens, dtype=float), np.array(closes, dtype=float)
    sleeve = simulate(opened, closed, wanted, charged, capital)
    return sleeve, trades_of(sleeve, ts, closed, charged), Account.of(sleeve.fills, charged)


def assert_agree(paper: Paper, sleeve: Sleeve, trades: pl.DataFrame, account: Account) -> None:
    assert sleeve.ruined == paper.ruined
    assert sleeve.waiting == paper.waiting
    assert sleeve.equity.tolist() == pytest.approx([float(value) for value in paper.equity], rel=CLOSE, abs=1e-12)
    assert account.traded == pytest.approx(float(paper.traded), rel=CLOSE, abs=1e-12)
    assert account.fees == pytest.approx(float(paper.fees), rel=CLOSE, abs=1e-12)
    assert account.slippage == pytest.approx(float(paper.slippage), rel=CLOSE, abs=1e-12)
    assert trades["side"].to_list() == ["long" if trip.side > 0 else "short" for trip in paper.trips]
    assert trades["entry_ts"].to_list() == [trip.entry * STEP for trip in paper.trips]
    assert trades["exit_ts"].to_list() == [None if trip.exit is None else trip.exit * STEP for trip in paper.trips]
    assert trades["ended"].to_list() == [trip.ended for trip in paper.trips]
    assert trades["fills"].to_list() == [trip.fills + (trip.ended == "signal") for trip in paper.trips]
    if paper.ruined is None:
        assert trades["costs"].to_list() == pytest.approx([float(t.costs) for t in paper.trips], rel=1e-6, abs=1e-9)
    gains = [float(trip.equity_out - trip.equity_in) for trip in paper.trips]
    assert trades["pnl"].to_list() == pytest.approx(gains, rel=1e-6, abs=1e-9)


@given(markets(), costs)
def test_equity_trades_and_costs_are_those_of_paper(market, charged):
    opens, closes, positions = market
    paper = on_paper(opens, closes, positions, fee_bps=charged[0], slippage_bps=charged[1], capital=3.0)
    assert_agree(paper, *run(opens, closes, positions, *charged, capital=3.0))


SPENT = ([0.1] * 4 + [22.7, 0.1, 0.1, 113.3], [0.1] * 8, [None, None, None, -0.25, None, None, 0.0, None])
"""A short that has something left at the last open, but less than closing it costs."""


@example(SPENT, (0.0, 25.0))
@given(markets(wild), costs)
def test_a_short_that_loses_everything_ends_the_sleeve_as_on_paper(market, charged):
    opens, closes, positions = market
    paper = on_paper(opens, closes, positions, fee_bps=charged[0], slippage_bps=charged[1])
    on_the_edge = [value for value in paper.equity if 0 < abs(value) < Fraction(1, 10**9)]
    if not on_the_edge:  # where a fraction decides about zero, floats may decide otherwise
        assert_agree(paper, *run(opens, closes, positions, *charged))


@given(markets())
def test_no_costs_and_no_position_leave_the_capital_as_it_is(market):
    opens, closes, positions = market
    sleeve, trades, account = run(opens, closes, [None if p is None else 0.0 for p in positions], 10, 10)
    assert (sleeve.equity == 1.0).all()
    assert trades.is_empty()
    assert account.traded == 0


def test_a_signal_is_executed_at_the_open_of_the_next_bar():
    sleeve, trades, _ = run([10, 20, 30, 40], [11, 22, 33, 44], [1, 1, 0, 0])
    assert sleeve.equity.tolist() == pytest.approx([1, 22 / 20, 33 / 20, 40 / 20])
    assert trades.select("entry_ts", "exit_ts", "entry_price", "exit_price", "bars").row(0) == (60, 180, 20, 40, 2)


def test_the_signal_of_the_last_bar_waits():
    sleeve, trades, _ = run([10, 20], [11, 22], [0, 1])
    assert (sleeve.waiting, trades.height) == (1.0, 0)


def test_the_same_target_again_is_no_trade_although_the_position_drifted():
    sleeve, _, account = run([10, 10, 20, 40], [10, 20, 40, 80], [0.5, 0.5, 0.5, None], fee_bps=100)
    assert len(sleeve.fills) == 1
    assert account.fees == pytest.approx(0.01 * 0.5 * sleeve.equity[0] / (1 + 0.01 * 0.5))


def test_costs_leave_the_position_exactly_at_its_target():
    sleeve, _, _ = run([10, 10, 10], [10, 10, 10], [1, 1, 1], fee_bps=100, slippage_bps=50)
    # one unit of capital buys 1 / (10 * 1.005 * 1.01) units
    assert sleeve.equity[-1] == pytest.approx(1 / (1.005 * 1.01))


def test_a_flip_closes_one_trade_and_opens_the_next_with_costs_of_its_own():
    _, trades, account = run([10] * 4, [10] * 4, [1, -1, -1, -1], fee_bps=100)
    assert trades["side"].to_list() == ["long", "short"]
    assert trades["exit_ts"].to_list() == [120, None]
    assert sum(trades["costs"]) == pytest.approx(account.fees)
    assert trades["ended"].to_list() == ["signal", "open"]


def test_a_short_that_doubles_is_ruin_and_nothing_is_traded_afterwards():
    sleeve, trades, _ = run([10, 10, 10, 10, 10], [10, 10, 20, 10, 10], [-1, -1, 1, 1, 1])
    assert sleeve.ruined == 2
    assert sleeve.equity.tolist() == [1, 1, 0, 0, 0]
    assert trades.select("ended", "exit_ts", "exit_price", "return").rows() == [("ruin", 120, 20, -1)]


@pytest.mark.parametrize("wrong", [1.5, -1.01, float("nan"), float("inf")])
def test_leverage_and_what_is_no_number_are_refused_with_their_bar(wrong):
    with pytest.raises(RequestError, match=r"for btc at 1970-01-01T00:01Z is .* without leverage"):
        targets_of(pl.Series([0.0, wrong]), pl.Series([0, 60]), "btc")


def test_positions_that_are_no_numbers_are_refused():
    with pytest.raises(RequestError, match="type String"):
        targets_of(pl.Series(["long"]), pl.Series([0]), "btc")


def test_booleans_and_integers_are_positions():
    ts = pl.Series([0, 60, 120])
    assert targets_of(pl.Series([True, None, False]), ts, "btc").tolist() == [1, 1, 0]
    assert targets_of(pl.Series([-1, None, 1], dtype=pl.Int8), ts, "btc").tolist() == [-1, -1, 1]
    assert targets_of(pl.Series([None, None, None]), ts, "btc").tolist() == [0, 0, 0]


@pytest.mark.parametrize("wrong", [-1.0, 1000.5, float("nan")])
def test_costs_are_basis_points_in_bounds(wrong):
    with pytest.raises(RequestError, match="basis points"):
        Costs(fee_bps=wrong)
    with pytest.raises(RequestError, match="basis points"):
        Costs(slippage_bps=wrong)
