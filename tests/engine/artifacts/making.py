"""Candidates and stores for the tests of the sealed store."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid, grid_of
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate, NoSegmentCache, SealedStore, SegmentCache
from seamless_lab.engine.ports import ObjectStore

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
T0 = 1_704_067_200  # 2024-01-01T00:00Z, a Monday
HOUR, DAY = 3_600, 86_400
JANUARY = TimeRange(T0, T0 + 31 * DAY)
MARCH_MS = (T0 + 60 * DAY) * 1_000
"""A moment at which January and February are over."""

EXECUTOR: Executor = ThreadPoolExecutor(4)

PROCESSES = multiprocessing.get_context("forkserver")
"""Real processes, forked from one that has only imported things: they start at once and share no thread."""
PROCESSES.set_forkserver_preload(["tests.engine.artifacts.making"])


class Ticking:
    """A clock that a test sets; each look moves it on by `step_ms`."""

    def __init__(self, now_ms: int = MARCH_MS, step_ms: int = 1) -> None:
        self.now = now_ms
        self.step_ms = step_ms

    def now_ms(self) -> int:
        self.now += self.step_ms
        return self.now

    def monotonic_s(self) -> float:
        return time.monotonic()


class Counting:
    """An `ObjectStore` that writes down what is asked of another one."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self.reads: list[str] = []
        self.created: list[tuple[str, int]] = []
        self.listed: list[str] = []

    def clear(self) -> None:
        for log in (self.reads, self.created, self.listed):
            log.clear()

    def create(self, path: str, data: bytes) -> bool:
        made = self._inner.create(path, data)
        if made:
            self.created.append((path, len(data)))
        return made

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self._inner.read(path)

    def exists(self, path: str) -> bool:
        self.reads.append(path)
        return self._inner.exists(path)

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        self.listed.append(prefix)
        return self._inner.list(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        self.listed.append(prefix)
        return self._inner.folders(prefix)

    def delete(self, path: str) -> None:
        self._inner.delete(path)

    @property
    def url(self) -> str:
        return self._inner.url


def header_of(timeframe: str = "1m", symbol: str = "BTC/USDT") -> Header:
    node = NodeId("ohlcv", "binance", symbol, timeframe)
    return Header(node, grid_of("binance", timeframe))


HEADER = header_of()


def bars_at(header: Header, opens: np.ndarray, salt: int | np.ndarray = 0) -> Bars:
    """Bars whose values depend on nothing but their open time and the salt, which may be one for each."""
    base = 40_000 + ((opens // header.grid.step_s) * 7_919 + salt * 104_729) % 10_007 / 10
    frame = pl.DataFrame(
        {"ts": opens, "open": base, "high": base + 1, "low": base - 1, "close": base + 0.5, "volume": base % 13},
        schema=SCHEMA,
    )
    return Bars(header.node, header.grid, frame)


def bars_of(header: Header, window: TimeRange, salt: int = 0, *, every: int = 1) -> Bars:
    grid: Grid = header.grid
    return bars_at(header, np.arange(grid.ceil(window.start), window.end, grid.step_s * every, dtype=np.int64), salt)


def candidate(
    window: TimeRange, at_ms: int = 1, *, salt: int = 0, header: Header = HEADER, every: int = 1, report: int = 0
) -> Candidate:
    """All slots of a window answered at one moment; `every` second, third, ... slot has a bar, the others are quiet."""
    return Candidate(
        header,
        bars_of(header, window, salt, every=every),
        Observed.at(Ranges.single(window), at_ms),
        conformance={"version": header.conformance, "flags": {}, "report": report},
        producer={"identity": "tests"},
    )


def days(first: int, last: int | None = None) -> TimeRange:
    """From day `first` of 2024 to the end of day `last`, counted from 0."""
    return TimeRange(T0 + first * DAY, T0 + ((first if last is None else last) + 1) * DAY)


def open_store(
    folder: Path | ObjectStore, *, cache: Path | SegmentCache | None = None, clock: Ticking | None = None
) -> SealedStore:
    """A store as a new process would open it."""
    objects = FolderObjects(folder) if isinstance(folder, Path) else folder
    segments = ArrowSegmentCache(cache) if isinstance(cache, Path) else NoSegmentCache() if cache is None else cache
    return SealedStore(objects, ParquetSegments(), segments, clock=clock or Ticking(), executor=EXECUTOR)


def files(root: Path, kind: str) -> list[Path]:
    """The files of one kind (`data`, `trees`, `commits`) under a store, sorted."""
    return sorted(path for path in root.rglob(f"{kind}/*") if path.is_file())


def rows(bars: Bars) -> list[tuple[float, ...]]:
    return bars.frame.rows()
