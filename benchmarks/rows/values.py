"""Pure values: digests, conformance, parsing, coverage."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable
from itertools import chain

import numpy as np
import polars as pl

from benchmarks.bench import HEADER, T0, Bench, row, walk
from benchmarks.measure import Contender, Row, floor, ours, race
from seamless_lab.adapters.ccxt_rows import to_frame
from seamless_lab.core.bars import COLUMNS, VALUES
from seamless_lab.core.conformance import conform
from seamless_lab.core.digest import content_of, root_of
from seamless_lab.core.grid import DAY
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import TimeRange

CHUNKS = 16
DAYS_AT_ONCE = 91  # as many as one of our batches has
Arrays = dict[str, np.ndarray]


@row("fingerprint")
def fingerprint(bench: Bench) -> Row:
    """The digest of five years, computed from the bars alone, and the root over digests that are known."""
    found = Row("fingerprint", f"fingerprint of {bench.frame.height:,} bars")
    arrays = [bench.frame[name].to_numpy() for name in COLUMNS]
    answered = Ranges.single(bench.window)
    version = bench.open_store(bench.store_folder).resolve(HEADER.node)
    pieces = [part for array in arrays for part in np.array_split(array, CHUNKS)]

    def buffers() -> object:
        return [digest.digest() for digest in bench.executor.map(hashlib.sha256, pieces)]

    minutes = DAY // HEADER.grid.step_s
    firsts = range(0, bench.frame.height, minutes)
    batches = [firsts[at : at + DAYS_AT_ONCE] for at in range(0, len(firsts), DAYS_AT_ONCE)]

    def by_day(batch: range) -> list[bytes]:
        days = (b"".join(array[first : first + minutes] for array in arrays) for first in batch)
        return [hashlib.sha256(day).digest() for day in days]

    contenders: list[Contender] = [
        ours("ours, two threads", lambda: content_of(HEADER, bench.bars, answered, executor=bench.executor)),
        ours("ours, one thread", lambda: content_of(HEADER, bench.bars, answered)),
        ours("ours: root over known digests", lambda: root_of(HEADER, version.tree.packs)),
        floor("SHA-256 of the buffers, two threads", buffers),
        floor("SHA-256 of the buffers, one thread", lambda: [hashlib.sha256(array).digest() for array in arrays]),
        floor("SHA-256 of each day, two threads", lambda: list(bench.executor.map(by_day, batches))),
    ]
    if bench.with_peers:
        peer = bench.peer("frame_tools")
        peer.prepare("load", data=bench.data)
        contenders += [
            peer.contender("polars CSV, hashed", "digest_csv"),
            peer.contender("polars NDJSON, hashed", "digest_ndjson"),
        ]
    found.measures = race(contenders, bench.sizes.rounds)
    found.against("ours, two threads", "SHA-256 of the buffers, two threads", 1.3, "≤ 1.3 × floor, two threads")
    daily = found.ratio("SHA-256 of each day, two threads", "SHA-256 of the buffers, two threads")
    found.notes.append(
        "A leaf is one digest over six columns, whose bytes are copied together first: six calls a day in place would "
        f"each give up the interpreter's lock and wait for it again. Copying and hashing days, and nothing else, takes "
        f"{daily:.2f} × the floor, whose pieces are twenty times as large. Ours also looks at every number for "
        "-0.0 and NaN, and makes the leaves, packs and root."
    )
    return found


@row("conformance")
def conformance(bench: Bench) -> Row:
    """Rows as received to canonical bars with a report: clean, with duplicates, in shuffled pages."""
    bars = bench.sizes.bars
    found = Row("conformance", f"conformance of {bars:,} bars: clean, 1 % duplicates, shuffled pages")
    clean = walk(T0, bars).with_columns(pl.col("ts") * 1_000)
    random = np.random.default_rng(11)
    order = np.sort(np.concatenate((np.arange(bars), random.integers(0, bars, bars // 100))))
    pages = random.permutation(-(-bars // 1_000))
    shuffled = np.concatenate([np.arange(page * 1_000, min(bars, (page + 1) * 1_000)) for page in pages])
    window = TimeRange(T0, T0 + bars * 60)
    answered = Ranges.single(window)
    for name, frame in (("clean", clean), ("duplicates", clean[order]), ("shuffled", clean[shuffled])):
        raw = RawBars(frame, TimeUnit.MILLISECONDS)
        arrays = {column: frame[column].to_numpy() for column in COLUMNS}
        contenders: list[Contender] = [
            ours(f"ours: {name}", lambda raw=raw: conform(raw, HEADER, window, answered=answered)),
            floor(f"numpy: {name}", lambda arrays=arrays: _numpy_conform(arrays)),
        ]
        if bench.with_peers:
            peer = bench.peer("frame_tools")
            peer.prepare("load", data=bench.arrow_file(frame))
            contenders += [
                peer.contender(f"{label}: {name}", f"conform_{label.lower()}")
                for label in ("polars", "pandas", "DuckDB")
            ]
        found.measures += race(contenders, bench.sizes.rounds)
        bench.close_peers()
        found.against(f"ours: {name}", f"numpy: {name}", 1.5, f"{name} ≤ 1.5 × floor")
    found.notes.append(
        "The floor sorts only what is unsorted, keeps the last of equal times, counts jumps, tests finiteness."
    )
    return found


def _numpy_conform(arrays: Arrays) -> tuple[Arrays, int, bool]:
    ts, columns = arrays["ts"], [arrays[name] for name in VALUES]
    steps = np.diff(ts)
    if steps.size and steps.min() < 0:
        order = np.argsort(ts, kind="stable")
        ts, columns = ts[order], [column[order] for column in columns]
        steps = np.diff(ts)
    if (steps == 0).any():
        keep = np.append(steps != 0, True)
        ts, columns = ts[keep], [column[keep] for column in columns]
        steps = np.diff(ts)
    gaps = int((steps != 60_000).sum())
    seconds = ts // 1_000
    on_grid = not (seconds % 60).any()
    finite = on_grid and all(bool(np.isfinite(column).all()) for column in columns)
    return dict(zip(COLUMNS, (seconds, *columns), strict=True)), gaps, finite


@row("ccxt-rows")
def ccxt_rows(bench: Bench) -> Row:
    """An exchange's JSON rows to columns: numbers as ccxt gives them, and Binance's own twelve text columns."""
    count = bench.sizes.bars
    found = Row("ccxt-rows", f"ccxt rows (list of lists) to columns, {count:,} rows")
    frame = walk(T0, count).with_columns(pl.col("ts") * 1_000)
    gc.disable()
    rows: list[object] = [list(each) for each in frame.iter_rows()]
    gc.enable()

    def chained() -> object:
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=6 * len(rows))
        return flat.reshape(-1, 6).T.copy()

    contenders: list[Contender] = [
        ours("ours: numbers", lambda: to_frame(rows, _parse)),
        floor("np.fromiter(chain)", chained),
        floor("np.array(rows)", lambda: np.array(rows)),
    ]
    if bench.with_peers:
        peer = bench.peer("frame_tools")
        peer.prepare("load_rows", data=bench.arrow_file(frame))
        contenders += [
            peer.contender('polars orient="row"', "rows_polars"),
            peer.contender("pandas", "rows_pandas"),
            peer.contender("zip", "rows_zip"),
        ]
    found.measures = race(contenders, max(1, bench.sizes.rounds - 2))
    raw: list[object] = [
        [each[0], *(f"{value:.8f}" for value in each[1:]), each[0] + 59_999, "1.0", 7, "1.0", "1.0", "0"]
        for each in rows[:1_000]
    ]
    pages = max(1, count // 1_000)
    found.measures += race(
        [
            ours(f"ours: {pages:,} pages of text", lambda: [to_frame(raw, _parse) for _ in range(pages)]),
            floor(
                f"np.array of six: {pages:,} pages of text",
                lambda: [np.array([each[:6] for each in raw], dtype=np.float64) for _ in range(pages)],
            ),
        ],
        max(1, bench.sizes.rounds - 2),
    )
    found.against("ours: numbers", "np.fromiter(chain)", 1.2, "≤ 1.2 × floor")
    found.against(
        f"ours: {pages:,} pages of text",
        f"np.array of six: {pages:,} pages of text",
        1.2,
        "text, by pages ≤ 1.2 × floor",
    )
    return found


def _parse(row: object) -> list[object]:
    """What ccxt's parser does for Binance."""
    assert isinstance(row, list)
    return [int(float(row[0])), *(float(value) for value in row[1:6])]


