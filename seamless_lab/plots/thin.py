"""Fewer points, the same picture: what a column of pixels shows is its first, lowest, highest and last value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seamless_lab.plots.panel import Candles, Floats, Ints, Line

COLUMNS = 400
"""Columns that a picture is thinned to. No extreme is lost, however short it was."""


def thinned(line: Line, columns: int = COLUMNS) -> Line:
    """The line with at most four points per column; itself when it has no more than that."""
    if line.x.size <= 4 * columns:
        return line
    kept = extremes(line.y, columns)
    return replace(line, x=line.x[kept], y=line.y[kept])


def extremes(values: Floats, columns: int) -> Ints:
    """Ascending positions of each column's first, lowest, highest and last value; columns hold equally many."""
    column = np.arange(values.size) * columns // values.size
    order = np.lexsort((values, column))  # within each column from its lowest to its highest value
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lasts = np.append(starts[1:], values.size) - 1
    return np.unique(np.concatenate((starts, lasts, order[starts], order[lasts])))


def coarsened(candles: Candles, columns: int = COLUMNS) -> Candles:
    """At most `columns` candles, each of equally many neighbours; itself when it has no more than that."""
    if candles.x.size <= columns:
        return candles
    column = np.arange(candles.x.size) * columns // candles.x.size
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lasts = np.append(starts[1:], candles.x.size) - 1
    return replace(
        candles,
        x=candles.x[starts],
        opens=candles.opens[starts],
        highs=np.maximum.reduceat(candles.highs, starts),
        lows=np.minimum.reduceat(candles.lows, starts),
        closes=candles.closes[lasts],
    )
