"""Faults: which request gets which, decided by seed and rate alone.

The decision depends on the seed, the content of the request and how often that content was asked before, never on the
order in which concurrent requests arrive: the same client meets the same faults every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from seamless_lab.sandbox.family import Page
from seamless_lab.sandbox.randomness import bits, salt, words

PAGE_FAULTS = frozenset({"duplicates", "out_of_order", "short_page", "empty_page"})
"""Faults of rows: they only befall pages of bars or trades."""
WIRE_FAULTS = frozenset(
    {"rate_limit", "ban", "timeout", "hang", "reset", "truncated", "malformed", "html", "server_error"}
)
"""Faults any request can meet."""
FAULTS = PAGE_FAULTS | WIRE_FAULTS


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rates by kind of fault, between 0 and 1 and together at most 1.

    Parameters
    ----------
    seed
        Of the decisions.
    rates
        Probability of each kind; see `FAULTS` for the kinds.
    routes
        Only requests of these routes (`klines`, `candles`, `OHLC`, ...); empty means all.
    max_consecutive
        After so many faults in a row, the same request is answered properly, so retries succeed. None never relents.
    latency_ms
        Added to every answer of the affected routes.
    timeout_ms
        How long a `timeout` keeps a client waiting before the connection closes without an answer; `hang` never closes.
    retry_after_s
        Sent with `rate_limit` and `ban`.
    """

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    routes: frozenset[str] = frozenset()
    max_consecutive: int | None = 2
    latency_ms: int = 0
    timeout_ms: int = 30_000
    retry_after_s: int = 1

    def __post_init__(self) -> None:
        unknown = sorted(set(self.rates) - FAULTS)
        if unknown:
            raise ValueError(f"unknown faults {', '.join(unknown)}; known are {', '.join(sorted(FAULTS))}")
        if any(not 0 <= rate <= 1 for rate in self.rates.values()) or sum(self.rates.values()) > 1 + 1e-9:
            raise ValueError(f"rates must lie in [0, 1] and add up to at most 1, got {dict(self.rates)}")

    def draw(self, content: str, attempt: int, *, is_page: bool) -> str | None:
        """The fault for the `attempt`-th request (from 0) of this content, or None."""
        point = (int(salt(self.seed, "fault", content, attempt)) >> 11) / 2**53
        for kind in sorted(self.rates):
            if point < self.rates[kind]:
                return kind if is_page or kind in WIRE_FAULTS else None
            point -= self.rates[kind]
        return None


class FaultState:
    """A plan at work: counts attempts and consecutive faults per request content."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._attempts: dict[str, int] = {}
        self._consecutive: dict[str, int] = {}

    def next(self, route: str, content: str, *, is_page: bool) -> str | None:
        """The fault this request meets, or None."""
        if self.plan.routes and route not in self.plan.routes:
            return None
        attempt = self._attempts.get(content, 0)
        self._attempts[content] = attempt + 1
        fault = self.plan.draw(content, attempt, is_page=is_page)
        streak = self._consecutive.get(content, 0)
        if fault is not None and self.plan.max_consecutive is not None and streak >= self.plan.max_consecutive:
            fault = None
        self._consecutive[content] = 0 if fault is None else streak + 1
        return fault

    def latency_s(self, route: str) -> float:
        """The delay added to an answer of this route."""
        affected = not self.plan.routes or route in self.plan.routes
        return self.plan.latency_ms / 1000 if affected else 0.0


def spoiled(page: Page, fault: str, stream: np.uint64) -> Page:
    """The page with a fault of rows; which rows it hits depends on `stream` alone."""
    count = len(page.ts)
    position = np.arange(count, dtype=np.int64)
    random = words(stream, position)
    if fault == "empty_page":
        return page.reordered(position[:0])
    if fault == "short_page":
        return page.reordered(position[: count * (1 + int(stream % 3)) // 4])
    if fault == "out_of_order":
        return page.reordered(np.argsort(random))
    if fault == "duplicates":
        copies = np.where((bits(random, 0, 2) == 0) | (position == 0), 2, 1)
        return page.reordered(np.repeat(position, copies))
    raise ValueError(f"{fault!r} is no fault of rows")
