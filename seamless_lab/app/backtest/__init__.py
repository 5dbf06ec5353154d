"""Backtests over sealed bars: the shortest honest path from pins to a result."""

from __future__ import annotations

from seamless_lab.app.backtest.inputs import Input, PinsLike, universe
from seamless_lab.app.backtest.options import Trading
from seamless_lab.app.backtest.result import BacktestResult
from seamless_lab.app.backtest.running import run
from seamless_lab.app.backtest.strategies import StrategyLike, strategy_of
from seamless_lab.app.door import Door
from seamless_lab.app.result_records import ResultInput, ResultRecord
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.time import TimeLike

__all__ = ["BacktestResult", "Input", "PinsLike", "StrategyLike", "Trading", "backtest"]


def backtest(
    wiring: Wiring,
    door: Door,
    strategy: StrategyLike,
    pins: PinsLike,
    start: TimeLike | None,
    end: TimeLike | None,
    trading: Trading,
) -> BacktestResult:
    """Run a strategy over sealed bars and record the result for receipts; see `Lab.backtest`."""
    chosen = strategy_of(strategy)
    result = BacktestResult(chosen, trading, run(wiring, universe(wiring, door, pins, start, end), chosen, trading))
    wiring.results.add(
        ResultRecord(
            kind="backtest",
            digest=result.digest,
            inputs=tuple(ResultInput(given.name, given.ref, given.window, given.content) for given in result.inputs),
            recipe=result.recipe,
            repeatable=chosen.recipe is not None,
        )
    )
    return result
