"""The four trades every minute is made of; bars and trade lists are two views of them.

A minute that trades has four aggregate trades ("legs"): one at the open, the two extremes in either order, one at the
close. Each leg is one taker order filled by one to eight makers. Bars sum legs and trade lists print them, so the two
agree to the last digit by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seamless_lab.sandbox.bars import MINUTE_S, BarColumns
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.path import path_window, scale_by_power_of_two
from seamless_lab.sandbox.randomness import GAUSS_SD, Integers, bits, gauss, salt, words

LEGS = 4
MAX_FILLS = 8
_ANCHOR_MINUTE = 1_704_067_200 // MINUTE_S  # prices are about their stated level on 2024-01-01
_VOLUME_NOISE = int(0.8 * (1 << 32)) // GAUSS_SD  # minute volumes vary by 0.8 octaves


@dataclass(frozen=True, slots=True)
class Legs:
    """Legs of minutes [first, first + n), arrays of shape (4, n) in order of time.

    `price` in ticks, `lots` >= 1, `fills` 1..8 and at most `lots`, `taker_buys` 0 or 1, `offset_ms` within the minute.
    """

    first: int
    price: Integers
    lots: Integers
    fills: Integers
    taker_buys: Integers
    offset_ms: Integers

    def bars(self, executed: int = LEGS) -> BarColumns:
        """One bar a minute from the first `executed` (1 to 4) legs of each."""
        price, lots, fills = self.price[:executed], self.lots[:executed], self.fills[:executed]
        bought = lots * self.taker_buys[:executed]
        return BarColumns(
            ts=np.arange(self.first, self.first + price.shape[1], dtype=np.int64) * MINUTE_S,
            open=price[0],
            high=price.max(axis=0),
            low=price.min(axis=0),
            close=price[-1],
            volume=lots.sum(axis=0),
            quote_volume=(price * lots).sum(axis=0),
            trades=fills.sum(axis=0),
            taker_volume=bought.sum(axis=0),
            taker_quote_volume=(price * bought).sum(axis=0),
        )

    def overlaid(self, other: Legs) -> Legs:
        """These legs with the minutes of `other`, a stretch of them, taken from `other`."""
        low = other.first - self.first
        high = low + other.price.shape[1]

        def joined(ours: Integers, theirs: Integers) -> Integers:
            return np.concatenate([ours[:, :low], theirs, ours[:, high:]], axis=1)

        return Legs(
            first=self.first,
            price=joined(self.price, other.price),
            lots=joined(self.lots, other.lots),
            fills=joined(self.fills, other.fills),
            taker_buys=joined(self.taker_buys, other.taker_buys),
            offset_ms=joined(self.offset_ms, other.offset_ms),
        )


def minute_legs(instrument: Instrument, first: int, last: int, revision: int = 0) -> Legs:
    """Legs of every minute in [first, last), quiet ones too; revisions other than 0 share only its open and close."""
    window = path_window(instrument.path_stream, instrument.deviation, first, last)
    log_price = window.log_price - _anchor(instrument.path_stream, instrument.deviation)
    minute = np.arange(first, last, dtype=np.int64)
    shape = words(salt(instrument.bar_stream, "shape", revision), minute)
    size = words(salt(instrument.bar_stream, "size", revision), minute)
    clock = words(salt(instrument.bar_stream, "clock"), minute)

    opens, closes = log_price[:-1], log_price[1:]
    reach = (instrument.deviation * window.volatility) >> 16
    upper = np.maximum(opens, closes) + ((reach * bits(shape, 0, 10) ** 2) >> 20)
    lower = np.minimum(opens, closes) - ((reach * bits(shape, 10, 10) ** 2) >> 20)
    boundary = scale_by_power_of_two(instrument.price_ticks, log_price)
    high = scale_by_power_of_two(instrument.price_ticks, upper)
    low = scale_by_power_of_two(instrument.price_ticks, lower)
    high_first = bits(shape, 20, 1) == 1
    price = np.stack([boundary[:-1], np.where(high_first, high, low), np.where(high_first, low, high), boundary[1:]])

    volume = (scale_by_power_of_two(instrument.mean_lots, gauss(size) * _VOLUME_NOISE) * window.volatility) >> 16
    shares = np.stack([1 + bits(shape, 21 + 6 * leg, 6) for leg in range(LEGS)])
    lots = 1 + volume * shares // shares.sum(axis=0)
    fills = np.stack([1 + bits(shape, 45 + 3 * leg, 3) for leg in range(LEGS)])
    return Legs(
        first=first,
        price=price,
        lots=lots,
        fills=np.minimum(fills, lots),
        taker_buys=np.stack([bits(shape, 57 + leg, 1) for leg in range(LEGS)]),
        offset_ms=np.stack([leg * 15_000 + bits(clock, 16 * leg, 16) * 15_000 // 65_536 for leg in range(LEGS)]),
    )


def price_at(instrument: Instrument, minute: int) -> int:
    """The price in ticks at the start of a minute: the previous close, if that minute traded."""
    window = path_window(instrument.path_stream, instrument.deviation, minute, minute + 1)
    log_price = window.log_price[:1] - _anchor(instrument.path_stream, instrument.deviation)
    return int(scale_by_power_of_two(instrument.price_ticks, log_price)[0])


@lru_cache(maxsize=1024)
def _anchor(path_stream: str, deviation: int) -> int:
    """The path where the instrument's stated price level applies."""
    return int(path_window(path_stream, deviation, _ANCHOR_MINUTE, _ANCHOR_MINUTE + 1).log_price[0])


def trades_happen(instrument: Instrument, first: int, last: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each minute of [first, last) trades at all; quiet minutes do not."""
    draw = bits(words(salt(instrument.bar_stream, "quiet"), np.arange(first, last, dtype=np.int64)), 0, 30)
    return draw * 1_000_000 >= instrument.quiet_per_million << 30
