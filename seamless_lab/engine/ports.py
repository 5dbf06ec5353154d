"""What the engine needs from the outside world; adapters implement it and pass the suites in `tests/contracts`.

Ports marked *blocking* are called through `asyncio.to_thread`; the others are awaited on the engine's loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars
from seamless_lab.core.time import TimeRange


class Clock(Protocol):
    """The only source of time."""

    def now_ms(self) -> int:
        """Wall clock, epoch milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """A clock that never goes back, for durations."""
        ...


# -- source ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceTraits:
    """What is known about asking one source for one node.

    `page_bars` rows a request gives at most; `request_weight` what one costs in the rate limiter's tokens;
    `history_bars` how many of its latest bars the source serves at all, None for all; `listed_s` when the market
    opened, if the source says so; `startup_requests` and `startup_weight` what was asked before any bars (markets,
    clock), and `latency_s` how long the last and smallest of these answers took.
    """

    page_bars: int
    request_weight: float = 1.0
    history_bars: int | None = None
    listed_s: int | None = None
    startup_requests: int = 0
    startup_weight: float = 0.0
    latency_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """What a source gave for a window.

    `rows` in the order of receipt; `answered`: slots for which the pages *prove* an answer (a row, or that there is
    none), before the rule of age is applied; `server_time_ms` the exchange's clock before the first request (from a
    `LiveFeed`: or ours then, whichever was behind); `requests` how many were made; `before_listing`: the part of
    `answered` that precedes the market's listing.
    """

    rows: RawBars
    answered: Ranges
    server_time_ms: int
    requests: int
    before_listing: Ranges = field(default_factory=Ranges.empty)


class Fetcher(Protocol):
    """History of bars from exchanges."""

    def require(self, node: NodeId) -> None:
        """Refuse, without asking anybody, a node that is never asked for here.

        Raises
        ------
        RequestError
            This source is not to be asked for the node.
        """
        ...

    async def traits(self, node: NodeId) -> SourceTraits:
        """How this node can be asked for.

        Raises
        ------
        UnknownMarket
            No such exchange, symbol or timeframe; the hint has near matches.
        SourceUnavailable
            The exchange cannot be asked now.
        """
        ...

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        """All bars that open in `window` (on the grid), paging as needed; each request passes the rate limiter.

        Raises
        ------
        SourceUnavailable
            May succeed later (time-outs, resets, 5xx, rate limits, truncated or malformed bodies, HTML).
        SourceRejected
            Cannot succeed (bad symbol, history not served, banned region).
        """
        ...

    async def close(self) -> None:
        """Close all connections; the fetcher may be used again afterwards."""
        ...


class LiveFeed(Protocol):
    """Bars as they close."""

    def bars(self, node: NodeId, grid: Grid, *, from_s: int) -> AsyncIterator[Fetched]:
        """Answers for slots that open at or after `from_s`, without end: what has closed already, then as bars close.

        Each slot is answered once; only closed bars come, in time order but for bars that the source publishes late. A
        source that is down is waited for; end the iteration by closing the iterator or cancelling the task.

        Raises
        ------
        SourceRejected
            The source cannot serve the node, so waiting is no use.
        """
        ...


class Closed(Exception):
    """A key gives no tokens for another `seconds`, longer than the caller would wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no tokens for {seconds:,.0f} s")
        self.seconds = seconds


class RateLimiter(Protocol):
    """Tokens per key, shared by everyone who uses the same limiter."""

    async def acquire(self, key: str, weight: float, *, longest_closure_s: float = inf) -> float:
        """Wait for `weight` tokens; returns the seconds waited. First come, first served within a process.

        Raises
        ------
        Closed
            A penalty has longer to go than `longest_closure_s`, also one that began while this waited; nothing taken.
        """
        ...

    async def penalise(self, key: str, seconds: float) -> None:
        """Nobody gets a token for `key` during the next `seconds`."""
        ...

    async def tokens_available(self, key: str) -> float:
        """Tokens that could be taken now without waiting."""
        ...


# -- coordination ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class LeaseKey:
    """What is leased: one grid-aligned block of one node. `interval` in seconds, `start` in epoch seconds."""

    node: str
    interval: int
    start: int

    def __str__(self) -> str:
        return f"{self.node}|{self.interval}|{self.start}"


@dataclass(frozen=True, slots=True)
class Claimed:
    """The caller holds the lease until `expires_at_ms` unless renewed.

    `token` grows with every new holder of the key (fencing).
    """

    key: LeaseKey
    owner: str
    token: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class HeldElsewhere:
    """Somebody else holds the lease until `expires_at_ms` unless they renew."""

    key: LeaseKey
    owner: str
    expires_at_ms: int


class Coordinator(Protocol):
    """Leases with fencing tokens. An outage raises `CoordinatorUnavailable`: "taken" and "down" differ."""

    async def claim(self, key: LeaseKey, owner: str) -> Claimed | HeldElsewhere:
        """Take the lease if it is free or expired; claiming again as its holder keeps the token and extends it."""
        ...

    async def renew(self, lease: Claimed) -> Claimed:
        """Extend a lease. Raises `LeaseLost` if somebody else took it or it expired."""
        ...

    async def complete(self, lease: Claimed) -> None:
        """Give the lease back, work done. Idempotent; giving back a lost lease does nothing."""
        ...

    async def fail(self, lease: Claimed, reason: str) -> None:
        """Give the lease back, work not done, so that another may take it at once."""
        ...


# -- hot store --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One ask: what was asked when, and what came back. `outcome` is `answered`, `failed` or `rejected`."""

    node: NodeId
    window: TimeRange
    asked_at_ms: int
    outcome: str
    rows: int
    requests: int
    error: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class HotWrite:
    """One window's worth of knowledge.

    `answered` slots of `window`, their bars (each opens in an answered slot), and when they were observed.

    `lease` fences the write: if it is no longer the newest holder's, nothing is written.
    """

    header: Header
    window: TimeRange
    bars: Bars
    answered: Ranges
    observed_at_ms: int
    attempt: Attempt
    before_listing: Ranges = field(default_factory=Ranges.empty)
    unpriced: Ranges = field(default_factory=Ranges.empty)
    lease: Claimed | None = None


