"""The exchange's clock: real time, or a moment that only the tests move."""

from __future__ import annotations

import time


class ExchangeClock:
    """Milliseconds since the epoch, UTC; real time until it is frozen."""

    def __init__(self, frozen_ms: int | None = None) -> None:
        self._frozen_ms = frozen_ms

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still unless moved."""
        return self._frozen_ms is not None

    def now_ms(self) -> int:
        """The exchange's present."""
        return time.time_ns() // 1_000_000 if self._frozen_ms is None else self._frozen_ms

    def freeze(self, now_ms: int) -> None:
        """Stop at `now_ms`."""
        self._frozen_ms = now_ms

    def advance(self, by_ms: int) -> None:
        """Move a frozen clock; a running one is frozen first."""
        self._frozen_ms = self.now_ms() + by_ms

    def run(self) -> None:
        """Follow real time again."""
        self._frozen_ms = None
