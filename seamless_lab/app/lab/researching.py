"""Verbs that compute with sealed bars. What they are made of is imported when one is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.lab.opened import Opened
from seamless_lab.app.sql.connection import MEMORY, TIMEOUT_S, Limits
from seamless_lab.core.time import TimeLike

if TYPE_CHECKING:
    from seamless_lab.app.backtest import BacktestResult, PinsLike, StrategyLike
    from seamless_lab.app.sql.relations import PinsLike as SqlPins
    from seamless_lab.app.sql.result import SqlResult


class Researching(Opened):
    """Backtest, and query."""

    def backtest(  # noqa: PLR0913  # each is an option users know, keyword-only
        self,
        strategy: StrategyLike,
        *,
        pins: PinsLike,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        fee_bps: float = 0.0,
        slippage_bps: float = 0.0,
        capital: float = 1.0,
        allow_gaps: bool = False,
        check_lookahead: bool = True,
    ) -> BacktestResult:
        """What a strategy would have done with sealed bars: equity, trades, metrics, and a digest of all of it.

        The target that a bar's close gives is executed at the open of the next bar there is. Each symbol has an equal
        part of the capital and keeps to it; between fills its units stay as they are. See `docs/backtesting.md`.

        Parameters
        ----------
        strategy
            `crossover(fast, slow)`; or a function of one symbol's polars frame (`ts`, `time`, `open, high, low, close,
            volume`, sorted) that returns an expression or a series of positions, or a frame with `ts` and `position`.
            A position is a fraction of the symbol's equity from -1 to 1, a null is no signal: what is held stays, flat
            at the beginning. It may be called on two threads, for each symbol, and on beginnings of its bars. Or SQL
            text that selects `ts` and `position` from `bars`, one symbol's.
        pins
            References to sealed bars by name, `{"btc": "pin:btc"}`, or a list of them, or one; `pin:*` is all pins.
        start, end
            The window; by default that of the pins.
        fee_bps, slippage_bps
            Costs in basis points of the traded value: a fee, and how much worse than the open a fill's price is.
        capital
            Of all symbols together.
        allow_gaps
            Accept slots for which nobody has an answer; they are then like slots without a bar.
        check_lookahead
            Run the strategy on beginnings of the bars too, which shows most kinds of look-ahead.

        Raises
        ------
        NotSealed
            For what may be another version tomorrow, with a reference to use instead.
        LookAhead, NotRepeatable
            With the symbol and the bar at which the strategy used the future, or gave two answers.
        GapsRefused
            For slots without an answer.
        SeamlessError
            See `errors`: each says what to do. What the strategy raises comes as it is, with the symbol added.

        Examples
        --------
        >>> lab.backtest(crossover(20, 100), pins=["pin:btc", "pin:eth"], fee_bps=10)  # doctest: +SKIP
        """
        from seamless_lab.app.backtest import Trading, backtest
        from seamless_lab.core.backtest.sleeve import Costs

        trading = Trading(Costs(fee_bps, slippage_bps), capital, allow_gaps, check_lookahead)
        return backtest(self.wiring, self.door, strategy, pins, start, end, trading)

    def sql(  # noqa: PLR0913  # each is an option users know, keyword-only
        self,
        query: str,
        pins: SqlPins | None = None,
        *,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        threads: int = 1,
        timeout_s: float = TIMEOUT_S,
        memory_limit: str = MEMORY,
        volatile: bool = False,
    ) -> SqlResult:
        """The rows of one SELECT over pinned bars, which can reach nothing else and has the same digits every time.

        Needs DuckDB. Columns are `ts` (epoch seconds), `time` (UTC), `open, high, low, close, volume`; a universe has
        `symbol` before them.

        Parameters
        ----------
        query
            One SELECT in DuckDB's dialect. See `docs/sql.md` for macros, and for what is refused.
        pins
            What names stand for: a reference to sealed bars, or a list of them or `pin:GLOB*` for a universe. A list
            of pins instead gives each its own name; without any, the query sees all pins of the lockfile by theirs.
            Only those that it names are read.
        start, end
            One window for all of them, inside each pin's; by default each one's own. Nothing outside is visible.
        threads
            More than 1 adds floats in an order of its own, so that the last digits may change; flagged.
        timeout_s, memory_limit
            Over them the query is stopped. The bars themselves do not count.
        volatile
            Allow functions of the clock and of chance; flagged.

        Raises
        ------
        SqlRefused
            For a statement that is no single SELECT, or reaches for anything but the relations and functions of values.
        InvalidSql
            For what the engine cannot read, bind or compute, with the place in the query.
        SqlLimit
            For a query over its limits.
        SeamlessError
            For references that name no sealed bars.

        Examples
        --------
        >>> lab.sql("SELECT ts, sma(close, 20, ts) AS mean FROM btc ORDER BY ts")  # doctest: +SKIP
        """
        from seamless_lab.app.sql.query import Query, run

        limits = Limits(threads, timeout_s, memory_limit)
        return run(self.wiring, self.door, Query(query, pins, start, end, limits, volatile))
