"""Composition: settings and a home become the parts of a lab. The only place that names adapters."""

from __future__ import annotations

import errno
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from seamless_lab.adapters.bus_jsonl import JsonlBus
from seamless_lab.adapters.clock_system import FixedClock, SystemClock
from seamless_lab.adapters.coordinator_sqlite import SqliteCoordinator
from seamless_lab.adapters.fetch_log_sqlite import SqliteFetchLog
from seamless_lab.adapters.fetcher_ccxt import CcxtFetcher, CcxtSettings
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.ledger_sqlite import SqliteWorldLedger
from seamless_lab.adapters.limiter_local import LocalRateLimiter
from seamless_lab.adapters.live_polling import PollingFeed
from seamless_lab.adapters.local_disk import network_filesystem
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.app.config.sources import config_file
from seamless_lab.app.home import Home, find_home, user_folders
from seamless_lab.app.lock.pins import Pins
from seamless_lab.app.paths import path_of
from seamless_lab.app.portal import EventStream
from seamless_lab.app.reads import ReadJournal
from seamless_lab.app.result_records import ResultJournal
from seamless_lab.app.sandbox_home import HomeFetcher
from seamless_lab.app.sealed_stores import SealedStores
from seamless_lab.app.settings import Settings, resolve_settings
from seamless_lab.core.bucket import BucketShape
from seamless_lab.core.numbers import seen
from seamless_lab.engine.answering import Answering
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.backfill import Backfiller, BackfillPorts
from seamless_lab.engine.cache import ReadCache
from seamless_lab.engine.events import Event
from seamless_lab.engine.fetch import FetchEngine
from seamless_lab.engine.jobs import Jobs, JobShape
from seamless_lab.engine.knowledge import Stores
from seamless_lab.engine.live import LiveTail
from seamless_lab.engine.ports import Clock
from seamless_lab.engine.publish import Producer, Publisher
from seamless_lab.errors import ConfigError, StoreUnavailable

T = TypeVar("T")

GOVERNANCE = frozenset(
    {
        "seamless.artifact.published",
        "seamless.artifact.collision",
        "seamless.backfill.fail",
        "seamless.domain.hold",
        "seamless.domain.partial",
        "seamless.sla.downgrade",
        "seamless.world.as_of_advanced",
    }
)
"""Events that are kept in the home's event file."""

OF_READS = frozenset({"seamless.domain.hold", "seamless.domain.partial", "seamless.sla.downgrade"})
"""Those of them that a read may cause which changes nothing, so that it may go without."""

LOOP_BOUND = ("engine", "pinned_engines", "jobs", "tail", "backfiller", "source_side", "fetcher", "limiter")
"""Parts that hold semaphores, connections or tasks of one loop, or another part that does."""


class part(cached_property[T]):  # noqa: N801  # reads as the decorator it is
    """A part of a `Wiring`: made when first used, once, whichever thread asks first."""

    def __get__(self, wiring: Wiring | None, owner: type | None = None) -> T:  # type: ignore[override]  # a Wiring has the parts, its class none
        if wiring is None:
            raise AttributeError("parts belong to a Wiring, not to its class")
        with wiring.making:
            return super().__get__(wiring, owner)


