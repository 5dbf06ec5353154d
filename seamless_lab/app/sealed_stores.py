"""The sealed stores that a lab reads: the home's own, those that pins name, and any of them with fresh eyes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.app.paths import path_of
from seamless_lab.core.identity import NodeId
from seamless_lab.core.numbers import seen
from seamless_lab.engine.artifacts import NoSegmentCache, SealedStore, SegmentCache
from seamless_lab.engine.ports import Clock
from seamless_lab.errors import NotFound

HASHING_THREADS = 2

T = TypeVar("T")
P = ParamSpec("P")


class HashingThreads(Executor):
    """Threads that are started at the first work, and again at the first after `shutdown`. Thread-safe."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have work done by one of the threads."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="seamless-hash")
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait, cancel_futures=cancel_futures)


class SealedStores:
    """Stores by their folder, each opened once; they share clock, threads and the machine's segment cache. Thread-safe.

    `own` is the home's, the only one that is written to; `segments` the verified rows on this machine, of all of them.
    `elsewhere` says how to read a node that it does not have.
    """

    def __init__(
        self, own: Path, cache: Path, *, cache_bytes: int, clock: Clock, elsewhere: Callable[[NodeId], str]
    ) -> None:
        self._clock = clock
        self._threads = HashingThreads()
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

    def named(self, store: object) -> SealedStore:
        """The store in a folder that a user names.

        Raises
        ------
        NotFound
            If it is not there.
        RequestError
            For what is no path.
        """
        folder = path_of("store", store)
        if folder.is_dir():
            return self.at(folder)
        raise NotFound(
            f"The store {seen(str(folder))} is {'no folder' if folder.exists() else 'not there'}.",
            hint="Name the folder of a store, such as datasets/store, or leave it out for the home's.",
            store=str(folder),
        )

    def unremembered(self, store: SealedStore) -> SealedStore:
        """A store opened once more, for reading without anything that this machine remembers of it."""
        return self._open(store.url, NoSegmentCache())

    def close(self, *, wait: bool = False) -> None:
        """End the threads when what they have begun is done; stores that are read afterwards start them again.

        Without `wait` nobody waits for that: it may be a long audit that was stopped.
        """
        self._threads.shutdown(wait)

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
