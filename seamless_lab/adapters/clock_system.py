"""The machine's clock, and two that stand in for it."""

from __future__ import annotations

import time
from dataclasses import dataclass


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        """Wall clock, epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A wall clock that shows one moment, so that a notebook gives the same output again; durations stay real."""

    at_ms: int

    def now_ms(self) -> int:
        """The one moment, epoch milliseconds."""
        return self.at_ms

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class ManualClock:
    """A clock that moves when told; `sleep` moves it instead of waiting."""

    def __init__(self, at_ms: int = 1_700_000_000_000) -> None:
        self._at_us = at_ms * 1000
        self._passed_us = 0

    def now_ms(self) -> int:
        """Wall clock, epoch milliseconds."""
        return self._at_us // 1000

    def monotonic_s(self) -> float:
        """Seconds advanced since the clock was made."""
        return self._passed_us / 1e6

    def advance(self, seconds: float) -> None:
        """Let time pass; to the microsecond, rounded up."""
        step = -int(-seconds * 1e6 // 1)
        if step < 0:
            raise ValueError(f"time passes forwards, not by {seconds} s; use `set_back` for the wall clock")
        self._at_us += step
        self._passed_us += step

    def set_back(self, seconds: float) -> None:
        """Step the wall clock back, as an operator or NTP does; durations are not affected."""
        self._at_us -= int(seconds * 1e6)

    async def sleep(self, seconds: float) -> None:
        """Advance instead of waiting."""
        self.advance(max(0.0, seconds))
