"""A strategy that sees the future is found and named; one that does not is let through."""

from __future__ import annotations

import random

import polars as pl
import pytest

from seamless_lab.errors import (
    LookAhead,
    NotRepeatable,
)
from tests.app.backtest.market import above, bars_of, close, three


def centred(bars):
    mean = bars.select(close.rolling_mean(25, center=True)).to_series()
    return (bars["close"] > mean).fill_null(value=False)


LEAKS = {
    "the next bar": lambda bars: close.shift(-1) > close,
    "the next bar, filled": lambda bars: (close.shift(-1) > close).fill_null(value=False),
    "the next change": lambda bars: close.diff().shift(-1) > 0,
    "the mean of all": lambda bars: close > close.mean(),
    "normalised by all": lambda bars: ((close - close.mean()) / close.std()).clip(-1, 1),
    "the best bar of all": lambda bars: close > close.quantile(0.9),
    "a centred window": centred,
    "backward fill": lambda bars: (
        pl.when(pl.col("ts") % 86_400 == 0).then(close).fill_null(strategy="backward") > close
    ),
    "the day's close": lambda bars: close.last().over(pl.col("time").dt.date()) > close,
    "reversed": lambda bars: close.reverse().rolling_mean(9).reverse() > close,
    "the number of bars": lambda bars: pl.int_range(pl.len()) > pl.len() / 2,
    "the last bar": lambda bars: bars["ts"] < bars["ts"].max(),
}


@pytest.mark.parametrize("strategy", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("symbols", [1, 3])
def test_look_ahead_is_found_and_named(lab, strategy, symbols):
    pins = dict(list(three(lab).items())[:symbols])
    with pytest.raises(LookAhead, match=r"looks ahead: for the bar of \w+ at 2024-") as refused:
        lab.backtest(strategy, pins=pins)
    assert refused.value.facts["ts"] <= refused.value.facts["known_until"]
    assert refused.value.exit_code == 1


def test_one_symbol_is_enough_to_be_found(lab):
    first = bars_of(lab, "SOL")["close"][0]

    def knows_one(bars):
        return close.max() > close if bars["close"][0] == first else close > 0

    with pytest.raises(LookAhead, match="the bar of sol at"):
        lab.backtest(knows_one, pins=three(lab))


CAUSAL = {
    "rolling": above,
    "exponential": lambda bars: close.ewm_mean(span=20) > close.ewm_mean(span=90),
    "expanding": lambda bars: close > close.cum_max().shift(1) * 0.99,
    "deviations": lambda bars: ((close - close.rolling_mean(48)) / close.rolling_std(48)).clip(-1, 1).fill_nan(0),
    "forward fill": lambda bars: pl.when(pl.col("ts") % 86_400 == 0).then(close).fill_null(strategy="forward") < close,
    "yesterday": lambda bars: close.shift(24) < close,
    "the day so far": lambda bars: close.cum_max().over(pl.col("time").dt.date()) <= close,
}


@pytest.mark.parametrize("strategy", CAUSAL.values(), ids=CAUSAL)
def test_what_does_not_look_ahead_is_let_through(lab, strategy):
    assert lab.backtest(strategy, pins=three(lab)).trades.height > 0


def test_random_numbers_are_named_as_such(lab):
    with pytest.raises(NotRepeatable, match="two different positions for the same bars of btc"):
        lab.backtest(lambda bars: pl.Series([random.random() for _ in range(bars.height)]), pins=three(lab))


def test_the_check_can_be_left_out_and_the_result_says_so(lab):
    result = lab.backtest(lambda bars: close.shift(-1) > close, pins=three(lab), check_lookahead=False)
    assert "not checked for look-ahead" in result.to_text()
