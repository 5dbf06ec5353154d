"""The crossover of two moving averages, decided in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.core.backtest.ticks import BLOCK, ticks_of
from seamless_lab.core.numbers import require_number
from seamless_lab.core.ranges import Ints
from seamless_lab.errors import DataError, RequestError

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Crossover:
    """Long while the mean of the last `fast` closes is above that of the last `slow`; else flat, or short.

    Means are compared as `sum_fast * slow > sum_slow * fast` on whole ticks (see `ticks_of`), so no rounding decides a
    trade: engines that average floats disagree with each other where the two means are equal or nearly so. Equal means
    are flat. Before `slow` bars exist there is no signal.
    """

    fast: int
    slow: int
    short: bool = False

    def __post_init__(self) -> None:
        for name, value in (("fast", self.fast), ("slow", self.slow)):
            require_number(name, value, "For example crossover(20, 100).", whole=True)
        if not 1 <= self.fast < self.slow:
            raise RequestError(
                f"A crossover of {self.fast} over {self.slow} bars: the fast average must be the shorter one, of at "
                "least 1 bar.",
                hint="For example crossover(20, 100).",
                fast=self.fast,
                slow=self.slow,
            )

    @property
    def text(self) -> str:
        """What is hashed and shown."""
        return f"crossover(fast={self.fast}, slow={self.slow}, short={self.short})"

    def positions(self, bars: pl.DataFrame) -> pl.Series:
        """The target of each bar as Int8; null for the first `slow - 1`."""
        ticks, _ = ticks_of(bars["close"].to_numpy())
        warm_up = min(self.slow - 1, ticks.size)
        nothing = pl.Series("position", [None], dtype=pl.Int8).new_from_index(0, warm_up)
        if warm_up == ticks.size:
            return nothing
        sums = _running(ticks, self.fast * self.slow)  # sums[i] is the sum of the first i ticks
        target = np.empty(ticks.size - warm_up, dtype=np.int8)
        for start in range(0, target.size, BLOCK):
            self._compare(sums[start : start + BLOCK + self.slow], target[start : start + BLOCK])
        return nothing.append(pl.Series("position", target))

    def _compare(self, sums: Ints, target: npt.NDArray[np.int8]) -> None:
        """Fill in the targets that running sums give, the first of them after `slow` ticks."""
        fast = (sums[self.slow :] - sums[self.slow - self.fast : -self.fast]) * self.slow
        slow = (sums[self.slow :] - sums[: -self.slow]) * self.fast
        np.greater(fast, slow, out=target.view(np.bool_))
        if self.short:
            target -= (fast < slow).view(np.int8)


def crossover(fast: int, slow: int, *, short: bool = False) -> Crossover:
    """The crossover of two moving averages of closes, as a strategy for `Lab.backtest`.

    Long while the mean of the last `fast` closes is above that of the last `slow`; else flat, or with `short` short
    while it is below. Decided exactly, in whole ticks.

    Examples
    --------
    >>> crossover(20, 100).text
    'crossover(fast=20, slow=100, short=False)'
    """
    return Crossover(fast, slow, short)


def _running(ticks: Ints, factor: int) -> Ints:
    largest = max(int(ticks.max()), -int(ticks.min()))
    if largest * max(ticks.size, factor) > _INT64_MAX:
        raise DataError(
            f"Sums of {ticks.size:,} prices of up to {largest:,} ticks do not fit into 64 bits.",
            hint="Test a shorter window, or write the strategy as a polars function.",
            ticks=largest,
        )
    sums = np.empty(ticks.size + 1, dtype=np.int64)
    sums[0] = 0
    np.cumsum(ticks, out=sums[1:])
    return sums
