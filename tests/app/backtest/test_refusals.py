"""What `Lab.backtest` refuses: inputs, strategies, answers and costs."""

from __future__ import annotations

import polars as pl
import pytest

from seamless_lab import crossover
from seamless_lab.errors import (
    DataError,
    GapsRefused,
    InvalidSql,
    NotSealed,
    RequestError,
)
from tests.app.backtest.market import HOUR, SLOTS, above, ref, three
from tests.sealed_market import START, seal, walk


def test_what_is_not_sealed_is_refused_with_the_reference_to_use(lab):
    with pytest.raises(NotSealed) as refused:
        lab.backtest(above, pins={"btc": "ohlcv:binance:BTC/USDT:1h"})
    assert ref(lab, "BTC") in refused.value.hint
    with pytest.raises(NotSealed):
        lab.backtest(above, pins={"btc": "ohlcv:binance:BTC/USDT:1h@latest"})


def test_bars_without_a_reference_are_refused(lab):
    fetched = lab.fetch(ref(lab, "BTC"), "2024-01-10", domain="research")
    with pytest.raises(RequestError, match="nothing vouches for") as refused:
        lab.backtest(above, pins={"btc": fetched})
    assert fetched.ref in refused.value.hint
    with pytest.raises(RequestError, match="a DataFrame"):
        lab.backtest(above, pins=fetched.frame)


def test_different_timeframes_windows_names_and_nothing_are_refused(lab):
    with pytest.raises(RequestError, match="one timeframe"):
        lab.backtest(above, pins={"a": ref(lab, "BTC"), "b": ref(lab, "BTC", "1m")})
    with pytest.raises(RequestError, match="at least one reference"):
        lab.backtest(above, pins={})
    with pytest.raises(RequestError, match="Two of the pins"):
        lab.backtest(above, pins=[ref(lab, "BTC"), ref(lab, "BTC")])
    with pytest.raises(NotSealed, match="was asked for"):
        lab.backtest(above, pins=three(lab), start="2023-12-01", end="2024-01-20")


def test_different_windows_are_refused_with_the_common_one(lab, home):
    short = seal(home, "SHORT/USDT", walk(240, HOUR, 3, start=START + 86_400))
    with pytest.raises(RequestError, match="over one window") as refused:
        lab.backtest(above, pins={"btc": ref(lab, "BTC"), "short": short})
    assert "start='2024-01-02T00:00Z', end='2024-01-12T00:00Z'" in refused.value.hint


def test_slots_without_an_answer_are_refused_unless_allowed(lab):
    with pytest.raises(GapsRefused, match=r"31 slots .* have no answer, in 2 stretches") as refused:
        lab.backtest(above, pins={"gap": ref(lab, "GAP")})
    command = f"seamless backfill {lab.place} ohlcv:binance:GAP/USDT:1h --start 2024-01-05T04:00Z"
    assert command in refused.value.hint
    assert lab.backtest(above, pins={"gap": ref(lab, "GAP")}, allow_gaps=True).equity.height == SLOTS - 31
    assert lab.backtest(above, pins={"quiet": ref(lab, "QUIET")}).equity.height < SLOTS


def test_a_window_without_a_bar_is_refused(lab, home):
    frame = walk(48, HOUR, 5).filter(pl.col("ts") >= START + 86_400)
    listed_late = seal(home, "LATE/USDT", pl.concat([walk(1, HOUR, 5), frame]), slots=48)
    with pytest.raises(DataError, match="has no bar in"):
        lab.backtest(above, pins={"late": listed_late}, start="2024-01-01T06:00", end="2024-01-01T12:00")


def test_prices_that_give_no_return_are_refused(lab, home):
    frame = walk(48, HOUR, 5).with_columns(open=pl.when(pl.col("ts") == START + 7_200).then(-1.0).otherwise("open"))
    odd = seal(home, "ODD/USDT", frame)
    with pytest.raises(DataError, match=r"the open of 2024-01-01T02:00Z is -1.0"):
        lab.backtest(above, pins={"odd": odd})


@pytest.mark.parametrize("given", [None, 3, [1], "text that is no strategy", ""])
def test_what_is_no_strategy_is_refused(lab, given):
    with pytest.raises((RequestError, InvalidSql)):
        lab.backtest(given, pins=three(lab))


@pytest.mark.parametrize(
    "strategy, problem",
    [
        (lambda bars: 1, "a value of type int"),
        (lambda bars: bars["close"].head(3), "3 positions for the"),
        (lambda bars: bars.select("close"), "one of them must be position"),
        (lambda bars: bars.select(position=pl.lit(1)).head(3), "without ts"),
        (lambda bars: bars.select(pl.col("ts") + 1, position=1), "and no bar opens then"),
        (lambda bars: pl.concat([bars, bars]).select("ts", position=1), "twice"),
        (lambda bars: bars.select(ts="time", position=1), "epoch seconds"),
        (lambda bars: pl.lit("long"), "type String"),
        (lambda bars: pl.lit(1.5), "for btc at 2024-01-01T00:00Z is 1.5"),
        (lambda bars: pl.lit(float("nan")), "is nan"),
    ],
)
def test_answers_that_are_no_positions_are_refused(lab, strategy, problem):
    with pytest.raises(RequestError, match=problem):
        lab.backtest(strategy, pins=three(lab))


def test_what_a_strategy_raises_comes_with_its_symbol(lab):
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as raised:
        lab.backtest(lambda bars: pl.col("clos"), pins=three(lab))
    assert "on btc, 2,400 bars" in raised.value.__notes__[0]


@pytest.mark.parametrize("capital", [1e308, 1e19, 10**400, 1e-13, 5e-324, float("nan"), -1])
def test_a_capital_that_no_result_could_be_computed_of_is_refused(lab, capital):
    with pytest.raises(RequestError, match=r"capital is (a number of more than 300 digits|.*from 1e-12 to 1e\+18)"):
        lab.backtest(crossover(2, 3), pins=ref(lab, "BTC"), capital=capital)
    with pytest.raises(RequestError, match="is a number of more than 300 digits"):
        lab.backtest(crossover(2, 3), pins=ref(lab, "BTC"), fee_bps=10**5_000)


def test_the_largest_and_the_smallest_capital_give_the_ratios_of_any_other(lab):
    alone, *others = [lab.backtest(crossover(2, 3), pins=ref(lab, "BTC"), capital=each) for each in (1, 1e18, 1e-12)]
    for other in others:
        assert other.metrics.sharpe == pytest.approx(alone.metrics.sharpe)
        assert other.metrics.max_drawdown == pytest.approx(alone.metrics.max_drawdown)


def test_costs_and_capital_out_of_bounds_are_refused(lab):
    for wrong in ({"fee_bps": -1}, {"slippage_bps": 5_000}, {"capital": 0}, {"capital": float("inf")}):
        with pytest.raises(RequestError):
            lab.backtest(above, pins=three(lab), **wrong)
