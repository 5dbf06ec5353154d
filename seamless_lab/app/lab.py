"""The facade: one object that researchers, notebooks, the terminal and services talk to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import polars as pl

from seamless_lab.app import (
    comparing,
    inspect,
    lock_check,
    lock_rebuild,
    lock_update,
    notebook_check,
    pinning,
    receipt_check,
    receipt_making,
    receipts,
    sealing,
)
from seamless_lab.app.backtest import BacktestResult, PinsLike, StrategyLike, Trading, backtest
from seamless_lab.app.comparison_results import ROWS, DiffResult, RollbackResult
from seamless_lab.app.door import AskedFetch, Door, FetchOptions
from seamless_lab.app.history_results import BarHistory, WindowHistory
from seamless_lab.app.lock_results import LockCheck, LockUpdate
from seamless_lab.app.notebook_check import NotebookCheck
from seamless_lab.app.pin_results import LockShown, Pinned, Unpinned
from seamless_lab.app.pinning import PinWish
from seamless_lab.app.portal import Portal
from seamless_lab.app.reads import read_by
from seamless_lab.app.receipt_check import ReceiptCheck
from seamless_lab.app.receipts import Receipt
from seamless_lab.app.results import (
    ArtifactList,
    BackfillPlan,
    BackfillResult,
    CoverageResult,
    FetchResult,
    GapTable,
    Manifest,
    SlaReport,
    VerifyReport,
    with_time,
)
from seamless_lab.app.sealing import SealResult
from seamless_lab.app.sql.connection import TIMEOUT_S, Limits
from seamless_lab.app.sql.query import Query
from seamless_lab.app.sql.query import run as run_query
from seamless_lab.app.sql.relations import Ref
from seamless_lab.app.sql.result import SqlResult
from seamless_lab.app.wiring import Wiring, wire
from seamless_lab.core.backtest.sleeve import Costs
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.policy import Domain, SLAPolicy, Strategy
from seamless_lab.core.reference import Latest
from seamless_lab.core.time import TimeLike, parse_time, parse_time_ms
from seamless_lab.engine.events import Emit
from seamless_lab.engine.jobs import Backfilled
from seamless_lab.engine.request import Answer
from seamless_lab.errors import ConfigError, RequestError

T = TypeVar("T")
Work = Callable[[], Coroutine[None, None, T]]


class Lab:
    """A researcher's door to market data that can vouch for itself.

    Every method has an awaitable twin where it may wait (`afetch`, `abackfill`). Thread-safe; any number of labs, in
    any number of processes, may share one home. A lab that has been used does not survive a fork: the child opens its
    own.

    Parameters
    ----------
    home
        Folder of the stores; by default `SEAMLESS_HOME`, the nearest ancestor with `.seamless/` or `seamless.lock`, or
        the user's data folder.
    config
        A YAML file; by default `SEAMLESS_CONFIG`, or `seamless.yaml` in the home.
    overrides
        Settings by dotted key, above everything else: `{"seamless.strategy": "FAIL_FAST"}`.

    Examples
    --------
    >>> with Lab() as lab:  # doctest: +SKIP
    ...     bars = lab.fetch("ohlcv:binance:BTC/USDT:1m", "2024-01-01", "2024-02-01")
    ...     bars.ref
    'ohlcv:binance:BTC/USDT:1m@sha256:…'
    """

    def __init__(
        self, home: str | None = None, *, config: str | None = None, overrides: dict[str, object] | None = None
    ) -> None:
        self._parts = wire(home=home, config=config, overrides=overrides or {})
        self._door = Door(self._parts)
        self._thread = Portal()
        self._process: int | None = None

    # -- fetch ----------------------------------------------------------------------------------------------------

    def fetch(  # noqa: PLR0913  # each is an option users know, keyword-only
        self,
        node: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        as_of: TimeLike | None = None,
        domain: Domain | str | None = None,
        strategy: Strategy | str | None = None,
        sla: SLAPolicy | str | None = None,
        world: str | None = None,
        max_lag_s: int | None = None,
        min_coverage: float | None = None,
        on_event: Emit | None = None,
    ) -> FetchResult:
        """Bars of a window, complete and sealed, or exactly what is missing and why.

        Parameters
        ----------
        node
            `ohlcv:exchange:symbol:timeframe`, a reference `NODE@SELECTOR` to a sealed version, or `pin:NAME`.
        start, end
            The half-open window `[start, end)`; see `core.time.parse_time`. `end` may be left out when `start` is a
            day, week, month or year, and both for a pin, which has a window.
        as_of
            Read what was known then: a time, `seq:N`, `sha256:…` or `lock`. Same as writing it behind `@`.
        domain
            `dryrun` (default), `live`, `backtest` or `research`.
        strategy
            `SEAMLESS`, `AUTO_BACKFILL`, `PARTIAL_FILL` or `FAIL_FAST`.
        sla
            Budgets: a preset's name or a policy.
        world, max_lag_s, min_coverage
            The rest of the compute context; `max_lag_s` applies to `live` only.
        on_event
            Called in this thread with every event of the fetch while it runs.

        Raises
        ------
        SeamlessError
            See `errors`: each says what to do.
        """
        options = FetchOptions(as_of, domain, strategy, sla, world, max_lag_s, min_coverage)
        ask = self.door.request(node, start, end, options)
        engine = self.wiring.engine_for(ask.asked.store)
        return self._recorded(ask, self._portal.call(lambda: engine.fetch(ask.request), on_event))

    async def afetch(  # noqa: PLR0913  # the options of `fetch`
        self,
        node: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        as_of: TimeLike | None = None,
        domain: Domain | str | None = None,
        strategy: Strategy | str | None = None,
        sla: SLAPolicy | str | None = None,
        world: str | None = None,
        max_lag_s: int | None = None,
        min_coverage: float | None = None,
        on_event: Emit | None = None,
    ) -> FetchResult:
        """`fetch` for async code; cancelling it cancels the work."""
        options = FetchOptions(as_of, domain, strategy, sla, world, max_lag_s, min_coverage)
        ask = await asyncio.to_thread(self.door.request, node, start, end, options)
        engine = self.wiring.engine_for(ask.asked.store)
        return self._recorded(ask, await self._portal.acall(lambda: engine.fetch(ask.request), on_event))

    def _recorded(self, ask: AskedFetch, answer: Answer) -> FetchResult:
        """The result, entered in the journal when it comes from a version."""
        if answer.provenance.fingerprint:
            pin = ask.asked.pin
            self.wiring.reads.add(read_by(ask.asked.written, "" if pin is None else pin.name, answer))
        return FetchResult(answer)

    def live(self, node: str, *, start: TimeLike = "now", limit: int | None = None) -> Iterator[pl.DataFrame]:
        """Bars as they close, from `start` on, without end or exactly `limit` of them; Ctrl-C ends it.

        Each iteration waits for the next bars and gives their frame, as `FetchResult.frame`. They are not sealed yet.
        """
        following, left = self._follow(node, start), limit
        try:
            while left is None or left > 0:
                bars = self._portal.call(lambda: _next(following))
                frame = bars.frame.head(len(bars) if left is None else left)
                left = None if left is None else left - frame.height
                yield with_time(frame)
        finally:
            self._portal.call(lambda: _end(following))

    async def alive(
        self, node: str, *, start: TimeLike = "now", limit: int | None = None
    ) -> AsyncIterator[pl.DataFrame]:
        """`live` for async code."""
        following, left = self._follow(node, start), limit
        try:
            while left is None or left > 0:
                bars = await self._portal.acall(lambda: _next(following))
                frame = bars.frame.head(len(bars) if left is None else left)
                left = None if left is None else left - frame.height
                yield with_time(frame)
        finally:
            await self._portal.acall(lambda: _end(following))

    def _follow(self, node: str, start: TimeLike) -> AsyncGenerator[Bars, None]:
        header = self.door.series(node)
        from_s = parse_time(start, now_s=self.wiring.clock.now_ms() // 1000)
        return self.wiring.tail.follow(header, from_s)

    # -- look -----------------------------------------------------------------------------------------------------

    def coverage(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> CoverageResult:
        """What is known about a window, by cause; without a window, from the first to the last answered slot.

        Asks no source.
        """
        header = self.door.series(node)
        return inspect.coverage(self.wiring, header, self.door.known_window(header, start, end))

    def gaps(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> GapTable:
        """Stretches without a bar, each with its cause, its evidence and the command that repairs it.

        Asks no source.
        """
        header = self.door.series(node)
        return inspect.gaps(self.wiring, header, self.door.known_window(header, start, end))

    def artifacts(self, node: str | None = None) -> ArtifactList:
        """The sealed datasets of the store; with a node, all its versions, newest last.

        With `pin:NAME` those of the pin's node, in the store that the pin is read from.
        """
        if not node:
            return inspect.catalogue(self.wiring)
        pin = self.door.pin(node)
        if pin is not None:
            return inspect.history(self.wiring.pins.store(pin), pin.node)
        return inspect.history(self.wiring.sealed, self.door.node(node))

    def manifest(self, ref: str) -> Manifest:
        """The manifest of one version; of the newest when `ref` is a bare node."""
        asked = self.door.asked(ref)
        return Manifest(asked.version or asked.store.select(asked.node, asked.selector or Latest()))

    def verify(self, ref: str | None = None) -> VerifyReport:
        """Rehash everything that a version (or a node, or the whole store) consists of."""
        if not ref:
            return inspect.verify(self.wiring.sealed, None, None)
        asked = self.door.asked(ref)
        return inspect.verify(asked.store, asked.node, asked.selector)

    def diff(
        self,
        ref: str,
        other: str | None = None,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        rows: int = ROWS,
    ) -> DiffResult:
        """How one version of a series differs from another, bar by bar; reads only what differs.

        Parameters
        ----------
        ref, other
            Two references, the later version second. With one: how the newest version differs from it, or, where it is
            the newest itself, from the one before.
        start, end
            Where to look; by default in what pins among the references have in common, else everywhere.
        store
            Folder of the store to look in for what is no pin; by default the home's.
        rows
            How many bars the result shows, and puts into JSON; its frames hold all.

        Raises
        ------
        RequestError
            For versions of different series, for a window outside a pin's, and for a series with one version only.
        SeamlessError
            As the references deserve.
        """
        refs = [ref] if other is None else [ref, other]
        return comparing.diff(self.wiring, self.door, refs, start, end, store=store, rows=rows)

    def history(
        self,
        ref: str,
        at: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        rows: int = ROWS,
    ) -> BarHistory | WindowHistory:
        """What the sealed versions of a series said about a bar, or a window, over time.

        Parameters
        ----------
        ref
            A node, or a pin of it.
        at, end
            A moment is the bar that holds it; a day, week, month or year, or a moment with an end, is a window. Without
            `at` a pin's window, or all there is.
        store
            Folder of the store to look in; by default the home's, or the pin's.
        rows
            How many commits the history of a window shows, and puts into JSON; its frame holds all.

        Raises
        ------
        RequestError
            For a reference to one version, and for what lies outside a pin's window.
        NotFound
            If the series has no version.
        """
        return comparing.history(self.wiring, self.door, ref, at, end, store=store, rows=rows)

    def sla(self, node: str | None = None, *, since: TimeLike = "-7d") -> SlaReport:
        """How fetches did against their budgets."""
        now_ms = self.wiring.clock.now_ms()
        self._portal.call(self.wiring.engine.wait_logged)
        return inspect.sla(self.wiring, self.door.node(node) if node else None, parse_time_ms(since, now_ms=now_ms))

    # -- research -------------------------------------------------------------------------------------------------

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
        trading = Trading(Costs(fee_bps, slippage_bps), capital, allow_gaps, check_lookahead)
        return backtest(self.wiring, self.door, strategy, pins, start, end, trading)

    # -- vouch ----------------------------------------------------------------------------------------------------

    def seal(self, notebook: str | Path) -> SealResult:
        """Copy the seal that a notebook's outputs carry into its metadata, and into the lockfile.

        The notebook has run, with `%seamless seal` as its last cell, and was saved. Of the file nothing else changes.

        Raises
        ------
        NotFound, RequestError
            If there is no such notebook.
        NoSeal, SealDamaged
            If its outputs have no seal, or one that was changed by hand.
        """
        return sealing.seal_file(self.wiring, Path(notebook))

    def check_notebook(self, notebook: str | Path) -> NotebookCheck:
        """What every cell of a sealed notebook would read today, by its references as they are written.

        Raises as `seal` does.
        """
        return notebook_check.check_notebook(self.wiring, self.door, Path(notebook))

    def receipt(self, *results: object, notebook: str | Path | None = None) -> Receipt:
        """What results depended on: sealed inputs, how they were made, code and software, with a digest of all that.

        Parameters
        ----------
        results
            What this lab's `fetch`, `sql` or `backtest` returned; by default all that it read and made so far.
        notebook
            A notebook's file: the receipt is of its seal, and says which code it is of.

        Raises
        ------
        RequestError
            For a value that this lab did not make.
        NoSeal, SealDamaged, DataError
            For a notebook without a seal, with one that was changed, or whose cells changed after it.

        Examples
        --------
        >>> lab.receipt(lab.backtest(crossover(20, 100), pins=["pin:btc"])).digest  # doctest: +SKIP
        """
        wiring = self.wiring
        made = receipt_making.of_lab(wiring) if notebook is None else receipt_making.of_file(wiring, Path(notebook))
        return receipts.about(made, results) if results else made

    def verify_receipt(
        self, receipt: str | Path, *, run: bool = False, notebook: str | Path | None = None
    ) -> ReceiptCheck:
        """Read the inputs of a receipt again, make its results again, and compare the code of its notebook.

        Parameters
        ----------
        receipt
            A file that `seamless receipt --out` wrote.
        run
            Run the notebook too, in a fresh kernel; its file is left as it is.
        notebook
            Where the notebook is, if not where it was.

        Raises
        ------
        ReceiptDamaged
            If the receipt was changed after it was written.
        """
        place = None if notebook is None else Path(notebook)
        return receipt_check.verify_receipt(self.wiring, Path(receipt), place, run=run)

    # -- act ------------------------------------------------------------------------------------------------------

    def plan(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillPlan:
        """The requests and the time a backfill would take; asks for no bars."""
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        planned = self._portal.call(lambda: self.wiring.jobs.plan(header, window, refresh=refresh), on_event)
        return BackfillPlan(
            header.node, window, planned.gaps, planned.lost, planned.prediction, planned.listed, refresh
        )

    def backfill(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillResult:
        """Fill what is missing and seal it.

        `refresh` asks for answered slots again, and changes become restatements.
        """
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        done = self._portal.call(lambda: self.wiring.jobs.backfill(header, window, refresh=refresh), on_event)
        return _backfill_result(header, done)

    async def abackfill(
        self,
        node: str,
        start: TimeLike,
        end: TimeLike | None = None,
        *,
        refresh: bool = False,
        on_event: Emit | None = None,
    ) -> BackfillResult:
        """`backfill` for async code."""
        header = self.door.series(node)
        window = self.door.window(header, start, end)
        done = await self._portal.acall(lambda: self.wiring.jobs.backfill(header, window, refresh=refresh), on_event)
        return _backfill_result(header, done)

    def publish(self, node: str, start: TimeLike | None = None, end: TimeLike | None = None) -> Manifest:
        """Seal what the hot store knows for good and the head does not hold yet."""
        header = self.door.series(node)
        window = self.door.window(header, start, end) if start is not None else None
        return Manifest(self._portal.call(lambda: self.wiring.jobs.publish(header, window)))

    # -- query ----------------------------------------------------------------------------------------------------

    def sql(  # noqa: PLR0913  # each is an option users know, keyword-only
        self,
        query: str,
        pins: Mapping[str, Ref] | None = None,
        *,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        threads: int = 1,
        timeout_s: float = TIMEOUT_S,
        memory_limit: str = "4GB",
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
            What names stand for: a reference to sealed bars, or a list of them or `pin:GLOB*` for a universe. Without
            it, the query sees all pins of the lockfile by their names. Only those that it names are read.
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
        limits = Limits(threads, timeout_s, memory_limit)
        return run_query(self.wiring, self.door, Query(query, pins, start, end, limits, volatile))

    def rollback(self, ref: str, *, write: bool = False, rows: int = ROWS) -> RollbackResult:
        """What making an older version the newest again changes; with `write`, done at once, as a new version.

        What was observed before, also by other processes, does not undo it; what is observed later does. When others
        seal something meanwhile, that is rolled back too, and the result says what was. Where the newest version holds
        the same already, nothing is written.

        Parameters
        ----------
        ref
            `NODE@SELECTOR`.
        rows
            How many bars the result shows.

        Raises
        ------
        RequestError
            For a bare node, and for a pin that is in another store than the home's.
        NotFound
            If there is no such version.
        Corrupted
            If something of it that the newest version does not have cannot be read.
        ClockSkew
            If the clock is more than 5 s behind the newest version.
        """
        plan = comparing.plan_rollback(self.wiring, self.door, ref, rows=rows)
        if not write or not plan.changes:
            return plan
        made = self._portal.call(lambda: self.wiring.publisher.rollback(plan.target.version))
        return comparing.rolled_back(self.wiring, plan, made.version) if made.created else plan

    # -- pin ------------------------------------------------------------------------------------------------------

    def pin(  # each is an option users know, keyword-only
        self,
        name: str,
        ref: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        replace: bool = False,
        allow_gaps: bool = False,
    ) -> Pinned:
        """Give bars a name in the lockfile; `pin:NAME` stands for exactly these from then on.

        Parameters
        ----------
        name
            Lower-case letters, digits, `_`, `.` and `-`.
        ref
            `NODE@SELECTOR` or `pin:OTHER`; a bare node is its newest sealed version.
        start, end
            The half-open window; without it all that the version holds.
        store
            Folder of the store that has them, at or below the lockfile's folder; by default the home's.
        replace
            Let a name stand for other bars than before.
        allow_gaps
            Pin slots without an answer as such.

        Raises
        ------
        RequestError
            If the name stands for other bars and `replace` is not set.
        GapsRefused
            If the window has slots without an answer and `allow_gaps` is not set.
        """
        wish = PinWish(name, ref, start, end, store, replace, allow_gaps)
        return pinning.pin(self.wiring, self.door, self.wiring.pins, wish)

    def unpin(self, name: str) -> Unpinned:
        """Take a name out of the lockfile; the sealed bars stay."""
        return pinning.unpin(self.wiring.pins, name)

    def lock(self) -> LockShown:
        """The lockfile: pins, engines and notebooks."""
        return LockShown(self.wiring.pins.found(), str(self.wiring.pins.path))

    def check_lock(
        self, names: Sequence[str] = (), *, rebuild: bool = False, on_event: Emit | None = None
    ) -> LockCheck:
        """Read and hash every bar of the pins (by default all) again, and compare them with the lockfile.

        With `rebuild` the bars come from the exchanges instead of the stores; what comes is thrown away afterwards.
        """
        pins = self.wiring.pins
        if not rebuild:
            return lock_check.check(self.wiring, pins, names)
        lock, chosen = lock_check.chosen_pins(pins, names)
        with lock_rebuild.scratch_of(self.wiring) as scratch:
            acquired = self._portal.call(lambda: lock_rebuild.acquire(scratch, chosen), on_event)
            return lock_rebuild.compared(pins, lock, scratch, acquired)

    def update_lock(self, names: Sequence[str] = (), *, write: bool = False) -> LockUpdate:
        """What the newest versions of their series make of the pins (by default all); with `write`, pinned at once."""
        return lock_update.update(self.wiring, self.door, self.wiring.pins, names, write=write)

    # -- lifetime -------------------------------------------------------------------------------------------------

    def add_sink(self, sink: Emit) -> Callable[[], None]:
        """Send every event to `sink`, on the engine's threads; returns the function that ends it."""
        return self.wiring.events.add(sink)

    def wait(self, on_event: Emit | None = None) -> None:
        """Wait for fills that partial answers left behind."""
        self._portal.call(self.wiring.engine.wait_behind, on_event)

    @property
    def wiring(self) -> Wiring:
        """Settings, home and parts, for front ends and diagnosis."""
        self._require_own_process()
        return self._parts

    @property
    def door(self) -> Door:
        """The parser of what users write, for front ends."""
        self._require_own_process()
        return self._door

    def nodes(self) -> Sequence[str]:
        """All series that the stores hold, sorted."""
        return inspect.nodes(self.wiring)

    def known(self) -> Sequence[str]:
        """What completes a reference: the pins as `pin:NAME`, then all series; a broken lockfile has no pins."""
        try:
            lock = self.wiring.pins.found()
        except ConfigError:  # the command that is typed will say so
            lock = None
        names = [] if lock is None else [pin.ref for _, pin in sorted(lock.pins.items())]
        return [*names, *self.nodes()]

    def close(self) -> None:
        """Cancel what runs, close connections and files. Idempotent.

        In a process that was forked from the one that uses the lab there is nothing to close: all of it is the other's.
        """
        if self._process in (None, os.getpid()):
            self._portal.close(self.wiring.close)
            self.wiring.close_files()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _portal(self) -> Portal:
        self._require_own_process()
        return self._thread

    def _require_own_process(self) -> None:
        """Refuse a lab that another process used before it forked this one: its threads and locks stayed there."""
        if self._process is None:
            self._process = os.getpid()
        elif self._process != os.getpid():
            raise RequestError(
                f"This lab was used in process {self._process} before it forked process {os.getpid()}, where its "
                "threads do not exist.",
                hint="Open a new Lab in the new process, started with multiprocessing's forkserver or spawn.",
                process=self._process,
            )


def _backfill_result(header: Header, done: Backfilled) -> BackfillResult:
    errors = tuple(dict.fromkeys(error.message for error in done.outcome.errors))
    return BackfillResult(
        header.node, done.coverage, done.outcome.requests, done.outcome.rows, errors, done.version, done.restated
    )


async def _next(following: AsyncGenerator[Bars, None]) -> Bars:
    return await anext(following)


async def _end(following: AsyncGenerator[Bars, None]) -> None:
    await following.aclose()
