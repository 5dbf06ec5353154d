"""Bars as integer columns, and their exact aggregation to coarser timeframes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from seamless_lab.sandbox.randomness import Integers

MINUTE_S = 60
DAY_S = 86_400
_MONDAY_S = 4 * DAY_S  # 1970-01-05, the first Monday: weeks open there

TIMEFRAME_S: dict[str, int] = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": DAY_S,
    "1w": 7 * DAY_S,
}
"""Timeframes served, in seconds; all anchored at the epoch but weeks, which open Monday 00:00 UTC."""


def slot_floor(ts: int, step_s: int) -> int:
    """Open time of the slot of a timeframe of `step_s` seconds that contains `ts`."""
    return ts - (ts - _anchor(step_s)) % step_s


def slot_ceil(ts: int, step_s: int) -> int:
    """Open time of the first slot that opens at `ts` or later."""
    return ts + (_anchor(step_s) - ts) % step_s


def _anchor(step_s: int) -> int:
    return _MONDAY_S if step_s % (7 * DAY_S) == 0 else 0


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars in ascending order: open time in seconds, prices in ticks, volumes in lots, quote volumes in tick·lots."""

    ts: Integers
    open: Integers
    high: Integers
    low: Integers
    close: Integers
    volume: Integers
    quote_volume: Integers
    trades: Integers
    taker_volume: Integers
    taker_quote_volume: Integers

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, selection: slice | NDArray[np.bool_]) -> BarColumns:
        """The bars at a slice or where a mask is true."""
        return BarColumns(*(getattr(self, column.name)[selection] for column in fields(self)))


def concatenate(parts: list[BarColumns]) -> BarColumns:
    """The bars of all parts in the order given; no part at all is no bar."""
    if len(parts) == 1:
        return parts[0]
    nothing = np.empty(0, dtype=np.int64)
    columns = (
        np.concatenate([getattr(part, column.name) for part in parts]) if parts else nothing
        for column in fields(BarColumns)
    )
    return BarColumns(*columns)


def aggregate(minutes: BarColumns, step_s: int) -> BarColumns:
    """Bars of `step_s` seconds from one-minute bars: exact, and absent where no minute traded."""
    if step_s == MINUTE_S or not len(minutes):
        return minutes
    slot = minutes.ts - (minutes.ts - _anchor(step_s)) % step_s
    first = np.flatnonzero(np.diff(slot, prepend=slot[0] - 1))
    last = np.append(first[1:], len(slot)) - 1
    return BarColumns(
        ts=slot[first],
        open=minutes.open[first],
        high=np.maximum.reduceat(minutes.high, first),
        low=np.minimum.reduceat(minutes.low, first),
        close=minutes.close[last],
        volume=np.add.reduceat(minutes.volume, first),
        quote_volume=np.add.reduceat(minutes.quote_volume, first),
        trades=np.add.reduceat(minutes.trades, first),
        taker_volume=np.add.reduceat(minutes.taker_volume, first),
        taker_quote_volume=np.add.reduceat(minutes.taker_quote_volume, first),
    )
