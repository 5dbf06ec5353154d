"""What a backtest shows: the numbers people look for first, each symbol, what to be careful about, and its identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seamless_lab.app.render.view import Badge, Block, Column, Curve, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.core.backtest.performance import DAY_S, DAYS_A_YEAR, Metrics
from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.time import format_time

if TYPE_CHECKING:
    from seamless_lab.app.backtest.result import BacktestResult

SYMBOLS_SHOWN, INPUTS_SHOWN = 20, 10
CURVE_COLUMNS = 120

_COLUMNS = (
    Column(""),
    Column("return", right=True),
    Column("holding", right=True),
    Column("CAGR", right=True),
    Column("volatility", right=True),
    Column("Sharpe", right=True),
    Column("Sortino", right=True),
    Column("max drawdown", right=True),
    Column("trades", right=True),
    Column("won", right=True),
    Column("exposure", right=True),
)


def backtest(result: BacktestResult) -> View:
    """The view of a backtest."""
    metrics = result.metrics
    blocks: list[Block] = [Note(text, Tone.WARN) for text in _cautions(result)]
    shown = result.ran.symbols[:SYMBOLS_SHOWN]
    rows = [_row("portfolio", metrics)] if len(result) > 1 else []
    rows += [_row(run.input.name, run.metrics) for run in shown]
    blocks.append(curve(result.ran.portfolio.equity, result.ran.portfolio.capital))
    blocks.append(Table(_COLUMNS, tuple(rows), left_out=len(result) - len(shown)))
    blocks.append(
        Facts(
            (
                Fact("costs", _costs(result, metrics)),
                Fact("drawdown", f"up to {metrics.max_drawdown_days:,.1f} days below a peak"),
                Fact("profit factor", _number(metrics.profit_factor)),
                Fact("turnover", f"{metrics.turnover:,.1f} × equity a year"),
                Fact("digest", f"sha256:{result.digest}", code=True),
            )
        )
    )
    blocks.append(_inputs(result))
    badge = Badge(_percent(metrics.total_return), Tone.GOOD if metrics.total_return >= 0 else Tone.BAD)
    subtitle = f"{result.window}  {plural(len(result), 'symbol')}"
    return View(result.strategy.label, badge, subtitle, tuple(blocks))


def curve(values: Floats, capital: float, columns: int = CURVE_COLUMNS) -> Curve:
    """Equity from its lowest to its highest value; each stretch begins where the one before ended."""
    count = min(columns, values.size)
    ends = (np.arange(count) + 1) * values.size // count
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] - 1))
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros(values.size)
    parts = [scaled[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Curve(
        "equity",
        tuple(float(part[-1]) for part in parts),
        tuple((float(part.min()), float(part.max())) for part in parts),
        _percent(low / capital - 1),
        _percent(high / capital - 1),
    )


def _cautions(result: BacktestResult) -> list[str]:
    said = []
    days = result.window.seconds / DAY_S
    if days < DAYS_A_YEAR / 4:
        said.append(f"{days:,.1f} days are little to annualise from: CAGR, volatility and ratios are extrapolations.")
    said += [
        f"{run.input.name}: a short had lost everything on {format_time(run.ruined)}, and trading ended there."
        for run in result.ran.symbols
        if run.ruined is not None
    ]
    if not result.trading.check_lookahead:
        said.append("The strategy was not checked for look-ahead.")
    idle = [run.input.name for run in result.ran.symbols if not run.metrics.exposure]
    if idle:
        said.append(f"No position was ever held: {_listed(idle)}.")
    waiting = [run.input.name for run in result.ran.symbols if run.waiting is not None]
    if waiting:
        said.append(f"The last bar's signal was not executed, as no bar follows: {_listed(waiting)}.")
    return said


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _row(name: str, found: Metrics) -> tuple[str, ...]:
    return (
        name,
        _percent(found.total_return),
        _percent(found.hold_return),
        _percent(found.cagr),
        _percent(found.volatility, signed=False),
        _number(found.sharpe),
        _number(found.sortino),
        _percent(-found.max_drawdown if found.max_drawdown else 0.0),
        f"{found.trades:,}",
        _percent(found.win_rate, signed=False),
        _percent(found.exposure, signed=False),
    )


def _costs(result: BacktestResult, metrics: Metrics) -> str:
    costs = result.trading.costs
    if not costs.fee_bps and not costs.slippage_bps:
        return "none: no fee and no slippage were asked for"
    paid = metrics.fees / result.trading.capital, metrics.slippage / result.trading.capital
    return (
        f"fee {costs.fee_bps:g} bps, slippage {costs.slippage_bps:g} bps: {_percent(paid[0], signed=False)} and "
        f"{_percent(paid[1], signed=False)} of the capital"
    )


def _inputs(result: BacktestResult) -> Table:
    shown = result.inputs[:INPUTS_SHOWN]
    return Table(
        (Column("input"), Column("read", code=True), Column("bars", right=True), Column("content", code=True)),
        tuple((given.name, given.ref, f"{given.rows:,}", f"sha256:{given.content[:16]}") for given in shown),
        left_out=len(result) - len(shown),
    )


def _percent(ratio: float | None, *, signed: bool = True) -> str:
    if ratio is None:
        return "–"
    text = f"{ratio * 100:+,.2f} %" if signed else f"{ratio * 100:,.2f} %"
    return text.replace("-", "\N{MINUS SIGN}") if round(ratio * 100, 2) else "0.00 %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}".replace("-", "\N{MINUS SIGN}")
