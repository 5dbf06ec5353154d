"""Thinning a curve loses no extreme, whatever the curve."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.plots.panel import BLUE, Candles, Line
from seamless_lab.plots.thin import coarsened, extremes, thinned

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(VALUES, st.integers(1, 60))
def test_each_column_keeps_its_first_lowest_highest_and_last_value(values: list[float], columns: int) -> None:
    kept = extremes(np.array(values), columns).tolist()
    by_column: dict[int, list[int]] = {}
    for place in range(len(values)):
        by_column.setdefault(place * columns // len(values), []).append(place)
    assert kept == sorted(set(kept))
    for places in by_column.values():
        ours = [place for place in kept if places[0] <= place <= places[-1]]
        assert len(ours) <= 4
        assert (ours[0], ours[-1]) == (places[0], places[-1])
        for best in (min, max):
            assert best(values[place] for place in ours) == best(values[place] for place in places)


def test_a_line_that_fits_is_left_alone_and_a_long_one_has_at_most_four_points_a_column() -> None:
    x = np.arange(100_000)
    line = Line("noise", x, np.sin(x) * x, BLUE)
    assert thinned(line, 25_000) is line
    assert thinned(line, 100).x.size <= 400


@given(VALUES, st.integers(1, 60))
def test_coarser_candles_span_the_same_prices(values: list[float], columns: int) -> None:
    prices = np.array(values)
    candles = Candles("price", np.arange(prices.size), prices, prices + 1, prices - 1, prices)
    fewer = coarsened(candles, columns)
    assert fewer.x.size == min(columns, prices.size)
    assert (fewer.opens[0], fewer.closes[-1]) == (prices[0], prices[-1])
    assert (fewer.highs.max(), fewer.lows.min()) == (candles.highs.max(), candles.lows.min())
