"""The market: any bars of any instrument, computed on demand and the same whatever window they are asked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seamless_lab.sandbox.bars import MINUTE_S, BarColumns, aggregate, concatenate, slot_ceil, slot_floor
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.legs import Legs, minute_legs, price_at, trades_happen
from seamless_lab.sandbox.recently_used import RecentlyUsed
from seamless_lab.sandbox.trades import TradeColumns, aggregate_trades

_BLOCK_MINUTES = 8192
_CACHED_BLOCKS = 96  # about 0.65 MB each
_CHUNK_S = 91 * 86_400  # coarse bars are aggregated thirteen weeks at a time, to bound memory
_COARSE_S = 14_400  # from four hours on, a whole chunk is aggregated and kept: it is small and dear
_CACHED_CHUNKS = 512


@dataclass(frozen=True, slots=True)
class Stretch:
    """A half-open stretch [start, end) of time, in epoch seconds; it may be empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"a stretch must not end before it starts, got [{self.start}, {self.end})")


@dataclass(frozen=True, slots=True)
class Restatement:
    """Bars of `symbol` opening in `stretch` that the exchange serves differently from `known_at_ms` on.

    `values`: other highs, lows, volumes and trades, of closed minutes only. `late`: absent before, present after.
    `withdrawn`: the reverse.
    """

    symbol: str
    stretch: Stretch
    known_at_ms: int
    kind: Literal["values", "late", "withdrawn"] = "values"

    def __post_init__(self) -> None:
        if self.kind not in {"values", "late", "withdrawn"}:
            raise ValueError(f"kind must be values, late or withdrawn, got {self.kind!r}")


