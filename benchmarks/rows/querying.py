"""Questions to sealed bars: SQL behind its walls against the same SQL without, and a resample of a universe."""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.bench import T0, Bench, row
from benchmarks.measure import Row, floor, local, ours, race
from benchmarks.rows.research import FAST, SLOW, node_of, own_cache, universe
from seamless_lab.app.lab import Lab
from seamless_lab.core.grid import DAY
from seamless_lab.core.identity import parse_node

FEW = 5

ENTRIES = f"""
WITH judged AS (
    SELECT symbol, ts,
        avg(close) OVER (PARTITION BY symbol ORDER BY ts ROWS {FAST - 1} PRECEDING)
        > avg(close) OVER (PARTITION BY symbol ORDER BY ts ROWS {SLOW - 1} PRECEDING) AS above
    FROM bars),
turns AS (SELECT symbol, above AND NOT lag(above) OVER (PARTITION BY symbol ORDER BY ts) AS entry FROM judged)
SELECT symbol, count(*) FILTER (entry) AS entries FROM turns GROUP BY symbol ORDER BY symbol"""

EXACT_ENTRIES = f"""
WITH judged AS (SELECT symbol, ts, crossover(close, {FAST}, {SLOW}, ts, symbol) AS held FROM bars),
turns AS (SELECT symbol, held = 1 AND lag(held) OVER (PARTITION BY symbol ORDER BY ts) = 0 AS entry FROM judged)
SELECT symbol, count(*) FILTER (entry) AS entries FROM turns GROUP BY symbol ORDER BY symbol"""

DAILY = """
SELECT symbol, day AS ts, arg_min(open, ts) AS open, max(high) AS high, min(low) AS low, arg_max(close, ts) AS close,
    sum(volume) AS volume
FROM (SELECT *, ts - ts % 86400 AS day FROM bars) GROUP BY symbol, day ORDER BY symbol, ts"""

SEALED_DAILY = "SELECT symbol, ts, open, high, low, close, volume FROM resample('bars', '1d') ORDER BY symbol, ts"


@row("sealed-sql")
def sealed_sql(bench: Bench) -> Row:
    """Entries of a moving-average crossover over a few symbols, in sealed SQL and in plain DuckDB."""
    names, days = [f"S{number:03d}" for number in range(bench.sizes.symbols)], bench.sizes.year_days
    few, window = names[:FEW], (T0, T0 + days * DAY)
    found = Row("sealed-sql", f"crossover entries over {len(few)} symbols × {days} days of 1m, in SQL")
    with own_cache(bench), Lab(str(universe(bench, names, days))) as lab:
        refs = [lab.manifest(node_of(name)).ref for name in few]
        frames = {name: lab.fetch(ref, *window, domain="research").frame for name, ref in zip(few, refs, strict=True)}
        sealed = partial(lab.sql, pins={"bars": refs})
        entries = sealed(EXACT_ENTRIES).frame["entries"].sum()
        found.measures = race(
            [
                ours("ours: sealed SQL", lambda: sealed(ENTRIES), lab.wiring.sealed.forget),
                ours("ours: decided exactly, by macro", lambda: sealed(EXACT_ENTRIES), lab.wiring.sealed.forget),
                local("plain DuckDB on Arrow", lambda: _plain(ENTRIES, frames)),
            ],
            bench.sizes.rounds,
        )
    found.against("ours: sealed SQL", "plain DuckDB on Arrow", 1.2, "overhead ≤ 1.2 × plain DuckDB")
    found.notes.append(
        f"One thread each. Ours resolves, reads and checks the pins, and digests the result; DuckDB finds its frames "
        f"in memory. The macro decides in whole numbers and finds {entries:,} entries."
    )
    return found