class Wiring:
    """The parts of one lab, each made when first used; making a `Wiring` opens nothing."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home = home
        self.settings = settings
        self.events = EventStream()
        self.notices: list[str] = []
        self.reads = ReadJournal()
        self.results = ResultJournal()
        self.making = threading.RLock()
        self.sandbox_url = ""
        """Of the sandbox that stands in for the exchanges, if one does; set before the first of them is asked."""
        self._changes = False
        self.events.add(self._to_bus)

    @part
    def owner(self) -> str:
        """The name that leases are held under; of the process that first uses it, not of the one it was forked from."""
        return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    @part
    def clock(self) -> Clock:
        """The system's clock, or a fixed one where the settings say so."""
        return SystemClock() if self.settings.now_ms is None else FixedClock(self.settings.now_ms)

    @part
    def database(self) -> SqliteFile:
        """The hot store's file."""
        return SqliteFile(self._local(self.home.hot))

    @part
    def hot(self) -> SqliteHotStore:
        """Mutable recent knowledge."""
        return SqliteHotStore(self.database)

    @part
    def sealed_stores(self) -> SealedStores:
        """The home's store and those that pins name."""
        return SealedStores(
            self.settings.artifact.folder or self.home.artifacts,
            self.home.cache / "segments",
            cache_bytes=self.settings.segments_max_bytes,
            clock=self.clock,
            elsewhere=lambda node: self.pins.elsewhere(node),  # noqa: PLW0108  # pins need the stores first
        )

    @part
    def sealed(self) -> SealedStore:
        """The home's sealed versions."""
        return self.sealed_stores.own

    @part
    def pins(self) -> Pins:
        """The lockfile, and what its pins come to."""
        return Pins(lambda: self.home.lockfile, self.sealed_stores)

    @part
    def bus(self) -> JsonlBus:
        """Governance events, for whoever audits."""
        return JsonlBus(self.home.events)

    @part
    def stores(self) -> Stores:
        """Head and hot, seen together."""
        return Stores(self.clock, self.hot, self.sealed, self.settings.artifact.stabilization_bars)

    @part
    def ledger(self) -> SqliteWorldLedger:
        """Worlds and their floors."""
        return SqliteWorldLedger(self.database)

    @part
    def fetch_log(self) -> SqliteFetchLog:
        """Every fetch and its budgets."""
        return SqliteFetchLog(self.database)

    @part
    def fetcher(self) -> CcxtFetcher:
        """The exchanges."""
        settings = {exchange: self._exchange_settings(exchange) for exchange in self.settings.exchanges}
        return HomeFetcher(
            self.home.root,
            self.limiter,
            self.clock,
            settings,
            otherwise=self._exchange_settings(""),
            sandbox_url=self.sandbox_url,
            emit=self.events.emit,
        )

    @part
    def limiter(self) -> LocalRateLimiter:
        """Tokens per exchange, of this process."""
        return LocalRateLimiter(self._bucket_shape, self.clock)

    @part
    def source_side(self) -> BackfillPorts:
        """What filling and following need."""
        # Leases expire in real time, also where a notebook has stopped the clock of its data.
        ttl_ms = self.settings.backfill.embedded_lease_ttl_ms
        coordinator = SqliteCoordinator(self.database, SystemClock(), ttl_ms=ttl_ms)
        return BackfillPorts(self.clock, self.fetcher, coordinator, self.hot, self.events.emit)

    @part
    def backfiller(self) -> Backfiller:
        """Fills gaps."""
        return Backfiller(
            self.source_side,
            self.settings.backfill,
            self.settings.conformance.policy,
            owner=self.owner,
            stabilization_bars=self.settings.artifact.stabilization_bars,
        )

    @part
    def publisher(self) -> Publisher:
        """Seals."""
        policy: dict[str, object] = {
            "conformance_blocks": sorted(self.settings.conformance.policy.blocking),
            "stabilization_bars": self.settings.artifact.stabilization_bars,
            "window_bars": self.settings.backfill.window_bars,
        }
        return Publisher(self.stores, self.events.emit, Producer("seamless@qmtl", version("seamless-lab"), policy))

    @part
    def engine(self) -> FetchEngine:
        """Answers fetches."""
        return self._engine_over(self.stores)

    @part
    def pinned_engines(self) -> dict[str, FetchEngine]:
        """Answer fetches of pins from other stores, by their folder."""
        return {}

    def engine_for(self, store: SealedStore) -> FetchEngine:
        """What answers a fetch from a store."""
        if store is self.sealed:
            return self.engine
        with self.making:
            if store.url not in self.pinned_engines:
                stores = Stores(self.clock, self.hot, store, self.settings.artifact.stabilization_bars)
                self.pinned_engines[store.url] = self._engine_over(stores)
            return self.pinned_engines[store.url]

    def _engine_over(self, stores: Stores) -> FetchEngine:
        return FetchEngine(stores, self.read_cache, self.answering, self.backfiller, self.publisher, self.events.emit)

    @part
    def read_cache(self) -> ReadCache:
        """Immutable reads, of whichever store."""
        cache = self.settings.cache
        return ReadCache(
            self.clock, self.events.emit, max_entries=cache.max_shards if cache.enable else 0, ttl_ms=cache.ttl_ms
        )

    @part
    def answering(self) -> Answering:
        """Judges, and keeps the log."""
        return Answering(self.clock, self.ledger, self.fetch_log, self.events.emit)

    @part
    def jobs(self) -> Jobs:
        """Plans, backfills, publishes."""
        shape = JobShape(self.settings.backfill.window_bars, self._rate_shape, self._concurrent)
        return Jobs(self.stores, self.fetcher, self.backfiller, self.publisher, shape, self.events.emit)

    @part
    def tail(self) -> LiveTail:
        """Follows series as their bars close."""
        feed = PollingFeed(self.fetcher, self.clock, emit=self.events.emit)
        return LiveTail(self.source_side, feed, self.settings.conformance.policy)

    async def close(self) -> None:
        """End what runs on the loop: fills left behind, connections; all of it also when one fails. Call on the loop.

        What is bound to this loop is made anew when the lab is used again.
        """
        async with AsyncExitStack() as closing:  # the last to be entered is the first to close
            for part in LOOP_BOUND:
                closing.callback(self.__dict__.pop, part, None)
            if "fetcher" in self.__dict__:
                closing.push_async_callback(self.fetcher.close)
            for engine in self.__dict__.get("pinned_engines", {}).values():
                closing.push_async_callback(engine.close)
            if "engine" in self.__dict__:
                closing.push_async_callback(self.engine.close)

    @contextmanager
    def leaving_loop(self) -> Iterator[None]:
        """However the block ends, what was bound to the loop at its beginning is not used again."""
        bound = {part: self.__dict__[part] for part in LOOP_BOUND if part in self.__dict__}
        try:
            yield
        finally:
            for part, left in bound.items():
                if self.__dict__.get(part) is left:  # not one that another thread has made anew meanwhile
                    del self.__dict__[part]

    def close_files(self) -> None:
        """Release files and threads, all of them also when one fails to close; what is used again opens again."""
        with ExitStack() as closing:  # the last to be entered is the first to close
            if "sealed_stores" in self.__dict__:
                closing.callback(self.sealed_stores.close)
            if "database" in self.__dict__:
                closing.callback(self.database.close)
            if "bus" in self.__dict__:
                closing.callback(self._close_bus)

    def _close_bus(self) -> None:
        """End the event file. Where nobody may write, reads go without, and say so."""
        try:
            self.bus.close()
        except StoreUnavailable as error:
            cause = error.__cause__
            forbidden = isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            if not forbidden or self._changes:
                raise
            notice = f"{self.home.root} may not be written to: its event file does not tell of what was read."
            self.notices += [notice] if notice not in self.notices else []

    def _to_bus(self, event: Event) -> None:
        if event.name in GOVERNANCE:
            self._changes |= event.name not in OF_READS
            self.bus(event)

    def _exchange_settings(self, exchange: str) -> CcxtSettings:
        configured, policy = self.settings.exchange(exchange), self.settings.backfill
        limit = self.settings.rate_limit_of(exchange)
        return CcxtSettings(
            options=configured.ccxt_options(),
            key_template=limit.key_template,
            account=configured.account,
            test_network=configured.sandbox,
            concurrent_requests=limit.local_semaphore,
            max_attempts=policy.max_attempts,
            retry_backoff_ms=policy.retry_backoff_ms,
            jitter_ratio=policy.jitter_ratio,
            penalty_backoff_ms=limit.penalty_backoff_ms,
        )

    def _rate_shape(self, exchange: str) -> BucketShape:
        return self.settings.rate_limit_of(exchange).shape

    def _concurrent(self, exchange: str) -> int:
        return min(
            self.settings.backfill.max_concurrent_requests, self.settings.rate_limit_of(exchange).local_semaphore
        )

    def _bucket_shape(self, key: str) -> BucketShape:
        sharing = (one for one in self.settings.exchanges if self._exchange_settings(one).limiter_key(one) == key)
        limits = [self.settings.rate_limit_of(exchange) for exchange in sharing] or [self.settings.rate_limit]
        return min(limits, key=lambda limit: limit.tokens_per_interval).shape  # of those who share a key, the strictest

    def _local(self, path: Path) -> Path:
        """`path`, or a place on a local disk when `path` is on a network file system, which SQLite's log cannot use."""
        kind = network_filesystem(path)
        if kind is None:
            return path
        moved = self.home.cache / "hot" / f"{uuid.uuid5(uuid.NAMESPACE_URL, str(path)).hex}.db"
        self.notices.append(
            f"{path} is on a network file system ({kind}); the hot store is kept at {moved} instead, on this "
            "machine only."
        )
        return moved


def wire(
    *,
    home: str | None,
    config: str | None,
    overrides: Mapping[str, object],
    stand_in: Mapping[str, object] | None = None,
) -> Wiring:
    """Resolve home and settings, once, and return the parts made from them.

    Raises
    ------
    ConfigError
        For anything wrong in the configuration, with where it stands.
    """
    for name, value in (("home", home), ("config", config)):
        if value is not None:
            path_of(name, value, ConfigError)
    if not isinstance(overrides, Mapping):
        raise ConfigError(
            f"overrides is {seen(overrides)}; it is settings by dotted key.",
            hint='For example {"seamless.strategy": "FAIL_FAST"}.',
        )
    place = find_home(home, os.environ, Path.cwd(), user_folders())
    file = config_file(Path(config) if config else None, os.environ, place.config_places)
    return Wiring(place, resolve_settings(config_file=file, env=os.environ, stand_in=stand_in, overrides=overrides))
