"""What all rows of a run share: sizes, a temporary folder, the dataset, the peers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.environment import Peer, PeerFailed
from benchmarks.measure import Contender, Kind, Row, Sample
from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.core.bars import COLUMNS, SCHEMA, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import DAY, grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate, NoSegmentCache, SealedStore, SegmentCache
from seamless_lab.engine.ports import Clock, ObjectStore

NODE = "ohlcv:binance:BTC/USDT:1m"
HEADER = Header(parse_node(NODE), grid_of("binance", "1m"))
T0 = 1_577_836_800  # 2020-01-01T00:00Z
FIVE_YEARS_DAYS = 1_827
THREADS = 2


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work a run does. The defaults are those of the targets."""

    days: int = FIVE_YEARS_DAYS
    bars: int = 1_000_000
    year_days: int = 365
    ranges: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    commits: tuple[int, ...] = (10, 1_000, 10_000)
    nodes: int = 10_000
    symbols: int = 100
    calls: int = 100
    seconds: float = 10.0
    rounds: int = 7


QUICK = Sizes(
    days=366, bars=200_000, year_days=60, ranges=(1_000, 100_000), commits=(10, 1_000), nodes=1_000, symbols=20,
    calls=30, seconds=3.0, rounds=4,
)  # fmt: skip
TINY = Sizes(
    days=35, bars=3_000, year_days=3, ranges=(100,), commits=(5, 20), nodes=12, symbols=3, calls=3, seconds=0.3,
    rounds=1,
)  # fmt: skip


KEEPERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ArcticDB", "arctic", {}),
    ("Delta Lake", "delta", {}),
    ("Iceberg", "iceberg", {}),
    ("NautilusTrader", "nautilus", {}),
    ("freqtrade, Feather", "freq", {"kind": "feather"}),
    ("freqtrade, Parquet", "freq", {"kind": "parquet"}),
)


@dataclass(frozen=True, slots=True)
class Keeper:
    """A peer that holds the dataset; when it does not, its rounds say why."""

    label: str
    peer: Peer
    extra: dict[str, str]

    def contender(
        self, op: str, label: str = "", before: Callable[[], object] | None = None, **args: object
    ) -> Contender:
        """One of its operations as a contender."""
        return self.asked(lambda: (op, args), label, before)

    def asked(
        self,
        ask: Callable[[], tuple[str, dict[str, object]]],
        label: str = "",
        before: Callable[[], object] | None = None,
    ) -> Contender:
        """An operation whose arguments change from round to round."""

        def run() -> Sample:
            op, args = ask()
            return self.peer.sample(op, **args, **self.extra)

        return Contender(Kind.PEER, label or self.label, run, before)