@row("daily-resample")
def daily_resample(bench: Bench) -> Row:
    """Daily bars of a universe of minutes, in polars and in sealed SQL."""
    names, days = [f"S{number:03d}" for number in range(bench.sizes.symbols)], bench.sizes.year_days
    bars, window = len(names) * days * 1_440, (T0, T0 + days * DAY)
    found = Row("daily-resample", f"daily bars of {len(names)} symbols × {days} days of 1m: {bars:,} bars")
    with own_cache(bench), Lab(str(universe(bench, names, days))) as lab:
        refs = [lab.manifest(node_of(name)).ref for name in names]

        def fetched() -> list[pl.DataFrame]:
            return [lab.fetch(ref, *window, domain="research").bars.frame for ref in refs]

        kept = fetched()
        frames = dict(zip(names, kept, strict=True))
        trees = {name: lab.wiring.sealed.resolve(parse_node(node_of(name))).tree for name in names}
        segments = lab.wiring.home.cache / "segments"

        def mapped_anew(name: str) -> pl.DataFrame:
            files = (str(segments / f"{pack.digest}.arrow") for pack in trees[name].packs)
            return pl.concat([pl.DataFrame(pa.ipc.open_file(pa.memory_map(file)).get_batch(0)) for file in files])

        found.measures = race(
            [
                ours("ours: fetched, polars", lambda: [_by_polars(frame) for frame in fetched()]),
                ours("ours: sealed SQL", lambda: lab.sql(SEALED_DAILY, pins={"bars": refs})),
                floor("mapped Arrow, numpy reduceat", lambda: [_by_numpy(frame) for frame in kept]),
                floor("the same, mapped anew", lambda: [_by_numpy(frame) for frame in map(mapped_anew, names)]),
                local("plain DuckDB on Arrow", lambda: _plain(DAILY, frames)),
                local("plain DuckDB, mapped anew", lambda: _plain(DAILY, {name: mapped_anew(name) for name in names})),
            ],
            min(3, bench.sizes.rounds),
        )
    found.against("ours: fetched, polars", "mapped Arrow, numpy reduceat", 1.5, "in polars ≤ 1.5 × floor")
    found.against("ours: sealed SQL", "plain DuckDB on Arrow", 1.2, "in sealed SQL ≤ 1.2 × plain DuckDB")
    anew = found.ratio("plain DuckDB, mapped anew", "plain DuckDB on Arrow")
    found.notes.append(
        "The floor and DuckDB (one thread, like ours) find the bars of all symbols mapped already. Ours keeps 256 MiB "
        "of them at hand, a tenth, so that memory does not grow with the number of symbols, and maps the rest again "
        f"each time: plain DuckDB that does so too, and checks nothing, takes {anew:.2f} × what it takes without. "
        "Beyond that ours finds the versions, and looks whether each segment is still the one that was verified."
    )
    return found


def _plain(query: str, frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The same question to DuckDB as anybody would ask it, over the frames where they are."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        for name, frame in frames.items():
            connection.register(f"__{name}", frame)
        parts = (f"SELECT '{name}' AS symbol, ts, open, high, low, close, volume FROM \"__{name}\"" for name in frames)
        connection.execute(f"CREATE VIEW bars AS {' UNION ALL '.join(parts)}")
        return pl.DataFrame(connection.sql(query).to_arrow_table())


def _by_polars(frame: pl.DataFrame) -> pl.DataFrame:
    columns = (pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"))
    days = frame.lazy().with_columns(day=(pl.col("ts") // DAY).set_sorted())  # half of what group_by_dynamic takes
    return days.group_by("day", maintain_order=True).agg(*columns).collect()


def _by_numpy(frame: pl.DataFrame) -> tuple[np.ndarray, ...]:
    ts, *values = (frame[name].to_numpy() for name in ("ts", "open", "high", "low", "close", "volume"))
    opened, high, low, close, volume = values
    day = ts // DAY
    first = np.flatnonzero(np.concatenate(([True], day[1:] != day[:-1])))
    last = np.append(first[1:], ts.size) - 1
    return (
        ts[first],
        opened[first],
        np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first),
        close[last],
        np.add.reduceat(volume, first),
    )
