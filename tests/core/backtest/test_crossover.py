"""Moving averages compared exactly: prices as ticks, and the crossover against decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.backtest.crossover import Crossover
from seamless_lab.core.backtest.ticks import BLOCK, ticks_of
from seamless_lab.errors import DataError, RequestError


@st.composite
def decimal_prices(draw):
    decimals = draw(st.integers(0, 10))
    ticks = draw(st.lists(st.integers(1, 10**5), max_size=40))
    return [f"{Decimal(tick).scaleb(-decimals):f}" for tick in ticks]


@given(decimal_prices())
def test_ticks_are_what_the_decimal_text_says(texts):
    ticks, decimals = ticks_of(np.array([float(text) for text in texts]))
    assert [Fraction(tick, 10**decimals) for tick in ticks.tolist()] == [Fraction(text) for text in texts]


@given(st.integers(1, 10**15), st.integers(0, 15))
def test_a_price_of_fifteen_digits_is_read_exactly(tick, decimals):
    text = f"{Decimal(tick).scaleb(-decimals):f}"
    ticks, found = ticks_of(np.array([float(text)]))
    assert Fraction(int(ticks[0]), 10**found) == Fraction(text)


def test_decimals_are_the_fewest_that_write_every_price():
    assert ticks_of(np.array([1.0, 2.5, 3.25]))[1] == 2
    assert ticks_of(np.array([100.0]))[1] == 0


@pytest.mark.parametrize(
    "prices, problem",
    [([100.0, 1 / 3], "The price 0.333"), ([1e-12, 123_456_789.0], "from 1e-12 to 123456789.0 have no tick in common")],
)
def test_prices_that_are_no_decimals_are_refused(prices, problem):
    with pytest.raises(DataError, match=problem):
        ticks_of(np.array(prices))


def naive(texts, fast, slow, *, short):
    positions = []
    for place in range(len(texts)):
        if place + 1 < slow:
            positions.append(None)
            continue
        exact = [Fraction(text) for text in texts[: place + 1]]
        quick, calm = sum(exact[-fast:]) / fast, sum(exact[-slow:]) / slow
        positions.append(1 if quick > calm else -1 if short and quick < calm else 0)
    return positions


@given(decimal_prices(), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_the_crossover_is_that_of_fractions(texts, fast, more, short):
    bars = pl.DataFrame({"close": [float(text) for text in texts]}, schema={"close": pl.Float64})
    found = Crossover(fast, fast + more, short).positions(bars)
    assert found.to_list() == naive(texts, fast, fast + more, short=short)


def test_equal_means_are_flat_where_floats_are_undecided():
    texts = [f"{tick / 10}" for tick in np.random.default_rng(1).integers(1, 4, 400).tolist()]
    bars = pl.DataFrame({"close": [float(text) for text in texts]})
    exact = Crossover(2, 4).positions(bars)
    assert exact.to_list() == naive(texts, 2, 4, short=False)
    floats = bars["close"].rolling_mean(2) > bars["close"].rolling_mean(4)
    assert (floats.cast(pl.Int8) != exact).sum() > 0


@pytest.mark.parametrize("slots", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 50])
@pytest.mark.parametrize("short", [False, True])
def test_blocks_leave_no_trace(slots, short):
    ticks = np.random.default_rng(2).integers(900, 1_100, slots)
    bars = pl.DataFrame({"close": ticks / np.float64(100)})
    means = [bars.select(pl.Series(ticks).rolling_sum(n).alias("sum")).to_series() for n in (3, 50)]
    expected = (means[0] * 50 > means[1] * 3).cast(pl.Int8)
    if short:
        expected -= (means[0] * 50 < means[1] * 3).cast(pl.Int8)
    found = Crossover(3, 50, short).positions(bars)
    assert found.to_list() == expected.to_list()
    assert ticks_of(bars["close"].to_numpy())[0].tolist() == ticks.tolist()


def test_a_price_between_ticks_in_a_late_block_is_seen():
    prices = np.full(BLOCK + 9, 10.5)
    prices[BLOCK + 3] = 10.125
    assert ticks_of(prices)[1] == 3


@given(decimal_prices(), st.integers(0, 40))
def test_the_crossover_does_not_look_ahead(texts, cut):
    bars = pl.DataFrame({"close": [float(text) for text in texts]}, schema={"close": pl.Float64})
    whole = Crossover(2, 5).positions(bars)
    assert Crossover(2, 5).positions(bars.head(cut)).to_list() == whole.head(cut).to_list()


@pytest.mark.parametrize("fast, slow", [(20, 20), (100, 20), (0, 5), (-1, 5)])
def test_a_fast_average_that_is_not_shorter_is_refused(fast, slow):
    with pytest.raises(RequestError, match="must be the shorter one"):
        Crossover(fast, slow)


def test_sums_beyond_64_bits_are_refused_rather_than_wrapped():
    bars = pl.DataFrame({"close": [float(2**49)] * 3})
    with pytest.raises(DataError, match="64 bits"):
        Crossover(200, 300).positions(bars.select(pl.col("close").repeat_by(200).explode()))
