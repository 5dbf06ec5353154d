"""`Lab.backtest` on sealed stores: what it gives, and how it is shown."""

from __future__ import annotations

import json
import math
import threading

import polars as pl
import pytest

from seamless_lab import crossover
from seamless_lab.app.render.text import Look, render
from tests.app.backtest.market import HOUR, SLOTS, above, bars_of, close, ref, three
from tests.core.backtest.naive import on_paper
from tests.sealed_market import START, seal, walk


@pytest.mark.parametrize("symbol", ["BTC", "QUIET"])
def test_a_portfolio_of_one_is_what_paper_says(lab, symbol):
    result = lab.backtest(crossover(12, 48, short=True), pins=ref(lab, symbol), fee_bps=10, slippage_bps=5, capital=500)
    bars = bars_of(lab, symbol)
    positions = crossover(12, 48, short=True).positions(bars).to_list()
    paper = on_paper(
        bars["open"].to_list(), bars["close"].to_list(), positions, fee_bps=10, slippage_bps=5, capital=500
    )
    assert result.equity["ts"].to_list() == bars["ts"].to_list()
    assert result.equity["equity"].to_list() == pytest.approx([float(value) for value in paper.equity], rel=1e-9)
    closed = [trip for trip in paper.trips if trip.ended == "signal"]
    assert result.metrics.trades == len(closed)
    gains = [float(trip.equity_out - trip.equity_in) for trip in closed]
    won, lost = sum(g for g in gains if g > 0), -sum(g for g in gains if g < 0)
    assert result.metrics.profit_factor == pytest.approx(won / lost)
    assert result.metrics.win_rate == sum(g > 0 for g in gains) / len(gains)
    assert result.metrics.fees == pytest.approx(float(paper.fees))
    assert result.metrics.slippage == pytest.approx(float(paper.slippage))
    assert result.trades.height == len(paper.trips)


def test_a_portfolio_is_the_sum_of_independent_sleeves(lab):
    pins = three(lab)
    whole = lab.backtest(above, pins=pins, fee_bps=10, capital=3)
    alone = [lab.backtest(above, pins={name: pins[name]}, fee_bps=10, capital=1) for name in sorted(pins)]
    summed = alone[0].equity["equity"] + alone[1].equity["equity"] + alone[2].equity["equity"]
    assert whole.equity["equity"].to_list() == summed.to_list()
    assert whole.symbols["symbol"].to_list() == ["btc", "eth", "sol"]
    assert whole.symbols["total_return"].to_list() == [one.metrics.total_return for one in alone]
    assert whole.trades.height == sum(one.trades.height for one in alone)
    assert whole.metrics.fees == pytest.approx(sum(one.metrics.fees for one in alone))


def test_a_portfolio_that_never_trades_keeps_its_capital_to_the_last_bit(lab, home):
    refs = {f"s{number}": ref(lab, "BTC") for number in range(10)}  # ten times 0.1 is not 1
    result = lab.backtest(lambda bars: pl.lit(0), pins=refs)
    assert result.metrics.total_return == 0
    assert result.metrics.max_drawdown == result.metrics.max_drawdown_days == 0
    assert result.metrics.calmar is None
    assert (result.equity["drawdown"] == 0).all()


def test_frames_hang_together(lab):
    result = lab.backtest(above, pins=three(lab), fee_bps=5)
    equity, returns = result.equity, result.returns
    assert math.prod(1 + value for value in equity["returns"]) == pytest.approx(result.metrics.total_return + 1)
    assert math.prod(1 + value for value in returns["returns"]) == pytest.approx(result.metrics.total_return + 1)
    assert -equity["drawdown"].min() == pytest.approx(result.metrics.max_drawdown)
    assert returns.height == 100
    assert returns["equity"][-1] == equity["equity"][-1]
    assert equity["time"].dtype == pl.Datetime("us", "UTC")
    assert result.trades["entry_time"].dtype == pl.Datetime("us", "UTC")
    assert result.trades["pnl"].sum() == pytest.approx(result.metrics.total_return)
    assert result.trades.sort("symbol", "entry_time", maintain_order=True).equals(result.trades)


def test_daily_returns_go_to_pandas_with_a_utc_index(lab):
    series = lab.backtest(above, pins=three(lab)).to_pandas()
    assert str(series.index.tz) == "UTC"
    assert (series.index[1] - series.index[0]).days == 1
    assert series.name == "returns"