class Bench:
    """One run. Use as a context; everything it makes is gone afterwards."""

    def __init__(self, sizes: Sizes, *, with_peers: bool = True, why_no_peers: str = "") -> None:
        self.sizes = sizes
        self.with_peers = with_peers
        self._why_no_peers = why_no_peers
        self.folder = Path(tempfile.mkdtemp(prefix="seamless-bench-"))
        self.executor = ThreadPoolExecutor(THREADS)
        self._peers: list[Peer] = []
        self._kept: list[Peer] = []
        self._made = 0

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_peers()
        for peer in self._kept:
            peer.close()
        self.executor.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self, name: str) -> Path:
        """A path in the run's folder that nobody has used."""
        self._made += 1
        return self.folder / f"{self._made:03d}-{name}"

    def peer(self, module: str) -> Peer:
        """A peer's process, ended with the row."""
        peer = Peer(module, why_missing=self._why_no_peers)
        self._peers.append(peer)
        return peer

    def close_peers(self) -> None:
        """End the processes of peers that one row has used."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()

    @cached_property
    def keepers(self) -> list[Keeper]:
        """Peers that hold the dataset, loaded once for all rows."""
        if not self.with_peers:
            return []
        peers = {module: Peer(module, why_missing=self._why_no_peers) for _, module, _ in KEEPERS}
        for peer in peers.values():  # they import for seconds: all at once
            with suppress(PeerFailed):
                peer.start()
        self._kept = list(peers.values())
        return [self._prepared(label, peers[module], extra) for label, module, extra in KEEPERS]

    def _prepared(self, label: str, peer: Peer, extra: dict[str, str]) -> Keeper:
        peer.prepare("prepare", folder=str(self.new("peer")), data=self.data, **extra)
        return Keeper(label, peer, extra)

    # -- the dataset ------------------------------------------------------------------------------------------------

    @cached_property
    def frame(self) -> pl.DataFrame:
        """Minutes of a random walk over all days, with all slots present."""
        return walk(T0, self.sizes.days * DAY // 60)

    @cached_property
    def window(self) -> TimeRange:
        """All days of the dataset."""
        return TimeRange(T0, T0 + self.sizes.days * DAY)

    @cached_property
    def bars(self) -> Bars:
        """The dataset as bars."""
        return Bars(HEADER.node, HEADER.grid, self.frame)

    @cached_property
    def data(self) -> str:
        """The dataset as an uncompressed Arrow file, which peers load."""
        return self.arrow_file(self.frame)

    @cached_property
    def store_folder(self) -> Path:
        """A sealed store with the dataset, published once; rows that change it copy it."""
        folder = self.new("store")
        self.open_store(folder).publish(candidate(self.bars, self.window))
        return folder

    @cached_property
    def cache_folder(self) -> Path:
        """The segment cache of `store_folder`, warm."""
        folder = self.new("segments")
        store = self.open_store(self.store_folder, ArrowSegmentCache(folder))
        store.read(store.resolve(HEADER.node))
        return folder

    def arrow_file(self, frame: pl.DataFrame) -> str:
        """A frame as an uncompressed Arrow file."""
        path = self.new("frame.arrow")
        batch = frame.rechunk().to_arrow().combine_chunks().to_batches()[0]
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        return str(path)

    def open_store(
        self, folder: Path | ObjectStore, cache: SegmentCache | None = None, clock: Clock | None = None
    ) -> SealedStore:
        """A sealed store as a lab would open it."""
        objects = FolderObjects(folder) if isinstance(folder, Path) else folder
        segments = NoSegmentCache() if cache is None else cache
        return SealedStore(objects, ParquetSegments(), segments, clock=clock or SystemClock(), executor=self.executor)


def walk(start: int, rows: int, seed: int = 7) -> pl.DataFrame:
    """Bars of 1m from a random walk; prices with two decimals, volumes with five."""
    random = np.random.default_rng(seed)
    close = np.round(30_000 * np.exp(np.cumsum(random.normal(0, 4e-4, rows))), 2)
    opened = np.concatenate(([30_000.0], close[:-1]))
    spread = np.round(np.abs(random.normal(0, 12, rows)), 2)
    high, low = np.maximum(opened, close) + spread, np.minimum(opened, close) * 0.9995
    volume = np.round(random.gamma(1.2, 8, rows), 5)
    columns = (start + 60 * np.arange(rows, dtype=np.int64), opened, np.round(high, 2), np.round(low, 2), close, volume)
    return pl.DataFrame(dict(zip(COLUMNS, columns, strict=True)), schema=SCHEMA)


def candidate(bars: Bars, window: TimeRange, at_ms: int = 1_735_700_000_000) -> Candidate:
    """Bars of a window, all of it answered at one moment."""
    return Candidate(HEADER, bars, Observed.at(Ranges.single(window), at_ms))


RowMaker = Callable[[Bench], Row]
ROWS: dict[str, RowMaker] = {}


def row(name: str) -> Callable[[RowMaker], RowMaker]:
    """Register a function as the row of this name."""

    def register(make: RowMaker) -> RowMaker:
        ROWS[name] = make
        return make

    return register
