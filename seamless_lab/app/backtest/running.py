"""Running a strategy: one symbol after the other, on two threads, added up in the order of their names."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from threading import Event

import polars as pl

from seamless_lab.app.backtest.inputs import Input, Universe, require_answered, require_prices
from seamless_lab.app.backtest.lookahead import cuts, require_causal
from seamless_lab.app.backtest.options import Trading
from seamless_lab.app.backtest.strategies import Strategy
from seamless_lab.app.portal import LOOK_UP_S
from seamless_lab.app.sealed_reads import SealedTarget, read_target
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.backtest.performance import Activity, Metrics
from seamless_lab.core.backtest.portfolio import Calendar, Portfolio
from seamless_lab.core.backtest.sleeve import Account, Sleeve, simulate, targets_of
from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.backtest.trades import trades_of
from seamless_lab.core.digest import canonical_json
from seamless_lab.core.ranges import Ints
from seamless_lab.errors import Interrupted

THREADS = 2  # numpy and polars release the lock; a third thread would wait for memory, not for a core
FORMAT = "seamless.backtest/1"


@dataclass(frozen=True, slots=True, eq=False)
class SymbolRun:
    """What became of one symbol; nothing here is as long as the window.

    `trades` as `trades_of` gives them; `ruined`: when a short had lost everything, or None; `waiting`: the last bar's
    target, which no bar was left to execute, or None; `digest`: of its fills.
    """

    input: Input
    trades: pl.DataFrame
    activity: Activity
    metrics: Metrics
    ruined: int | None
    waiting: float | None
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """All symbols in the order of their names, and their sum."""

    symbols: tuple[SymbolRun, ...]
    portfolio: Portfolio
    digest: str


def run(wiring: Wiring, universe: Universe, strategy: Strategy, trading: Trading) -> Ran:
    """Run the strategy over each symbol; the first error, in the order of names, ends it."""
    portfolio = Portfolio(Calendar(universe.grid, universe.window))
    symbols = []
    for found, ts, spread in _in_order(wiring, universe, strategy, trading):
        portfolio.add(ts, spread, trading.capital / len(universe.targets))
        symbols.append(found)
    return Ran(tuple(symbols), portfolio, _digest(symbols, portfolio, strategy, trading))


_Marked = tuple[SymbolRun, Ints, Floats]  # with the times of its bars, and its equity at every slot


def _in_order(wiring: Wiring, universe: Universe, strategy: Strategy, trading: Trading) -> Iterator[_Marked]:
    """Results in the order of names, with a few being worked on ahead."""
    task = _Task(
        wiring, Calendar(universe.grid, universe.window), strategy, trading, len(universe.targets), stopped := Event()
    )
    waiting = iter(universe.targets)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="seamless-backtest")

    def submit(name: str, target: SealedTarget) -> Future[_Marked]:
        return pool.submit(copy_context().run, task, name, target)  # the journal of reads knows the cell by its context

    try:
        running = deque(submit(name, target) for name, target in islice(waiting, THREADS + 1))
        while running:
            yield _result(running.popleft())
            running.extend(submit(name, target) for name, target in islice(waiting, 1))
    except KeyboardInterrupt as stop:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)  # a strategy heeds no interrupt: a call ends when it ends
        raise Interrupted("Stopped.") from stop
    except BaseException:  # also when the caller stops asking
        stopped.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _result(future: Future[_Marked]) -> _Marked:
    """Short waits, because polars' handler of SIGINT lets no long one be interrupted."""
    while not wait((future,), timeout=LOOK_UP_S).done:
        pass
    return future.result()


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    wiring: Wiring
    calendar: Calendar
    strategy: Strategy
    trading: Trading
    symbols: int
    stopped: Event

    def __call__(self, name: str, target: SealedTarget) -> _Marked:
        sealed = read_target(self.wiring, target)
        if not self.trading.allow_gaps:
            require_answered(name, sealed)
        require_prices(name, sealed)
        bars = sealed.bars.frame
        positions = self.strategy.positions(name, bars)
        wanted = targets_of(positions, bars["ts"], name)
        if self.trading.check_lookahead and not self.strategy.proved_causal:
            for cut in cuts(name, bars.height, self.symbols):
                if self.stopped.is_set():
                    raise Interrupted("Stopped.")
                require_causal(self.strategy, name, bars, positions, cut)

        ts, opens, closes = (bars[column].to_numpy() for column in ("ts", "open", "close"))
        costs, capital = self.trading.costs, self.trading.capital / self.symbols
        sleeve = simulate(opens, closes, wanted, costs, capital)
        spread = self.calendar.spread(ts, sleeve.equity, capital)
        trades = trades_of(sleeve, ts, closes, costs)
        account = Account.of(sleeve.fills, costs)
        activity = Activity(
            exposure=int(trades["bars"].sum()) / ts.size,
            traded=account.traded,
            fees=account.fees,
            slippage=account.slippage,
            hold_return=float(closes[-1] / opens[0] - 1),
        )
        found = SymbolRun(
            input=Input.of(name, sealed),
            trades=trades,
            activity=activity,
            metrics=self.calendar.course(spread, capital).metrics(activity, gains_of(trades)),
            ruined=None if sleeve.ruined is None else int(ts[sleeve.ruined]),
            waiting=sleeve.waiting,
            digest=_fills_digest(sleeve, ts),
        )
        return found, ts, spread


def gains_of(trades: pl.DataFrame) -> Floats:
    """Profit after costs of each trade that ended."""
    return trades.filter(pl.col("ended") != "open")["pnl"].to_numpy()


def _fills_digest(sleeve: Sleeve, ts: Ints) -> str:
    """Of when the position was set to what: all positions of the symbol, written by their changes."""
    hashed = hashlib.sha256(ts[sleeve.fills.bar].astype("<i8").tobytes())
    hashed.update((sleeve.fills.target.astype("<f8") + 0.0).tobytes())  # -0.0 is 0.0
    return hashed.hexdigest()


def _digest(symbols: list[SymbolRun], portfolio: Portfolio, strategy: Strategy, trading: Trading) -> str:
    """Of what went in (contents, code, options) and of what came out (fills, equity at every bar)."""
    window = portfolio.calendar.window
    head = {
        "format": FORMAT,
        "strategy": strategy.text,
        "trading": trading.to_dict(),
        "window": [window.start, window.end],
        "symbols": [[run.input.name, str(run.input.node), run.input.content, run.digest] for run in symbols],
    }
    if waiting := {run.input.name: run.waiting + 0.0 for run in symbols if run.waiting is not None}:
        head["waiting"] = waiting
    hashed = hashlib.sha256(canonical_json(head))
    hashed.update(portfolio.equity[portfolio.seen].astype("<f8").tobytes())
    return hashed.hexdigest()
