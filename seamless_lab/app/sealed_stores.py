"""The sealed stores that a lab reads: the home's own, those that pins name, and any of them with fresh eyes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.core.identity import NodeId
from seamless_lab.engine.artifacts import NoSegmentCache, SealedStore, SegmentCache
from seamless_lab.engine.ports import Clock

HASHING_THREADS = 2


class SealedStores:
    """Stores by their folder, each opened once; they share clock, threads and the machine's segment cache. Thread-safe.

    `own` is the home's, the only one that is written to; `segments` the verified rows on this machine, of all of them.
    `elsewhere` says how to read a node that it does not have.
    """

    def __init__(
        self, own: Path, cache: Path, *, cache_bytes: int, clock: Clock, elsewhere: Callable[[NodeId], str]
    ) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="seamless-hash")
        self._opening = threading.Lock()
        self._others: dict[str, SealedStore] = {}
        self.segments: SegmentCache = ArrowSegmentCache(cache, limit_bytes=cache_bytes)
        self.own = self._open(str(own), self.segments, elsewhere)

    def at(self, folder: Path) -> SealedStore:
        """The store in a folder."""
        place = os.path.realpath(folder)
        if place == os.path.realpath(self.own.url):
            return self.own
        with self._opening:
            if place not in self._others:
                self._others[place] = self._open(place, self.segments)
            return self._others[place]

    def unremembered(self, store: SealedStore) -> SealedStore:
        """A store opened once more, for reading without anything that this machine remembers of it."""
        return self._open(store.url, NoSegmentCache())

    def close(self) -> None:
        """End the threads; stores that are read afterwards raise."""
        self._threads.shutdown()

    def _open(
        self, folder: str, segments: SegmentCache, elsewhere: Callable[[NodeId], str] = lambda _: ""
    ) -> SealedStore:
        return SealedStore(
            FolderObjects(folder),
            ParquetSegments(),
            segments,
            clock=self._clock,
            executor=self._threads,
            elsewhere=elsewhere,
        )