ATTEMPTS: dict[str, pl.DataType] = {
    "start": pl.Int64(),
    "end": pl.Int64(),
    "asked_at_ms": pl.Int64(),
    "outcome": pl.String(),
    "error": pl.String(),
    "source": pl.String(),
    "rows": pl.Int64(),
    "requests": pl.Int64(),
}


@dataclass(frozen=True, slots=True, eq=False)
class HotState:
    """What the hot store knows about a window.

    `attempts` has the columns `ATTEMPTS`, oldest first; `failed` the slots whose latest attempt failed or whose row had
    no price; `before_listing` the quiet slots that precede a listing.
    """

    bars: Bars
    observed: Observed
    failed: Ranges
    before_listing: Ranges
    attempts: pl.DataFrame


class HotStore(Protocol):
    """Mutable recent knowledge, shared by all processes of a machine or team. *Blocking.* Idempotent writes."""

    def load(self, header: Header, window: TimeRange, *, with_bars: bool = True) -> HotState:
        """Everything known about a window, in one consistent snapshot; without its bars where they are not needed."""
        ...

    def observed(self, header: Header, window: TimeRange) -> Observed:
        """What of a window is answered, and since when: the cheap part of `load`."""
        ...

    def write(self, write: HotWrite) -> None:
        """Record bars, answered slots and the attempt in one transaction.

        Per slot the later `observed_at_ms` wins; ties go to what is stored.

        Raises
        ------
        LeaseLost
            `write.lease` was taken over; nothing was written.
        """
        ...

    def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Record asks that brought nothing, all or none of them."""
        ...

    def bounds(self, header: Header) -> TimeRange | None:
        """From the first to the last answered slot held, or None."""
        ...

    def nodes(self) -> Sequence[Header]:
        """All series held, sorted by node."""
        ...

    def evict(self, header: Header, sealed: Observed, *, before_s: int) -> int:
        """Drop what is older than `before_s` and in `sealed` (a commit's knowledge) as new; returns slots dropped.

        Coverage as seen through head and hot together never changes.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class FetchRecord:
    """One line of the fetch log, for SLA views. Times in epoch seconds, durations in milliseconds."""

    at_ms: int
    node: str
    start: int
    end: int
    domain: str
    world: str
    strategy: str
    verdict: str
    reasons: tuple[str, ...]
    rows: int
    ratio: float
    phases_ms: dict[str, float]
    budgets_ms: dict[str, int]
    violated: str = ""


class FetchLog(Protocol):
    """A log of every fetch. *Blocking*."""

    def append(self, record: FetchRecord) -> None:
        """Add one record."""
        ...

    def since(self, at_ms: int, node: str | None = None) -> Sequence[FetchRecord]:
        """Records from a moment on, oldest first."""
        ...


class WorldLedger(Protocol):
    """Sessions of worlds: per world and node, `as_of` never goes back. *Blocking*."""

    def advance(self, world: str, node: str, as_of_ms: int) -> int:
        """Raise the floor to `as_of_ms`; returns the floor before, 0 if none.

        Raises `AsOfRegressed` when it is below the floor.
        """
        ...

    def floor(self, world: str, node: str) -> int:
        """The newest `as_of` this world has seen for the node, 0 if none."""
        ...


# -- objects -----------------------------------------------------------------------------------------------------------


class ObjectStore(Protocol):
    """Named immutable bytes: a folder, a bucket. *Blocking.* Paths are relative, with `/`."""

    def create(self, path: str, data: bytes) -> bool:
        """Store durably if absent. True if this call created it, False if it already existed (its bytes untouched).

        Never torn.
        """
        ...

    def read(self, path: str) -> bytes:
        """The bytes. Raises `NotFound`."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        ...

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        """`(path, size_bytes, modified_ms)` of all objects under a folder, sorted by path."""
        ...

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under a folder, sorted."""
        ...

    def delete(self, path: str) -> None:
        """Remove an object; absent is fine."""
        ...

    @property
    def url(self) -> str:
        """Where the store is, without credentials."""
        ...