def test_holding_is_one_constant(lab):
    result = lab.backtest(lambda bars: pl.lit(1), pins=ref(lab, "BTC"))
    assert result.trades.select("ended", "fills", "bars").rows() == [("open", 1, SLOTS - 1)]
    assert result.metrics.trades == 0  # none was closed


def test_positions_may_come_as_expression_series_or_frame(lab):
    pins = three(lab)
    kinds = [
        lambda bars: (close > close.rolling_mean(24)).cast(pl.Float64),
        lambda bars: bars.select(above(bars))["close"],
        lambda bars: bars.select("ts", position=above(bars)),
        lambda bars: bars.select(position=above(bars)).to_series().to_frame(),
        lambda bars: bars.select("ts", position=above(bars)).reverse(),
    ]
    equities = [lab.backtest(kind, pins=pins).equity for kind in kinds]
    assert all(one.equals(equities[0]) for one in equities)


def test_a_frame_may_leave_bars_out_which_keep_what_is_held(lab):
    def daily(bars):
        return bars.select("ts", "time", position=above(bars)).filter(pl.col("time").dt.hour() == 5)

    def same(bars):
        return pl.when(pl.col("time").dt.hour() == 5).then(above(bars))

    assert lab.backtest(daily, pins=three(lab)).equity.equals(lab.backtest(same, pins=three(lab)).equity)


def test_the_window_can_be_narrowed_and_nothing_outside_is_seen(lab):
    seen = []

    def spy(bars):
        seen.append((bars["ts"].min(), bars["ts"].max()))
        return pl.lit(0)

    result = lab.backtest(spy, pins=three(lab), start="2024-01-10", end="2024-01-20")
    assert min(first for first, _ in seen) == START + 9 * 86_400
    assert max(last for _, last in seen) == START + 19 * 86_400 - HOUR
    assert result.returns.height == 10


def test_the_view_is_deterministic_within_the_width_and_json_safe(lab):
    first, second = (lab.backtest(crossover(10, 40), pins=three(lab), fee_bps=5) for _ in range(2))
    assert first.to_text() == second.to_text()
    assert first._repr_html_() == second._repr_html_()
    assert json.loads(json.dumps(first.to_dict(), allow_nan=False))["digest"] == first.digest
    assert "crossover(10, 40)" in first.to_text()
    assert first.digest in first.to_text()
    assert max(map(len, first.to_text().splitlines())) <= 120
    assert render(first.view(), Look(unicode=False)).isascii()
    assert first.exit_code == 0


def test_what_to_be_careful_about_is_said(lab):
    text = lab.backtest(lambda bars: close > 0, pins=three(lab), start="2024-01-01", end="2024-01-05").to_text()
    assert "4.0 days are little to annualise from" in text
    assert "none: no fee and no slippage were asked for" in text


def test_a_ruined_sleeve_is_said_and_ends(lab, home):
    doubling = walk(240, HOUR, 5).with_columns(
        (pl.col(name) * (1 + pl.int_range(pl.len()) // 100)).alias(name) for name in ("open", "high", "low", "close")
    )
    pump = seal(home, "PUMP/USDT", doubling)
    result = lab.backtest(lambda bars: pl.lit(-1), pins={"pump": pump})
    assert "a short had lost everything on 2024-01-" in result.to_text()
    assert result.metrics.total_return == -1
    assert result.metrics.cagr == -1
    assert result.symbols["ruined_time"].null_count() == 0
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_signal_that_waits_is_said(lab):
    def at_the_end(bars):
        return pl.col("ts") >= START + (SLOTS - 1) * HOUR

    result = lab.backtest(at_the_end, pins=three(lab))
    assert "The last bar's signal was not executed, as no bar follows: btc, eth, sol." in result.to_text()
    assert result.symbols["waiting"].to_list() == [1, 1, 1]


def test_that_no_position_was_ever_held_is_said(lab):
    result = lab.backtest(crossover(2, SLOTS), pins=three(lab))
    assert "No position was ever held: btc, eth, sol." in result.to_text()
    assert "No position" not in lab.backtest(crossover(2, 9), pins=three(lab)).to_text()


def test_the_strategy_runs_on_our_threads_and_none_is_left(lab):
    lab.backtest(above, pins=three(lab))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seamless-backtest")]