@row("coverage-algebra")
def coverage_algebra(bench: Bench) -> Row:
    """Union, intersection and difference of two normalised sets of ranges."""
    found = Row("coverage-algebra", f"set algebra on {', '.join(f'{n:,}' for n in bench.sizes.ranges)} ranges a side")
    tests: dict[str, tuple[Callable[[Ranges, Ranges], Ranges], Callable[[Ranges, Ranges], object]]] = {
        "union": (lambda a, b: a | b, _union),
        "intersection": (lambda a, b: a & b, _intersection),
        "difference": (lambda a, b: a - b, _difference),
    }
    for place, size in enumerate(bench.sizes.ranges):
        a, b = _ranges(size, 1), _ranges(size, 2)
        peer = None
        if bench.with_peers and place == 0:
            peer = bench.peer("intervals")
            path = bench.new("ranges.npz")
            np.savez(path, a_starts=a.starts, a_ends=a.ends, b_starts=b.starts, b_ends=b.ends)
            peer.prepare("load", path=str(path))
        for name, (mine, bare) in tests.items():
            label = f"{name}, {size:,}"
            repeat = max(1, 20_000 // size)
            contenders: list[Contender] = [
                ours(f"ours: {label}", _repeated(lambda a=a, b=b, mine=mine: mine(a, b), repeat)),
                floor(f"numpy: {label}", _repeated(lambda a=a, b=b, bare=bare: bare(a, b), repeat)),
            ]
            measures = [_each(measure, repeat) for measure in race(contenders, bench.sizes.rounds * 3)]
            if peer is not None:
                measures += race(
                    [
                        peer.contender(f"portion: {label}", "portion_algebra", what=name),
                        peer.contender(f"intervaltree: {label}", "tree_algebra", what=name),
                    ],
                    2,
                )
            found.measures += measures
            found.against(f"ours: {label}", f"numpy: {label}", 1.5, f"{label} ≤ 1.5 × floor")
    a, b = _ranges(63, 1), _ranges(63, 2)
    slowest = 0.0
    for name, (mine, _) in tests.items():
        small = race([ours(f"ours: {name}, 63", _repeated(lambda mine=mine: mine(a, b), 500))], bench.sizes.rounds)
        found.measures += [_each(measure, 500) for measure in small]
        slowest = max(slowest, found.best(f"ours: {name}, 63") or 0.0)
    found.at_most("below 64 ranges ≤ 30 µs", slowest * 1_000, 30, "µs")
    return found


def _repeated(work: Callable[[], object], times: int) -> Callable[[], object]:
    def run() -> None:
        for _ in range(times):
            work()

    return run


def _each(measure: object, repeat: int) -> object:
    from dataclasses import replace

    if measure.wall_ms is None:
        return measure
    return replace(measure, wall_ms=measure.wall_ms / repeat, cpu_ms=measure.cpu_ms / repeat)  # type: ignore[attr-defined, type-var]  # a Measure


def _ranges(count: int, seed: int) -> Ranges:
    steps = np.random.default_rng(seed).integers(1, 60, (count, 2)) * 60
    edges = np.cumsum(steps.ravel()).reshape(-1, 2)
    return Ranges.normalised(edges[:, 0], edges[:, 1])


def _sorted(*parts: np.ndarray) -> np.ndarray:
    joined = np.concatenate(parts)
    joined.sort(kind="stable")
    return joined


def _union(a: Ranges, b: Ranges) -> object:
    starts, ends = _sorted(a.starts, b.starts), _sorted(a.ends, b.ends)
    apart = np.flatnonzero(starts[1:] > ends[:-1])
    return np.append(starts[:1], starts[1:][apart]), np.append(ends[:-1][apart], ends[-1:])


def _intersection(a: Ranges, b: Ranges) -> object:
    return _twice(_sorted(a.starts, b.starts), _sorted(a.ends, b.ends))


def _difference(a: Ranges, b: Ranges) -> object:
    limits = np.iinfo(np.int64)
    return _twice(_sorted(a.starts, [limits.min], b.ends), _sorted(a.ends, b.starts, [limits.max]))


def _twice(starts: np.ndarray, ends: np.ndarray) -> object:
    both = np.flatnonzero(starts[1:] < ends[:-1])
    return starts[1:][both], ends[:-1][both]
