"""What a backtest was worth, in the field's standard terms.

Ratios are of daily returns: one per UTC day from the close of its last bar, 365 days a year, no risk-free rate. The
definitions: Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21(1), 1994; Sortino and Price, "Performance
Measurement in a Downside Risk Framework", Journal of Investing 3(3), 1994, with the target 0; Young, "Calmar Ratio: A
Smoother Tool", Futures 20(1), 1991, here over the whole window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seamless_lab.core.backtest.ticks import Floats

DAYS_A_YEAR = 365
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from a peak, as a positive ratio, and the longest time below one, in seconds."""

    depth: float
    longest_s: int

    @classmethod
    def of(cls, equity: Floats, capital: float, step_s: int) -> Drawdown:
        """Of equity at the close of every slot; the initial capital counts as a peak."""
        if not equity.size:
            return cls(0.0, 0)
        peaks = peaks_of(equity, capital)
        depth = 1 - float((equity / peaks).min())
        highs = np.flatnonzero(equity == peaks)
        edges = np.concatenate((np.array([-1]), highs, np.array([equity.size])))
        waits = np.diff(edges)
        waits[-1] -= 1  # still under water at the end: up to the last close
        longest = int(waits.max())
        return cls(max(depth, 0.0), longest * step_s if depth > 0 else 0)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Return and risk of a series of daily returns; None where a number has no meaning.

    `cagr`: compound growth a year; `volatility`: standard deviation, annualised; `sharpe`, `sortino`: mean return over
    the deviation, or over the downside deviation, annualised; `calmar`: `cagr` over the maximum drawdown.
    """

    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None

    @classmethod
    def of(cls, daily: Sequence[float], growth: float, seconds: int, drawdown: Drawdown) -> Ratios:
        """From daily returns, final over initial equity, and the length of the window."""
        count = len(daily)
        mean = math.fsum(daily) / count if count else 0.0
        spread = math.fsum((value - mean) ** 2 for value in daily)
        deviation = math.sqrt(spread / (count - 1)) if count > 1 else 0.0
        downside = math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in daily) / count) if count else 0.0
        year = math.sqrt(DAYS_A_YEAR)
        cagr = _cagr(growth, seconds)
        return cls(
            total_return=growth - 1,
            cagr=cagr,
            volatility=deviation * year if count > 1 else None,
            sharpe=mean / deviation * year if deviation else None,
            sortino=mean / downside * year if downside else None,
            calmar=cagr / drawdown.depth if cagr is not None and drawdown.depth else None,
        )


@dataclass(frozen=True, slots=True)
class TradeCounts:
    """How the closed trades went: how many, which part of them won, and gains over losses."""

    trades: int
    win_rate: float | None
    profit_factor: float | None

    @classmethod
    def of(cls, gains: Floats) -> TradeCounts:
        """From the profit after costs of each trade."""
        if not gains.size:
            return cls(0, None, None)
        won, lost = gains[gains > 0], gains[gains < 0]
        losses = -float(np.cumsum(lost)[-1]) if lost.size else 0.0
        profits = float(np.cumsum(won)[-1]) if won.size else 0.0
        return cls(gains.size, won.size / gains.size, profits / losses if losses else None)


@dataclass(frozen=True, slots=True)
class Activity:
    """What was done, added up.

    `exposure`: the part of bars that closed with a position; `traded`: the value bought and sold; `fees` and
    `slippage`: paid, as `traded` in units of capital; `hold_return`: what holding from the first open to the last close
    would have returned before costs.
    """

    exposure: float
    traded: float
    fees: float
    slippage: float
    hold_return: float

    @classmethod
    def joint(cls, parts: Sequence[Activity]) -> Activity:
        """Of sleeves of equal capital."""
        count = len(parts)
        return cls(
            exposure=math.fsum(part.exposure for part in parts) / count,
            traded=math.fsum(part.traded for part in parts),
            fees=math.fsum(part.fees for part in parts),
            slippage=math.fsum(part.slippage for part in parts),
            hold_return=math.fsum(part.hold_return for part in parts) / count,
        )


@dataclass(frozen=True, slots=True)
class Metrics:
    """The result in numbers. Returns and drawdowns are ratios (0.1 is 10 %); None where a number has no meaning.

    `turnover`: value traded a year over the mean equity; `trades`, `win_rate`, `profit_factor`: of closed round trips,
    after costs. The rest as in `Ratios`, `Drawdown` and `Activity`.
    """

    total_return: float
    hold_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    max_drawdown_days: float
    exposure: float
    turnover: float
    trades: int
    win_rate: float | None
    profit_factor: float | None
    fees: float
    slippage: float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Equity over a window: at every slot and at the end of every UTC day, and what it began with."""

    equity: Floats
    daily: Floats
    capital: float
    step_s: int
    seconds: int

    def metrics(self, activity: Activity, gains: Floats) -> Metrics:
        """The numbers, from what was done and the profit of each closed trade."""
        drawdown = Drawdown.of(self.equity, self.capital, self.step_s)
        returns = returns_of(self.daily, self.capital).tolist()
        ratios = Ratios.of(returns, float(self.daily[-1]) / self.capital, self.seconds, drawdown)
        trips = TradeCounts.of(gains)
        mean = math.fsum(self.daily.tolist()) / self.daily.size
        return Metrics(
            total_return=ratios.total_return,
            hold_return=activity.hold_return,
            cagr=ratios.cagr,
            volatility=ratios.volatility,
            sharpe=ratios.sharpe,
            sortino=ratios.sortino,
            calmar=ratios.calmar,
            max_drawdown=drawdown.depth,
            max_drawdown_days=drawdown.longest_s / DAY_S,
            exposure=activity.exposure,
            turnover=activity.traded / mean * DAYS_A_YEAR * DAY_S / self.seconds if mean else 0.0,
            trades=trips.trades,
            win_rate=trips.win_rate,
            profit_factor=trips.profit_factor,
            fees=activity.fees,
            slippage=activity.slippage,
        )


def peaks_of(equity: Floats, capital: float) -> Floats:
    """The highest equity up to each close, the initial capital included."""
    peaks = equity.copy()
    peaks[:1] = np.maximum(peaks[:1], capital)
    return np.maximum.accumulate(peaks, out=peaks)


def returns_of(equity: Floats, capital: float) -> Floats:
    """Each value over the one before, less one; the first one's base is the initial capital. After ruin, 0."""
    base = np.concatenate((np.array([capital]), equity[:-1]))
    ruined = base <= 0
    growth: Floats = equity / np.where(ruined, 1.0, base) - 1
    return np.where(ruined, 0.0, growth)


def _cagr(growth: float, seconds: int) -> float | None:
    if growth <= 0:
        return -1.0
    try:
        return math.pow(growth, DAYS_A_YEAR * DAY_S / seconds) - 1
    except OverflowError:
        return None
