"""What a backtest returns: equity, trades and metrics, the bars it used, and a digest of all of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from seamless_lab.app.backtest import show
from seamless_lab.app.backtest.inputs import Input
from seamless_lab.app.backtest.options import Trading
from seamless_lab.app.backtest.running import Ran, gains_of
from seamless_lab.app.backtest.strategies import Strategy
from seamless_lab.app.render.view import View
from seamless_lab.app.results import Json, Rendered, spelling
from seamless_lab.core.backtest.performance import Activity, Metrics, peaks_of, returns_of
from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.time import TimeRange

if TYPE_CHECKING:
    import pandas as pd

    from seamless_lab.plots.figure import Figure

_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BacktestResult(Rendered):
    """What a strategy did with sealed bars.

    Money is in units of `trading.capital`, 1 by default. Equity is that of the portfolio: of sleeves of equal capital,
    one a symbol, with nothing moved between them.
    """

    strategy: Strategy
    trading: Trading
    ran: Ran

    @property
    def window(self) -> TimeRange:
        """The half-open window, on the grid."""
        return self.ran.portfolio.calendar.window

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The sealed bars it used, in the order of their names, each with its digest."""
        return tuple(run.input for run in self.ran.symbols)

    @property
    def digest(self) -> str:
        """SHA-256 of the contents, the strategy, the options, all fills and the equity at every bar.

        Equal on every machine for the same bars and the same code; what annualises (metrics) is not in it.
        """
        return self.ran.digest

    @property
    def equity(self) -> pl.DataFrame:
        """Equity at the close of every bar.

        Columns `ts` (Int64) and `time` (UTC), when the bar opened; `equity`; `returns` since the bar before;
        `drawdown`, from 0 down to -1, from the highest equity so far.
        """
        portfolio = self.ran.portfolio
        grid = portfolio.calendar.grid
        equity = portfolio.equity[portfolio.seen]
        ts = self.window.start + np.flatnonzero(portfolio.seen) * grid.step_s
        return pl.DataFrame(
            {
                "ts": ts,
                "time": _times(pl.Series(ts)),
                "equity": equity,
                "returns": returns_of(equity, portfolio.capital),
                "drawdown": equity / peaks_of(equity, portfolio.capital) - 1,
            }
        )

    @property
    def returns(self) -> pl.DataFrame:
        """Daily returns: `date` (UTC day), `returns`, and `equity` at the day's last close."""
        portfolio = self.ran.portfolio
        daily = portfolio.calendar.at_days(portfolio.equity, portfolio.capital)
        return pl.DataFrame(
            {
                "date": pl.from_epoch(pl.Series(portfolio.calendar.days), time_unit="s").cast(pl.Date),
                "returns": returns_of(daily, portfolio.capital),
                "equity": daily,
            }
        )

    @property
    def trades(self) -> pl.DataFrame:
        """Round trips by symbol, then by time.

        Columns `symbol`; `side` (`long`, `short`); `entry_time`, `entry_price`, `exit_time` (null while open),
        `exit_price` (executed prices, slippage included; the last close for what no signal ended); `position` (target
        at entry, a fraction of the symbol's equity); `bars` held; `fills`; `costs` (fees and slippage); `pnl` after
        costs; `return` (`pnl` over the symbol's equity at entry); `ended` (`signal`, `open` or `ruin`).
        """
        names = pl.Enum([run.input.name for run in self.ran.symbols])
        frames = [
            run.trades.select(
                pl.lit(run.input.name, dtype=names).alias("symbol"),
                "side",
                pl.from_epoch("entry_ts", time_unit="s").dt.replace_time_zone("UTC").alias("entry_time"),
                "entry_price",
                pl.from_epoch("exit_ts", time_unit="s").dt.replace_time_zone("UTC").alias("exit_time"),
                pl.exclude("side", "entry_ts", "exit_ts", "entry_price"),
            )
            for run in self.ran.symbols
        ]
        return pl.concat(frames)

    @property
    def symbols(self) -> pl.DataFrame:
        """One row a symbol: `bars`, its metrics, `ruined_time` and `waiting`.

        `ruined_time`: the bar in which a short had lost everything, or null. `waiting`: the last bar's target where no
        bar was left to execute it, or null.
        """
        rows = [{"symbol": run.input.name, "bars": run.input.rows, **asdict(run.metrics)} for run in self.ran.symbols]
        ruined = [run.ruined for run in self.ran.symbols]
        schema = {name: pl.Int64 if name == "trades" else pl.Float64 for name in Metrics.__dataclass_fields__}
        return pl.DataFrame(rows, schema={"symbol": pl.String, "bars": pl.Int64, **schema}).with_columns(
            ruined_time=_times(pl.Series(ruined, dtype=pl.Int64)),
            waiting=pl.Series([run.waiting for run in self.ran.symbols], dtype=pl.Float64),
        )

    @property
    def metrics(self) -> Metrics:
        """The portfolio's metrics, from daily returns (UTC days, 365 a year)."""
        portfolio = self.ran.portfolio
        course = portfolio.calendar.course(portfolio.equity, portfolio.capital)
        gains: Floats = np.concatenate([gains_of(run.trades) for run in self.ran.symbols])
        return course.metrics(Activity.joint([run.activity for run in self.ran.symbols]), gains)

    def plot(self) -> Figure:
        """The equity curve and its drawdown as a plotly figure. Needs plotly (the `notebook` extra)."""
        from seamless_lab.plots import equity

        return equity(self.equity, title=f"{self.strategy.label} {self.window}")

    def to_pandas(self) -> pd.Series:
        """Daily returns as a pandas Series with a UTC index: what quantstats and pyfolio take. Needs pandas."""
        frame = self.returns.with_columns(pl.col("date").cast(_TIME)).to_pandas()
        return frame.set_index("date")["returns"]

    def __len__(self) -> int:
        return len(self.ran.symbols)

    def view(self) -> View:
        """What is shown, as a value."""
        return show.backtest(self)

    def to_dict(self) -> Json:
        """All facts as JSON values; frames are left out, but for one row of metrics a symbol."""
        return {
            "strategy": self.strategy.label,
            "recipe": self.recipe,
            **spelling.window(self.window),
            "trading": self.trading.to_dict(),
            "digest": self.digest,
            "metrics": asdict(self.metrics),
            "inputs": [given.to_dict() for given in self.inputs],
            "symbols": [
                {
                    "symbol": run.input.name,
                    **asdict(run.metrics),
                    "ruined": None if run.ruined is None else spelling.moments([run.ruined])[0],
                    "waiting": run.waiting,
                }
                for run in self.ran.symbols
            ],
        }

    @property
    def recipe(self) -> Json:
        """How to make it again from its inputs, as JSON values; the strategy is null when it is a function."""
        return {
            "strategy": self.strategy.recipe,
            **self.trading.to_dict(),
            **({} if self.trading.check_lookahead else {"check_lookahead": False}),
            **spelling.window(self.window),
        }


def _times(seconds: pl.Series) -> pl.Series:
    return pl.from_epoch(seconds, time_unit="s").dt.replace_time_zone("UTC")
