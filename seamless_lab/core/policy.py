"""What the user declares about a fetch: strategy, domain, budgets, backfill, and the context of the computation."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from seamless_lab.core.numbers import as_written, require_number, seen
from seamless_lab.errors import ConfigError, RequestError

_WORLD = re.compile(r"[\w.:-]+")


class _Choice(StrEnum):
    """Words that are read in any case, with `-` for `_`; an unknown one raises `RequestError` with those allowed."""

    @classmethod
    def _missing_(cls, value: object) -> _Choice:
        wanted = str(value).strip().replace("-", "_").casefold()
        found = next((member for member in cls if member.value.casefold() == wanted), None)
        if found is not None:
            return found
        words = [member.value for member in cls]
        near = get_close_matches(wanted, [word.casefold() for word in words], n=1)
        raise RequestError(
            f"{seen(str(value))} is not one of {', '.join(words)}.",
            hint=f"Did you mean {next(word for word in words if word.casefold() == near[0])}?"
            if near
            else "Write one of these words.",
            value=str(value),
        )


class Strategy(_Choice):
    """What a fetch does about slots that nobody has answered for."""

    FAIL_FAST = "FAIL_FAST"
    """Raise on any gap; nothing is asked of the source."""
    AUTO_BACKFILL = "AUTO_BACKFILL"
    """Fill, then answer."""
    PARTIAL_FILL = "PARTIAL_FILL"
    """Answer what is there, say what is not, fill behind."""
    SEAMLESS = "SEAMLESS"
    """Cache, storage, backfill, live within budgets; then as `SLAPolicy.on_violation` says."""


class Domain(_Choice):
    """What the data are for: which sources may be touched."""

    BACKTEST = "backtest"
    """Sealed versions only."""
    RESEARCH = "research"
    """Sealed versions only."""
    DRYRUN = "dryrun"
    """Fill, seal, then read the sealed part back; the default."""
    LIVE = "live"
    """As dryrun, and the unsealed tail is delivered too."""

    @property
    def sealed(self) -> bool:
        """Whether only committed versions may be read."""
        return self in (Domain.BACKTEST, Domain.RESEARCH)


class OnViolation(_Choice):
    """What a fetch does when a budget is used up."""

    PARTIAL_FILL = "PARTIAL_FILL"
    """Answer what is there."""
    FAIL_FAST = "FAIL_FAST"
    """Raise `SeamlessSLAExceeded`."""


class Verdict(_Choice):
    """What a fetch amounts to. HOLD beats PARTIAL beats PASS."""

    PASS = "PASS"
    PARTIAL = "PARTIAL"
    HOLD = "HOLD"


class Phase(_Choice):
    """The parts of a fetch that have a budget of their own."""

    STORAGE = "storage"
    BACKFILL = "backfill"
    LIVE = "live"
    TOTAL = "total"


class BackfillMode(_Choice):
    """Whether the caller waits for the fill."""

    BACKGROUND = "background"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class SLAPolicy:
    """Budgets of a fetch, in milliseconds; None is no limit.

    A budget is a deadline that cancels the wait. `max_sync_gap_bars`: with more missing bars than this the caller does
    not wait for the backfill; None waits whatever the size.
    """

    max_wait_storage_ms: int | None = None
    max_wait_backfill_ms: int | None = None
    max_wait_live_ms: int | None = None
    total_deadline_ms: int | None = None
    max_sync_gap_bars: int | None = None
    on_violation: OnViolation = OnViolation.PARTIAL_FILL

    def __post_init__(self) -> None:
        # as the choice that it is: its text is compared with nowhere
        object.__setattr__(self, "on_violation", OnViolation(as_written(self.on_violation)))
        for name in ("max_wait_storage_ms", "max_wait_backfill_ms", "max_wait_live_ms", "total_deadline_ms"):
            _budget(1, name, getattr(self, name))
        _budget(0, "max_sync_gap_bars", self.max_sync_gap_bars)

    def budget(self, phase: Phase) -> int | None:
        """Milliseconds of a phase by itself; None is no limit."""
        return {
            Phase.STORAGE: self.max_wait_storage_ms,
            Phase.BACKFILL: self.max_wait_backfill_ms,
            Phase.LIVE: self.max_wait_live_ms,
            Phase.TOTAL: self.total_deadline_ms,
        }[phase]


@dataclass(frozen=True, slots=True)
class BackfillPolicy:
    """How gaps are filled.

    `window_bars`: size of the grid-aligned blocks that are leased and asked for. `single_flight_ttl_ms`: how long one
    task waits for the same block asked by another. `distributed_lease_ttl_ms`: lease of a coordinator service; the
    embedded one uses `embedded_lease_ttl_ms`, renewed every `embedded_renew_ms`. `max_attempts`: requests for one page;
    the n-th repetition waits `retry_backoff_ms * 2**(n-1)`, lengthened by up to `jitter_ratio` of it at random.
    """

    mode: BackfillMode = BackfillMode.BACKGROUND
    max_concurrent_requests: int = 8
    window_bars: int = 900
    single_flight_ttl_ms: int = 60_000
    distributed_lease_ttl_ms: int = 120_000
    embedded_lease_ttl_ms: int = 10_000
    embedded_renew_ms: int = 3_000
    max_attempts: int = 5
    retry_backoff_ms: int = 500
    jitter_ratio: float = 0.25

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", BackfillMode(as_written(self.mode)))
        require_number("window_bars", self.window_bars, "Between 1 and 100000.", whole=True)
        _between(1, 100_000, "window_bars", self.window_bars)
        for name in (
            "max_concurrent_requests",
            "single_flight_ttl_ms",
            "distributed_lease_ttl_ms",
            "embedded_lease_ttl_ms",
            "embedded_renew_ms",
            "max_attempts",
        ):
            _at_least(1, name, getattr(self, name))
        _at_least(0, "retry_backoff_ms", self.retry_backoff_ms)
        require_number("jitter_ratio", self.jitter_ratio, "A quarter is 0.25.")
        _between(0, 1, "jitter_ratio", self.jitter_ratio)
        if self.embedded_renew_ms * 2 > self.embedded_lease_ttl_ms:
            raise ConfigError(
                f"embedded_renew_ms is {self.embedded_renew_ms}; it must be at most half of embedded_lease_ttl_ms, "
                f"which is {self.embedded_lease_ttl_ms}.",
                hint="A lease that is renewed too late is taken by another process.",
                key="embedded_renew_ms",
                value=self.embedded_renew_ms,
            )


@dataclass(frozen=True, slots=True)
class ComputeContext:
    """On whose behalf, and with which demands, a fetch is made.

    `max_lag_s`: how old the newest bar may be (live only). `min_coverage`: the smallest acceptable coverage ratio.
    """

    world_id: str = "default"
    domain: Domain = Domain.DRYRUN
    max_lag_s: int | None = None
    min_coverage: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", Domain(as_written(self.domain)))
        if not isinstance(self.world_id, str):
            raise RequestError(f"{seen(self.world_id)} is no world_id: it is no text.", hint="Name worlds like desk-1.")
        if not self.world_id.strip():
            raise RequestError(
                "The world_id is empty.", hint="Leave it out to use the world 'default'.", world_id=self.world_id
            )
        if not _WORLD.fullmatch(self.world_id):
            raise RequestError(
                f"{seen(self.world_id)} is no world_id: it may hold letters, digits, dots, colons, _ and -, "
                "nothing else.",
                hint="Name worlds like desk-1 or alpha:2024.",
                world_id=self.world_id,
            )
        if self.max_lag_s is not None:
            require_number("max_lag_s", self.max_lag_s, "In seconds, such as 90.", whole=True)
            if self.max_lag_s < 0:
                raise RequestError(
                    f"max_lag_s is {self.max_lag_s}; it must be at least 0 seconds.", max_lag_s=self.max_lag_s
                )
        if self.min_coverage is not None:
            require_number("min_coverage", self.min_coverage, "98 % is 0.98.")
            if not 0 <= self.min_coverage <= 1:
                raise RequestError(
                    f"min_coverage is {self.min_coverage}; it must lie between 0 and 1.",
                    hint="98 % is 0.98.",
                    min_coverage=self.min_coverage,
                )


def _budget(lowest: int, name: str, value: int | None) -> None:
    if value is not None:
        _at_least(lowest, name, value)


def _at_least(lowest: int, name: str, value: int) -> None:
    require_number(name, value, f"At least {lowest}.", whole=True)
    _between(lowest, math.inf, name, value)


def _between(lowest: float, highest: float, name: str, value: float) -> None:
    if not lowest <= value <= highest:
        allowed = f"at least {lowest}" if highest == math.inf else f"between {lowest} and {highest}"
        raise ConfigError(f"{name} is {value}; it must be {allowed}.", key=name, value=value)


NOTEBOOK = SLAPolicy(max_wait_live_ms=800)
"""Budgets of people: progress and the stop button are the budget, only the live tail has one."""
