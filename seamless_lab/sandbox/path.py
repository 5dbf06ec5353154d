"""The price path: a Brownian bridge with clustered volatility, computed anywhere without history.

The path lives in log2 of the price, fixed point with 32 fractional bits. Knots lie `2**TOP_LEVEL` minutes apart; every
interval is halved by displacing its midpoint (Levy's construction), down to single minutes. A value depends only on its
level and index, so any window gives the same numbers as any other window that contains it. Each half inherits its
parent's volatility times a random factor, which yields calm weeks and wild hours as real markets have.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np

from seamless_lab.sandbox.randomness import GAUSS_SD, Integers, bits, gauss, salt, words

TOP_LEVEL = 22
"""Knots every 2**22 minutes: about eight years."""
ONE = 1 << 32
"""1.0 in the path's fixed point: a doubling of the price."""
CALM = 1 << 16
"""1.0 in the volatility's fixed point."""
_CLUSTERED_LEVELS = 14
_TABLE_BITS = 10
_MANTISSA_BITS = 30
_MAX_OCTAVES = 12


def _power_table() -> Integers:
    """2**(i/1024) for i in 0..1024 with 30 fractional bits, by exact integer square roots."""
    precision = 128
    root = 2 << precision
    for _ in range(_TABLE_BITS):
        root = isqrt(root << precision)
    entries, value = [], 1 << precision
    for _ in range(1 << _TABLE_BITS):
        entries.append(value >> (precision - _MANTISSA_BITS))
        value = (value * root) >> precision
    return np.array([*entries, 2 << _MANTISSA_BITS], dtype=np.int64)


_POWERS = _power_table()


def scale_by_power_of_two(base: int, exponent: Integers) -> Integers:
    """`base * 2**exponent`, rounded to integers and at least 1, for fixed-point exponents (within 12 octaves).

    Never decreasing in the exponent, and exact to about 6e-8: integer table and linear interpolation, no libm.
    """
    clipped = np.clip(exponent, -_MAX_OCTAVES * ONE, _MAX_OCTAVES * ONE)
    octave = clipped >> 32
    fraction = clipped & (ONE - 1)
    entry = fraction >> (32 - _TABLE_BITS)
    rest = fraction & ((1 << (32 - _TABLE_BITS)) - 1)
    low = _POWERS[entry]
    mantissa = low + (((_POWERS[entry + 1] - low) * rest) >> (32 - _TABLE_BITS))
    shift = _MANTISSA_BITS - octave
    scaled: Integers = np.maximum((base * mantissa + (np.int64(1) << (shift - 1))) >> shift, 1)
    return scaled


@dataclass(frozen=True, slots=True)
class PathWindow:
    """A stretch of n minutes: `log_price` at their n + 1 boundaries, `volatility` within each."""

    log_price: Integers
    volatility: Integers


def path_window(stream: str, deviation: int, first: int, last: int) -> PathWindow:
    """The path over minutes [first, last), with `deviation` the typical one-minute move in the path's fixed point.

    Minutes count from the epoch. Cost: about 22 small numpy steps plus a few operations per minute.
    """
    low, high = first >> TOP_LEVEL, ((last - 1) >> TOP_LEVEL) + 1
    knots = words(salt(stream, "knot"), np.arange(low, high + 1, dtype=np.int64))
    values = gauss(knots) * (ONE // (2 * GAUSS_SD))
    volatility = np.full(high - low, CALM, dtype=np.int64)
    for level in range(TOP_LEVEL, 0, -1):
        random = words(salt(stream, level), np.arange(low, high, dtype=np.int64))
        reach = isqrt((deviation * deviation) << level) * 2048 // GAUSS_SD  # half the standard deviation, times 2**12
        left, right = values[:-1], values[1:]
        middle = ((left + right) >> 1) + ((gauss(random) * ((reach * volatility) >> 16)) >> 12)
        values = np.empty(2 * (high - low) + 1, dtype=np.int64)
        values[::2] = np.append(left, right[-1])
        values[1::2] = middle
        halves = np.repeat(volatility, 2)
        if level <= _CLUSTERED_LEVELS:
            halves[::2] = (volatility * (49152 + (bits(random, 48, 8) << 7))) >> 16
            halves[1::2] = (volatility * (49152 + (bits(random, 56, 8) << 7))) >> 16
        child_low, child_high = first >> (level - 1), ((last - 1) >> (level - 1)) + 1
        skip = child_low - 2 * low
        values = values[skip : skip + child_high - child_low + 1]
        volatility = halves[skip : skip + child_high - child_low]
        low, high = child_low, child_high
    return PathWindow(values, volatility)
