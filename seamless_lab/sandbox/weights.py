"""Request weights: a budget a minute, refusals when it is spent, a ban for who goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass; a refusal says after how many seconds to try again."""

    outcome: Literal["pass", "refuse", "ban"]
    used_weight: int
    retry_after_s: int = 0


class WeightBudget:
    """`limit` units of weight in each aligned window of `window_s` seconds.

    A request that would exceed it is refused until the window ends. The `tolerance`-th refusal in one window turns into
    a ban of `ban_s` seconds, during which everything is refused. Time is passed in; it must not run backwards.
    """

    def __init__(self, limit: int, window_s: float = 60.0, tolerance: int = 10, ban_s: float = 120.0) -> None:
        self.limit = limit
        self._window_s = window_s
        self._tolerance = tolerance
        self._ban_s = ban_s
        self._window = -1
        self._used = 0
        self._refusals = 0
        self._banned_until_s = 0.0

    def charge(self, weight: int, now_s: float) -> Verdict:
        """Account for one request at `now_s` seconds."""
        if now_s < self._banned_until_s:
            return Verdict("ban", self._used, _seconds(self._banned_until_s - now_s))
        window = int(now_s // self._window_s)
        if window != self._window:
            self._window, self._used, self._refusals = window, 0, 0
        self._used += weight
        if self._used <= self.limit:
            return Verdict("pass", self._used)
        self._refusals += 1
        if self._refusals >= self._tolerance:
            self._banned_until_s = now_s + self._ban_s
            return Verdict("ban", self._used, _seconds(self._ban_s))
        return Verdict("refuse", self._used, _seconds((window + 1) * self._window_s - now_s))


def _seconds(duration_s: float) -> int:
    """Whole seconds, at least one, that surely reach past the duration."""
    return int(duration_s) + 1
