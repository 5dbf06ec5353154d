"""Look-ahead that can be detected: a strategy run on less of the future must say the same about the past."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl

from seamless_lab.app.backtest.strategies import Strategy
from seamless_lab.core.time import format_time
from seamless_lab.errors import LookAhead, NotRepeatable

CUTS = 16
"""Prefixes tried over all symbols, but at least one per symbol. Each has its own length, so that something odd at one
moment of the day or the month cannot hide."""
TOLERANCE = 1e-9
"""Positions this near are equal: sums of floats may be taken in another order for fewer rows."""


def require_causal(strategy: Strategy, name: str, bars: pl.DataFrame, positions: pl.Series, cut: int) -> None:
    """Run the strategy again on the first `cut` bars and compare with the positions that it gave for all of them.

    Raises
    ------
    LookAhead
        With the first bar whose position was another one when the future was not there yet.
    NotRepeatable
        If the strategy gives two answers to the same bars.
    """
    prefix = bars.head(cut)
    again = strategy.positions(name, prefix)
    at = first_difference(positions.head(cut), again)
    if at is None:
        return
    once_more = first_difference(again, strategy.positions(name, prefix))
    if once_more is not None:
        raise NotRepeatable(
            f"The strategy {strategy.label} gave two different positions for the same bars of {name}, at "
            f"{format_time(int(bars['ts'][once_more]))}.",
            hint="A strategy is a function of its bars alone: no randomness, no memory of other calls, no clock.",
            symbol=name,
            ts=int(bars["ts"][once_more]),
        )
    raise LookAhead(
        f"The strategy {strategy.label} looks ahead: for the bar of {name} at {format_time(int(bars['ts'][at]))} "
        f"it gives the position {_said(positions, at)}, and {_said(again, at)} when it knows only the bars up to "
        f"{format_time(int(bars['ts'][cut - 1]))}.",
        hint="Use what was known at the bar's close: no shift(-1), no mean or extreme of the whole window, no "
        "centred window, no backward fill.",
        symbol=name,
        ts=int(bars["ts"][at]),
        known_until=int(bars["ts"][cut - 1]),
    )


def cuts(name: str, rows: int, symbols: int) -> Iterator[int]:
    """How many bars to keep, in each run: other numbers for other symbols, always the same for one.

    Spread over the window, short ones more often, so that all of them cost about a third of their number in full runs.
    """
    count = max(1, -(-CUTS // symbols))
    seed = hashlib.sha256(name.encode()).digest()
    for number in range(count):
        within = int.from_bytes(seed[2 * (number % 16) : 2 * (number % 16) + 2], "big") / 65_536
        cut = max(int(((number + within) / count) ** 2 * rows), rows // 50)
        if 0 < cut < rows:
            yield cut


def first_difference(whole: pl.Series, again: pl.Series) -> int | None:
    """The first place at which two runs differ, or None. A null is equal to a null only."""
    if whole.equals(again, null_equal=True):
        return None
    left, right = _numbers(whole), _numbers(again)
    differs = ~((left == right) | (np.abs(left - right) <= TOLERANCE) | (np.isnan(left) & np.isnan(right)))
    return int(np.argmax(differs)) if differs.any() else None


def _numbers(positions: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return positions.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _said(positions: pl.Series, at: int) -> str:
    value = positions[at]
    return "none" if value is None else f"{float(value):g}"