class Market:
    """Bars of instruments as the exchange knows them at a moment. Not thread-safe: one loop or thread owns it.

    Parameters
    ----------
    outages
        Stretches in which nobody traded: their bars do not exist, for any instrument.
    restatements
        Bars served differently before and after a moment; more can be added later with `restate`.
    """

    def __init__(self, outages: tuple[Stretch, ...] = (), restatements: tuple[Restatement, ...] = ()) -> None:
        self._outages = outages
        self._restatements = sorted(restatements, key=lambda item: item.known_at_ms)
        self._blocks: RecentlyUsed[tuple[Instrument, int], BarColumns] = RecentlyUsed(_CACHED_BLOCKS)
        self._chunks: RecentlyUsed[tuple[Instrument, int, int], BarColumns] = RecentlyUsed(_CACHED_CHUNKS)

    @property
    def restatements(self) -> tuple[Restatement, ...]:
        """The restatements in force, by the time they become known."""
        return tuple(self._restatements)

    def known_restatements(self, now_ms: int) -> tuple[int, int]:
        """How many restatements there are and are known at `now_ms`: while both stay, closed bars stay."""
        known = sum(restatement.known_at_ms <= now_ms for restatement in self._restatements)
        return len(self._restatements), known

    def restate(self, restatement: Restatement) -> None:
        """Add a restatement; what is served from then on follows it."""
        self._restatements = sorted([*self._restatements, restatement], key=lambda item: item.known_at_ms)

    def bars(self, instrument: Instrument, step_s: int, window: Stretch, now_ms: int) -> BarColumns:
        """Bars of `step_s` seconds that open in `window`, as served at `now_ms`; the forming one comes partial."""
        start = max(slot_ceil(window.start, step_s), slot_floor(instrument.listed_s, step_s))
        end = slot_ceil(min(window.end, now_ms // 1000 + 1), step_s)
        parts: list[BarColumns] = []
        while start < end:
            upper = min(slot_floor(start, _CHUNK_S) + _CHUNK_S, end)
            parts.append(self._aggregated(instrument, step_s, start, upper, now_ms))
            start = upper
        return concatenate(parts)

    def first_bars(self, instrument: Instrument, step_s: int, window: Stretch, limit: int, now_ms: int) -> BarColumns:
        """The earliest `limit` bars that open in `window`, skipping over minutes without any."""
        cursor = max(slot_ceil(window.start, step_s), slot_floor(instrument.listed_s, step_s))
        end = min(window.end, now_ms // 1000 + 1)
        parts: list[BarColumns] = []
        wanted = limit
        while wanted > 0 and cursor < end:
            upper = min(cursor + wanted * step_s, end)
            parts.append(self.bars(instrument, step_s, Stretch(cursor, upper), now_ms))
            wanted -= len(parts[-1])
            cursor = upper
        return concatenate(parts)

    def last_bars(self, instrument: Instrument, step_s: int, before_s: int, limit: int, now_ms: int) -> BarColumns:
        """The latest `limit` bars that open before `before_s`, in ascending order."""
        cursor = min(slot_ceil(before_s, step_s), slot_floor(now_ms // 1000, step_s) + step_s)
        earliest = slot_floor(instrument.listed_s, step_s)
        parts: list[BarColumns] = []
        wanted = limit
        while wanted > 0 and cursor > earliest:
            lower = max(cursor - wanted * step_s, earliest)
            parts.insert(0, self.bars(instrument, step_s, Stretch(lower, cursor), now_ms))
            wanted -= len(parts[0])
            cursor = lower
        return concatenate(parts)

    def last_price(self, instrument: Instrument, now_ms: int) -> int:
        """The price in ticks at the start of the current minute."""
        return price_at(instrument, now_ms // 60_000)

    def trades(self, instrument: Instrument, window: Stretch, now_ms: int) -> TradeColumns:
        """Aggregate trades of the minutes in `window` that happened by `now_ms`; they add up to the bars served."""
        first = max(window.start, instrument.listed_s) // MINUTE_S
        last = max(min(window.end // MINUTE_S, now_ms // 60_000 + 1), first)
        present = self._minutes(instrument, first * MINUTE_S, last * MINUTE_S, now_ms)
        exists = np.isin(np.arange(first, last, dtype=np.int64) * MINUTE_S, present.ts)
        trades = aggregate_trades(instrument, self._legs(instrument, first, last, now_ms), exists)
        return trades.take(trades.time_ms <= now_ms)

    def _aggregated(self, instrument: Instrument, step_s: int, start: int, end: int, now_ms: int) -> BarColumns:
        """Bars opening in [start, end), which lies in one chunk."""
        chunk = slot_floor(start, _CHUNK_S)
        if step_s < _COARSE_S or (chunk + _CHUNK_S) * 1000 > now_ms or self._of(instrument):
            return aggregate(self._minutes(instrument, start, end, now_ms), step_s)
        key = (instrument, step_s, chunk)
        bars = self._chunks.get(key)
        if bars is None:
            bars = aggregate(self._minutes(instrument, chunk, chunk + _CHUNK_S, now_ms), step_s)
            self._chunks.put(key, bars)
        low, high = np.searchsorted(bars.ts, [start, end])
        return bars.take(slice(int(low), int(high)))

    def _minutes(self, instrument: Instrument, start_s: int, end_s: int, now_ms: int) -> BarColumns:
        current = now_ms // 60_000
        first = max(start_s, instrument.listed_s) // MINUTE_S
        closed = min(end_s // MINUTE_S, current)
        parts = []
        for number in range(first // _BLOCK_MINUTES, (closed - 1) // _BLOCK_MINUTES + 1 if closed > first else 0):
            block = self._block(instrument, number)
            low, high = np.searchsorted(block.ts, [first * MINUTE_S, closed * MINUTE_S])
            parts.append(block.take(slice(int(low), int(high))))
        if first <= current < end_s // MINUTE_S:
            parts.append(self._forming(instrument, now_ms))
        return self._restated(instrument, concatenate(parts), now_ms)

    def _block(self, instrument: Instrument, number: int) -> BarColumns:
        key = (instrument, number)
        block = self._blocks.get(key)
        if block is None:
            first = number * _BLOCK_MINUTES
            block = self._existing(instrument, minute_legs(instrument, first, first + _BLOCK_MINUTES).bars())
            self._blocks.put(key, block)
        return block

    def _existing(self, instrument: Instrument, minutes: BarColumns) -> BarColumns:
        """The minutes that traded: after listing, not quiet, no outage."""
        first = int(minutes.ts[0]) // MINUTE_S
        exists = trades_happen(instrument, first, first + len(minutes)) & (minutes.ts >= instrument.listed_s)
        for outage in self._outages:
            exists &= (minutes.ts < outage.start) | (minutes.ts >= outage.end)
        return minutes.take(exists)

    def _forming(self, instrument: Instrument, now_ms: int) -> BarColumns:
        """The current minute so far: no bar before its first trade."""
        minute = now_ms // 60_000
        legs = minute_legs(instrument, minute, minute + 1)
        executed = int((legs.offset_ms[:, 0] <= now_ms - minute * 60_000).sum())
        bars = legs.bars(max(executed, 1))
        return self._existing(instrument, bars) if executed else bars.take(slice(0, 0))

    def _restated(self, instrument: Instrument, minutes: BarColumns, now_ms: int) -> BarColumns:
        for restatement in self._of(instrument):
            stretch, known = restatement.stretch, restatement.known_at_ms <= now_ms
            end = min(stretch.end, now_ms // 60_000 * MINUTE_S) if restatement.kind == "values" else stretch.end
            low, high = (int(edge) for edge in np.searchsorted(minutes.ts, [stretch.start, end]))
            if low >= high or (restatement.kind == "values" and not known):
                continue
            inside = minutes.take(slice(low, high))
            if restatement.kind == "values":
                first, last = int(inside.ts[0]) // MINUTE_S, int(inside.ts[-1]) // MINUTE_S + 1
                other = self._legs(instrument, first, last, now_ms).bars()
                inside = other.take(np.isin(other.ts, inside.ts))
            elif known == (restatement.kind == "withdrawn"):
                inside = inside.take(slice(0, 0))
            minutes = concatenate([minutes.take(slice(low)), inside, minutes.take(slice(high, None))])
        return minutes

    def _legs(self, instrument: Instrument, first: int, last: int, now_ms: int) -> Legs:
        legs = minute_legs(instrument, first, last)
        for restatement in self._of(instrument):
            low = max(restatement.stretch.start // MINUTE_S, first)
            high = min(restatement.stretch.end // MINUTE_S, last, now_ms // 60_000)
            if restatement.kind == "values" and restatement.known_at_ms <= now_ms and low < high:
                legs = legs.overlaid(minute_legs(instrument, low, high, restatement.known_at_ms))
        return legs

    def _of(self, instrument: Instrument) -> list[Restatement]:
        return [restatement for restatement in self._restatements if restatement.symbol == instrument.name]
