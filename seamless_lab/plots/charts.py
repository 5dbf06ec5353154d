"""The pictures: equity with its drawdown, bars with trades, bars before and after they were restated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from seamless_lab.plots.panel import (
    BLUE,
    COLOURS,
    INK,
    ORANGE,
    ROSE,
    TEAL,
    Candles,
    Drawing,
    Floats,
    Ints,
    Item,
    Line,
    Marks,
    Panel,
    Stems,
)
from seamless_lab.plots.thin import coarsened, thinned

if TYPE_CHECKING:
    from seamless_lab.plots.figure import Figure


def equity(curves: pl.DataFrame | Mapping[str, pl.DataFrame], *, title: str = "") -> Figure:
    """Equity over time, and below it how far each curve is from its highest value so far.

    Parameters
    ----------
    curves
        A frame, or frames by name. Columns used: `ts` (epoch seconds) or `time` (datetime), `equity`, and `drawdown`
        (0 down to -1), which is computed where there is none.

    Examples
    --------
    >>> frame = pl.DataFrame({"ts": [0, 3600, 7200], "equity": [1.0, 1.1, 0.99]})
    >>> equity(frame, title="three hours").layout.title.text
    'three hours'
    """
    named = {"equity": curves} if isinstance(curves, pl.DataFrame) else dict(curves)
    above: list[Item] = []
    below: list[Item] = []
    for place, (name, frame) in enumerate(named.items()):
        x, values, colour = _seconds(frame), _floats(frame, "equity"), COLOURS[place % len(COLOURS)]
        fallen = _floats(frame, "drawdown") if "drawdown" in frame.columns else _fallen(values)
        above.append(thinned(Line(name, x, values, colour, legend=len(named) > 1)))
        below.append(thinned(Line(f"{name}, drawdown", x, fallen, colour, filled=len(named) == 1, legend=False)))
    return _figure(
        Drawing(title, (Panel("equity", tuple(above), 2.2), Panel("drawdown", tuple(below), 1, percent=True)))
    )


def bars(frame: pl.DataFrame, trades: pl.DataFrame | None = None, *, title: str = "") -> Figure:
    """Bars as candles with their volume, and where trades began and ended.

    More bars than fit are drawn together, so that no high and no low is lost.

    Parameters
    ----------
    frame
        Columns `ts` or `time`, `open`, `high`, `low`, `close`, `volume`.
    trades
        Columns `entry_time`, `entry_price`, and `exit_time`, `exit_price` (null while open), as a backtest gives them;
        those outside the bars are left out.
    """
    x = _seconds(frame)
    prices = (_floats(frame, column) for column in ("open", "high", "low", "close"))
    above: list[Item] = [coarsened(Candles("price", x, *prices))]
    if trades is not None and x.size:
        first, last = (pl.lit(int(second)).cast(pl.Datetime("ms", "UTC")) for second in x[[0, -1]] * 1000)
        for side, colour, symbol in (("entry", BLUE, "up"), ("exit", ORANGE, "down")):
            points = trades.filter(pl.col(f"{side}_time").is_between(first, last)).rename({f"{side}_time": "time"})
            above.append(Marks(side, _seconds(points), _floats(points, f"{side}_price"), colour, symbol))
    volume = thinned(Line("volume", x, _floats(frame, "volume"), INK, filled=True, legend=False))
    return _figure(Drawing(title, (Panel("price", tuple(above), 3.2), Panel("volume", (volume,), 1))))


def restated(before: pl.DataFrame, after: pl.DataFrame, *, title: str = "") -> Figure:
    """Closes as they were believed before and after, which bars came and went, and by how much the others moved.

    Parameters
    ----------
    before, after
        Columns `ts` or `time`, and `close`: two versions of one series over one window.
    """
    old, new = (pl.DataFrame({"ts": _seconds(frame), "close": _floats(frame, "close")}) for frame in (before, after))
    both = old.join(new, on="ts", suffix="_after", maintain_order="left")
    moved = both.with_columns(change=pl.col("close_after") / pl.col("close") - 1).filter(pl.col("change") != 0)
    came, went = new.join(old, on="ts", how="anti"), old.join(new, on="ts", how="anti")
    above: list[Item] = [
        thinned(Line("after", _seconds(new), _floats(new, "close"), BLUE)),
        thinned(Line("before", _seconds(old), _floats(old, "close"), INK, dashed=True)),
    ]
    for name, frame, column, colour, symbol in (
        ("restated", moved, "close_after", ORANGE, "dot"),
        ("added", came, "close", TEAL, "up"),
        ("removed", went, "close", ROSE, "cross"),
    ):
        if frame.height:
            above.append(Marks(f"{name}: {frame.height:,}", _seconds(frame), _floats(frame, column), colour, symbol))
    change = Stems("change of close", _seconds(moved), _floats(moved, "change"), ORANGE)
    return _figure(Drawing(title, (Panel("close", tuple(above), 2.2), Panel("change", (change,), 1, percent=True))))


def _fallen(values: Floats) -> Floats:
    if not values.size:
        return values
    fallen: Floats = values / np.maximum.accumulate(values) - 1
    return fallen


def _figure(drawing: Drawing) -> Figure:
    from seamless_lab.plots.figure import Figure  # loads plotly, a sixth of a second

    return Figure.of(drawing)


def _seconds(frame: pl.DataFrame) -> Ints:
    return (frame["ts"] if "ts" in frame.columns else frame["time"].dt.epoch("s")).to_numpy()


def _floats(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).to_numpy()
