"""Research on sealed bars: backtests over many symbols, and looking back over many versions."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import HEADER, T0, Bench, candidate, row, walk
from benchmarks.child import in_child
from benchmarks.measure import Row, floor, local, ours, race
from benchmarks.objects import Counting
from seamless_lab import crossover
from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.app.lab import Lab
from seamless_lab.core.bars import Bars
from seamless_lab.core.comparison import State
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import DAY, grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate, NoSegmentCache, SealedStore

FAST, SLOW, FEE_BPS = 20, 100, 10.0
RESTATED_EVERY_DAYS = 30
"""An hour of the week before is restated as often."""


@row("backtest-crossover")
def backtest_crossover(bench: Bench) -> Row:
    """A moving-average crossover over many symbols, each a year of minutes."""
    names, days = [f"S{number:03d}" for number in range(bench.sizes.symbols)], bench.sizes.year_days
    found = Row(
        "backtest-crossover",
        f"crossover backtest with fees, {len(names)} symbols × {days} days of 1m: {len(names) * days * 1_440:,} bars",
    )
    home = universe(bench, names, days)
    files = {name: _files(home, name) for name in names}
    with own_cache(bench), Lab(str(home)) as lab:
        refs = {name: lab.manifest(node_of(name)).ref for name in names}
        test = partial(lab.backtest, crossover(FAST, SLOW), pins=refs, fee_bps=FEE_BPS)
        function = partial(lab.backtest, _above, pins=refs, fee_bps=FEE_BPS)
        trades = test().metrics.trades  # writes the segments
        contenders = [
            ours("ours: lab.backtest", test, lab.wiring.sealed.forget),
            ours("ours: a polars function, checked for look-ahead", function, lab.wiring.sealed.forget),
            ours(
                "ours: a polars function, unchecked",
                partial(function, check_lookahead=False),
                lab.wiring.sealed.forget,
            ),
            local("polars per symbol, Parquet", lambda: [_by_polars(files[name]) for name in names]),
            local("numpy per symbol, Parquet", lambda: [_by_numpy(files[name]) for name in names]),
            local("pandas per symbol, Parquet", lambda: [_by_pandas(files[name]) for name in names]),
            floor("read closes from Parquet", lambda: [_closes(files[name]).height for name in names]),
        ]
        found.measures = race(contenders, max(2, bench.sizes.rounds - 3))
    found.against("ours: lab.backtest", "polars per symbol, Parquet", 1.2, "≤ 1.2 × polars per symbol")
    found.against("ours: lab.backtest", "polars per symbol, Parquet", 1.0, "warm cache: faster than polars")
    found.notes.append(
        f"Ours: {trades:,} closed trades, decided exactly, next-bar fills, equity of every bar, metrics, digest. "
        "Polars, numpy and pandas: positions, close-to-close returns less fees, and their product."
    )
    return found


@row("backtest-memory")
def backtest_memory(bench: Bench) -> Row:
    """Peak memory of the same with few and with many symbols, in a process of its own."""
    most, days = bench.sizes.symbols, bench.sizes.year_days
    few = max(1, most // 10)
    found = Row("backtest-memory", f"peak memory of the backtest with {few} and with {most} symbols of {days} days")
    names = [f"S{number:03d}" for number in range(most)]
    home = universe(bench, names, days)
    peaks = {}
    for count in (few, most):
        nodes = [node_of(name) for name in names[:count]]
        with own_cache(bench):  # the first of the two fills it
            told = [in_child("backtest", home=str(home), nodes=nodes, fast=FAST, slow=SLOW) for _ in range(2)]
        peaks[count] = min(one["peak_mb"] for one in told)
        found.notes.append(
            f"{count} symbols: {peaks[count]:,.0f} MB at most, {told[0]['trades']:,} trades in the result."
        )
    found.at_most(f"{most} symbols' peak over {few} symbols'", peaks[most] / peaks[few], 1.25, "×")
    found.notes.append("Mapped files count as long as they are mapped; a lab keeps up to 256 MiB of them at hand.")
    return found


@row("history")
def history(bench: Bench) -> Row:
    """What was believed about a bar, a month, and everything, over daily commits with restatements."""
    days = bench.sizes.days
    folder = bench.new("daily")
    clock = ManualClock(T0 * 1_000)
    store = bench.open_store(folder, NoSegmentCache(), clock)
    for day in range(days):
        clock.advance(DAY)
        _seal(bench, store, clock, TimeRange(T0 + day * DAY, T0 + (day + 1) * DAY))
        if day % RESTATED_EVERY_DAYS == RESTATED_EVERY_DAYS - 1:
            clock.advance(1)
            start = T0 + (day - 7) * DAY
            _seal(bench, store, clock, TimeRange(start, start + 3_600), dearer=0.01)
    counting = Counting(FolderObjects(folder))
    segments = ArrowSegmentCache(bench.new("daily-segments"))
    commits = store.resolve(HEADER.node).commit.seq
    found = Row("history", f"looking back over {commits:,} daily commits of 1m, with nothing in memory")
    slot = TimeRange(T0 + (RESTATED_EVERY_DAYS - 8) * DAY, T0 + (RESTATED_EVERY_DAYS - 8) * DAY + 60)
    month = TimeRange(T0, T0 + 31 * DAY)

    def fresh() -> SealedStore:
        return bench.open_store(counting, segments)

    def read_every_version() -> object:
        new = fresh()
        versions = [new.resolve(HEADER.node, seq=seq) for seq in range(1, commits + 1)]
        return [new.read(version, slot).content for version in versions]

    found.measures = race(
        [
            ours("ours: a restated bar", lambda: fresh().beliefs(HEADER.node, slot.start)),
            ours("ours: a month", lambda: list(fresh().changes(HEADER.node, month))),
            ours("ours: everything", lambda: list(fresh().changes(HEADER.node))),
            floor("reading the bar in every version", read_every_version),
        ],
        max(1, bench.sizes.rounds // 2),
    )
    found.against("ours: a restated bar", "reading the bar in every version", 0.1, "a bar ≤ 0.1 × reading all")
    counting.clear()
    beliefs = fresh().beliefs(HEADER.node, slot.start)
    asked, known = len(counting.reads), sum(belief.state is not State.UNANSWERED for belief in beliefs)
    found.at_most("object reads for a bar ≤ 3 · (2·log2(n)+4)", asked, 3 * (2 * math.log2(commits) + 4), "reads")
    found.at_most("listings", len(counting.listed), 0, "")
    changes = list(fresh().changes(HEADER.node))
    restated = sum(change.counts.restated for change in changes)
    found.notes.append(f"The bar had {known} values; everything: {len(changes):,} changes, {restated:,} bars restated.")
    return found


def _seal(bench: Bench, store: SealedStore, clock: ManualClock, window: TimeRange, dearer: float = 0.0) -> None:
    bars = bench.bars.window(window)
    frame = bars.frame.with_columns(pl.col("close") + dearer) if dearer else bars.frame
    store.publish(candidate(Bars(bars.node, bars.grid, frame), window, clock.now_ms()))


def node_of(name: str) -> str:
    return f"ohlcv:binance:{name}/USDT:1m"


def universe(bench: Bench, names: Sequence[str], days: int) -> Path:
    """A home with a sealed year of minutes for each name."""
    home = bench.folder / f"universe-{len(names)}-{days}"
    if not home.exists():
        store = bench.open_store(home / "artifacts", NoSegmentCache())
        window = TimeRange(T0, T0 + days * DAY)
        for seed, name in enumerate(names):
            header = Header(parse_node(node_of(name)), grid_of("binance", "1m"))
            bars = Bars(header.node, header.grid, walk(T0, days * 1_440, seed))
            store.publish(Candidate(header, bars, Observed.at(Ranges.single(window), 1_735_700_000_000)))
            store.compact(header.node)
            store.forget()
    return home


@contextmanager
def own_cache(bench: Bench) -> Iterator[None]:
    """Segments of these homes beside them, and not among the user's."""
    before = os.environ.get("SEAMLESS_CACHE_DIR")
    os.environ["SEAMLESS_CACHE_DIR"] = str(bench.folder / "cache")
    try:
        yield
    finally:
        if before is None:
            del os.environ["SEAMLESS_CACHE_DIR"]
        else:
            os.environ["SEAMLESS_CACHE_DIR"] = before


