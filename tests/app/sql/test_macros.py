"""Macros against polars and against exact arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_lab.app.lab import Lab
from seamless_lab.app.sql.connection import Limits, closed_off, furnish_one
from seamless_lab.app.sql.macros import DECIMALS
from seamless_lab.core.backtest.crossover import Crossover
from seamless_lab.errors import SqlRefused
from tests.app.sql.conftest import Market
from tests.sealed_market import START, walk


def queried(frame: pl.DataFrame, query: str) -> pl.DataFrame:
    connection = closed_off(Limits())
    try:
        furnish_one(connection, "bars", "X/Y", frame)
        return connection.sql(query).pl()
    finally:
        connection.close()


def of_closes(closes: list[float]) -> pl.DataFrame:
    close = np.array(closes)
    ts = START + 60 * np.arange(close.size, dtype=np.int64)
    return pl.DataFrame({"ts": ts, "open": close, "high": close, "low": close, "close": close, "volume": close})


def test_returns_and_drawdown_are_those_of_polars(lab: Lab, market: Market) -> None:
    found = lab.sql(
        "SELECT ts, returns(close, ts) AS r, log_returns(close, ts) AS l, drawdown(close, ts) AS d FROM btc"
        " ORDER BY ts",
        market.pins,
    ).frame
    close = pl.col("close")
    expected = market.frames["BTC"].select(
        "ts",
        r=close / close.shift(1) - 1,
        l=(close / close.shift(1)).log(),
        d=close / close.cum_max() - 1,
    )
    assert found.select("ts", "r", "d").equals(expected.select("ts", "r", "d"))
    assert (found["l"] - expected["l"]).abs().max() < 1e-15
    assert found["r"].null_count() == 1


def test_the_mean_is_within_two_roundings_of_the_exact_one(lab: Lab, market: Market) -> None:
    found = lab.sql("SELECT sma(close, 7, ts) AS m FROM btc ORDER BY ts", market.pins).frame["m"].to_list()
    cents = [round(price * 100) for price in market.frames["BTC"]["close"].to_list()]
    for place, mean in enumerate(found):
        if place < 6:
            assert mean is None
            continue
        exact = Fraction(sum(cents[place - 6 : place + 1]), 700)
        assert abs(Fraction(mean) - exact) <= 2 * Fraction(float(np.spacing(float(exact))))


@pytest.mark.parametrize("price", [0.1, 30000.01, 67123.45, 0.00001234, 123456789.5, 1e-7, 5.0])
def test_the_mean_of_equal_prices_is_one_number(price: float) -> None:
    means = queried(of_closes([price] * 40), "SELECT sma(close, 20, ts) AS m FROM bars ORDER BY ts")["m"].drop_nulls()
    assert len(means) == 21
    assert means.n_unique() == 1
    assert means[0] == pytest.approx(price, rel=3e-16)


def test_equal_prices_never_cross() -> None:
    found = queried(of_closes([0.1, 0.3, 0.2] * 60), "SELECT crossover(close, 3, 6, ts, short := true) AS p FROM bars")
    assert set(found["p"].drop_nulls()) == {0}, "both means are 0.2, whatever floats make of them"


@settings(max_examples=40)
@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=6))
def test_a_number_is_taken_as_it_was_written(number: Decimal) -> None:
    kept = next(places for bound, places in DECIMALS.items() if abs(number) < bound)
    written = number.quantize(Decimal(1).scaleb(-kept)) if kept < 6 else number
    found = queried(of_closes([float(number)]), "SELECT __exact(close) AS q FROM bars")
    assert Decimal(int(found["q"][0])).scaleb(-18) == written


@pytest.mark.parametrize("bound, places", DECIMALS.items())
def test_the_decimals_that_are_kept_are_exact_up_to_the_bound(bound: float, places: int) -> None:
    largest = Decimal(bound) - Decimal(1).scaleb(-places)
    found = queried(of_closes([float(largest)]), "SELECT __exact(close) AS q FROM bars")["q"][0]
    assert Decimal(int(found)).scaleb(-18) == round(largest, places)


prices = st.lists(st.integers(1, 400), min_size=1, max_size=60)


@settings(max_examples=30)
@given(ticks=prices, decimals=st.integers(0, 8), fast=st.integers(1, 5), more=st.integers(1, 6), short=st.booleans())
def test_positions_are_decided_as_in_whole_numbers(
    ticks: list[int], decimals: int, fast: int, more: int, short: bool
) -> None:
    slow = fast + more
    frame = of_closes([tick / 10**decimals for tick in ticks])
    query = f"SELECT crossover(close, {fast}, {slow}, ts, short := {short}) AS p FROM bars ORDER BY ts"
    found = queried(frame, query)["p"].to_list()
    for place, position in enumerate(found):
        if place < slow - 1:
            assert position is None
            continue
        ahead = sum(ticks[place + 1 - fast : place + 1]) * slow - sum(ticks[place + 1 - slow : place + 1]) * fast
        assert position == (1 if ahead > 0 else -1 if ahead < 0 and short else 0)


@pytest.mark.parametrize("short", [False, True])
def test_positions_are_those_of_a_backtest(lab: Lab, market: Market, short: bool) -> None:
    query = f"SELECT crossover(close, 5, 20, ts, short := {short}) AS position FROM btc ORDER BY ts"
    found = lab.sql(query, market.pins).frame["position"]
    assert found.equals(Crossover(5, 20, short).positions(market.frames["BTC"]))


def test_a_universe_is_taken_symbol_by_symbol(lab: Lab, market: Market) -> None:
    whole = lab.sql(
        "SELECT symbol, ts, sma(close, 9, ts, per := symbol) AS m, crossover(close, 5, 20, ts, per := symbol) AS p,"
        " returns(close, ts, per := symbol) AS r, drawdown(close, ts, per := symbol) AS d"
        " FROM coins ORDER BY symbol, ts",
        market.pins,
    )
    assert whole.ordered
    alone = lab.sql(
        "SELECT 'BTC/USDT' AS symbol, ts, sma(close, 9, ts) AS m, crossover(close, 5, 20, ts) AS p,"
        " returns(close, ts) AS r, drawdown(close, ts) AS d FROM btc ORDER BY ts",
        market.pins,
    )
    assert whole.frame.filter(pl.col("symbol") == "BTC/USDT").equals(alone.frame)


@pytest.mark.parametrize(
    "fast, slow", [("96", "24"), ("24", "24"), ("4*24", "24"), ("slow := 24, fast := 96", None), ("96", "slow := 24")]
)
def test_a_fast_mean_that_is_not_the_faster_one_is_refused(
    lab: Lab, market: Market, fast: str, slow: str | None
) -> None:
    lengths = fast if slow is None else f"{fast}, {slow}"
    with pytest.raises(SqlRefused, match=r"crossover: fast is (96|24) and slow is 24; fast is the smaller one"):
        lab.sql(f"SELECT ts, crossover(close, {lengths}, ts := ts) AS p FROM btc ORDER BY ts", market.pins)


@pytest.mark.parametrize(
    "call, told",
    [
        ("sma(close, 2.5, ts)", "n is 2.5;"),
        ("sma(close, ts, ts)", "n is ts;"),
        ("sma(close, 0, ts)", "n is 0;"),
        ("sma(close, -3, ts)", "n is -3;"),
        ("sma(close, 24 - 24, ts)", "n is 24 - 24;"),
        ("sma(close, NULL, ts)", "n is NULL;"),
        ("sma(close, '5', ts)", "n is '5';"),
        ("sma(close, 1e1, ts)", "n is 1e1;"),
        ("sma(close, 5::DOUBLE, ts)", "n is "),
        ("sma(close, (SELECT 5), ts)", "n is "),
        (f"sma(close, {'9' * 6_000}, ts)", "n is 999"),
        ("sma(close, ts := ts, n := 2.5)", "n is 2.5;"),
        ("close.sma(2.5, ts)", "n is 2.5;"),
        ("btc.close.sma(2.5, ts)", "n is 2.5;"),
        ("main.sma(close, 2.5, ts)", "n is 2.5;"),
        ("SMA(close, 2.5, ts)", "n is 2.5;"),
        ("crossover(close, 2.5, 24, ts)", "fast is 2.5;"),
        ("crossover(close, 0, 24, ts)", "fast is 0;"),
        ("crossover(close, 5, volume, ts)", "slow is volume;"),
    ],
)
def test_a_length_that_is_no_whole_number_is_refused(lab: Lab, market: Market, call: str, told: str) -> None:
    with pytest.raises(SqlRefused, match="whole number from 1 to 1,000,000,000, written in the query") as refusal:
        lab.sql(f"SELECT {call} AS m FROM btc", market.pins)
    assert told in refusal.value.message
    assert len(refusal.value.message) < 200
    assert "(x, " in refusal.value.hint


def test_a_length_may_be_a_product_and_given_by_name(lab: Lab, market: Market) -> None:
    plain = lab.sql("SELECT ts, sma(close, 60, ts) AS m FROM btc ORDER BY ts", market.pins).frame["m"]
    for call in ("sma(close, 5 * 12, ts)", "close.sma(60, ts)", "main.sma(close, 60, ts)", "sma(close, ts:=ts, n:=60)"):
        found = lab.sql(f"SELECT ts, {call} AS m FROM btc ORDER BY ts", market.pins).frame["m"]
        assert found.equals(plain), call


def test_what_is_no_number_gives_no_mean() -> None:
    frame = of_closes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    found = queried(
        frame, "SELECT sma(ln(close - 3), 2, ts) AS m FROM (SELECT * FROM bars WHERE close > 3) ORDER BY ts"
    )
    assert found["m"].is_null().to_list() == [True, False, False]
    holes = queried(frame, "SELECT sma(nullif(close, 3.0), 2, ts) AS m FROM bars ORDER BY ts")["m"].to_list()
    assert holes == [None, 1.5, None, None, 4.5, 5.5]
    odd = queried(frame, "SELECT sma(CASE WHEN close = 3 THEN 'nan'::DOUBLE ELSE close END, 2, ts) AS m FROM bars")
    assert odd["m"].to_list() == [None, 1.5, None, None, 4.5, 5.5]


@pytest.mark.parametrize("step, every", [("5m", "5m"), ("15m", "15m"), ("1h", "1h"), ("1d", "1d"), ("1w", "1w")])
def test_resampled_bars_are_those_of_polars(lab: Lab, market: Market, step: str, every: str) -> None:
    found = lab.sql(f"SELECT * FROM resample(btc, '{step}') ORDER BY ts", market.pins).frame
    expected = (
        market.frames["BTC"]
        .with_columns(time=pl.from_epoch("ts").dt.replace_time_zone("UTC"))
        .group_by_dynamic("time", every=every)
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
            pl.col("volume").sum(), bars=pl.len().cast(pl.Int64),
        )
        .select(pl.col("time").dt.epoch("s").alias("ts"), pl.col("time").dt.cast_time_unit("us"), pl.exclude("time"))
    )  # fmt: skip
    assert found.equals(expected), "weeks open on Monday; volumes are whole numbers here"
    assert found["bars"].sum() == 600


def test_resampling_a_universe_keeps_symbols_apart(lab: Lab, market: Market) -> None:
    whole = lab.sql("SELECT * FROM resample('coins', '1h') ORDER BY symbol, ts", market.pins)
    alone = lab.sql("SELECT * FROM resample(eth, '1h') ORDER BY ts", market.pins).frame
    assert whole.ordered
    assert whole.frame.filter(pl.col("symbol") == "ETH/USDT").drop("symbol").equals(alone)


def test_resampling_leaves_out_what_has_no_bar() -> None:
    frame = walk(120, 60, 3)
    gap = pl.concat([frame.head(10), frame.tail(10)])
    found = queried(gap, "SELECT ts, bars FROM resample(bars, '30m') ORDER BY ts")
    assert found.rows() == [(START, 10), (START + 5_400, 10)]


@pytest.mark.parametrize("step", ["7m", "1M", "2w", "x", "0h", ""])
def test_a_step_that_has_no_place_in_the_day_is_refused(lab: Lab, market: Market, step: str) -> None:
    with pytest.raises(SqlRefused, match="resample") as refusal:
        lab.sql(f"SELECT * FROM resample(btc, '{step}')", market.pins)
    assert refusal.value.facts["line"] == 1


def test_a_step_finer_than_the_bars_is_refused(lab: Lab, market: Market) -> None:
    for step in ("30s", "1s"):
        with pytest.raises(SqlRefused, match="1m"):
            lab.sql(f"SELECT * FROM resample(btc, '{step}')", market.pins)
    assert lab.sql("SELECT * FROM resample(btc, '1m')", market.pins).rows == 600
