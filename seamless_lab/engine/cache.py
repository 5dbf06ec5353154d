"""A small cache of immutable reads, keyed by everything that could make two reads differ."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from threading import Lock

from seamless_lab.core.policy import Domain
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Sealed
from seamless_lab.engine.events import Emit, Event
from seamless_lab.engine.ports import Clock


@dataclass(frozen=True, slots=True)
class CacheKey:
    """One read of one version on one domain's behalf."""

    node: str
    fingerprint: str
    window: TimeRange
    conformance: str
    domain: Domain
    world: str


class ReadCache:
    """The latest `max_entries` sealed reads, none older than `ttl_ms`.

    Entries of a domain are dropped when its world moves to another domain. Thread-safe.
    """

    def __init__(self, clock: Clock, emit: Emit, *, max_entries: int, ttl_ms: int) -> None:
        self._clock, self._emit = clock, emit
        self._max_entries, self._ttl_s = max_entries, ttl_ms / 1000
        self._entries: OrderedDict[CacheKey, tuple[float, Sealed]] = OrderedDict()
        self._domains: dict[str, Domain] = {}
        self._lock = Lock()

    def get(self, key: CacheKey) -> Sealed | None:
        """The cached read, or None."""
        with self._lock:
            self._switch(key)
            kept = self._entries.get(key)
            if kept is not None and self._clock.monotonic_s() - kept[0] > self._ttl_s:
                del self._entries[key]
                kept = None
        self._tell("seamless.cache.miss" if kept is None else "seamless.cache.hit", key.node)
        return None if kept is None else kept[1]

    def put(self, key: CacheKey, sealed: Sealed) -> None:
        """Keep a read."""
        if self._max_entries <= 0:
            return
        with self._lock:
            self._entries[key] = (self._clock.monotonic_s(), sealed)
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Drop all reads: some of them may be of rows that were found to be wrong."""
        with self._lock:
            dropped = Counter(key.node for key in self._entries)
            self._entries.clear()
        for node, count in dropped.items():
            self._tell("seamless.cache.purge", node, dropped=count)

    def __len__(self) -> int:
        return len(self._entries)

    def _switch(self, key: CacheKey) -> None:
        before = self._domains.get(key.world)
        self._domains[key.world] = key.domain
        if before is not None and before is not key.domain:
            stale = [entry for entry in self._entries if entry.world == key.world and entry.domain is not key.domain]
            for entry in stale:
                del self._entries[entry]
            self._tell("seamless.cache.purge", key.node, dropped=len(stale))

    def _tell(self, name: str, node: str, **fields: int) -> None:
        self._emit(Event(name, self._clock.now_ms(), {"node_id": node, "resident": len(self._entries), **fields}))