def _files(home: Path, name: str) -> list[str]:
    folder = home / "artifacts" / parse_node(node_of(name)).path / "data"
    return sorted(
        (str(path) for path in folder.glob("*.parquet")), key=lambda path: pq.read_table(path)["ts"][0].as_py()
    )


def _above(_: pl.DataFrame) -> pl.Expr:
    return pl.col("close").rolling_mean(FAST) > pl.col("close").rolling_mean(SLOW)


def _closes(files: Sequence[str]) -> pl.DataFrame:
    return pl.scan_parquet(files).select("close").collect()


def _by_polars(files: Sequence[str]) -> float:
    close, held = pl.col("close"), pl.col("held")
    above = (close.rolling_mean(FAST) > close.rolling_mean(SLOW)).cast(pl.Float64)
    frame = _closes(files).select("close", held=above.fill_null(0.0).shift(1, fill_value=0.0))
    growth = 1 + held * close.pct_change().fill_null(0.0) - held.diff().abs().fill_null(0.0) * (FEE_BPS / 10_000)
    return float(frame.select(equity=growth.cum_prod())["equity"][-1])


def _by_numpy(files: Sequence[str]) -> float:
    table = pa.concat_tables([pq.read_table(path, columns=["close"]) for path in files])
    close = table["close"].to_numpy()
    sums = np.concatenate((np.zeros(1), np.cumsum(close)))
    held = np.zeros(close.size)
    fast = (sums[SLOW:] - sums[SLOW - FAST : -FAST]) / FAST
    held[SLOW:] = (fast > (sums[SLOW:] - sums[:-SLOW]) / SLOW)[:-1]
    growth = 1 + held[1:] * (close[1:] / close[:-1] - 1) - np.abs(np.diff(held)) * (FEE_BPS / 10_000)
    return float(np.cumprod(growth)[-1])


def _by_pandas(files: Sequence[str]) -> float:
    import pandas as pd

    close = pd.concat([pd.read_parquet(path, columns=["close"]) for path in files])["close"].reset_index(drop=True)
    held = (close.rolling(FAST).mean() > close.rolling(SLOW).mean()).astype(float).shift(1, fill_value=0.0)
    growth = 1 + held * close.pct_change().fillna(0.0) - held.diff().abs().fillna(0.0) * (FEE_BPS / 10_000)
    return float(growth.cumprod().iloc[-1])
