"""Counter-based randomness: any number of a stream at once, from nothing but its index.

SplitMix64 in 64-bit integer arithmetic that wraps, so the same seed gives the same numbers on every machine and numpy
version; there is no state to advance and no floating point anywhere.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_30, _SHIFT_27, _SHIFT_31 = np.uint64(30), np.uint64(27), np.uint64(31)
_PIECE = np.uint64(0xFFF)

GAUSS_SD = 2365
"""Standard deviation of `gauss`, rounded: sqrt(4 * 4096**2 / 12)."""


def salt(*parts: object) -> np.uint64:
    """A 64-bit stream name derived from `parts`; equal parts give the equal stream everywhere."""
    text = "\x1f".join(str(part) for part in parts)
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))


def words(stream: np.uint64, index: Integers) -> Words:
    """64 random bits for each index of a stream (SplitMix64's output function at that counter)."""
    z = index.astype(np.uint64) * _STEP + stream
    z = (z ^ (z >> _SHIFT_30)) * _MIX_1
    z = (z ^ (z >> _SHIFT_27)) * _MIX_2
    return z ^ (z >> _SHIFT_31)


def bits(source: Words, offset: int, width: int) -> Integers:
    """`width` bits of each word from bit `offset`, as non-negative integers."""
    return ((source >> np.uint64(offset)) & np.uint64((1 << width) - 1)).astype(np.int64)


def gauss(source: Words) -> Integers:
    """Bell-shaped integers in [-8190, 8190] with mean 0 and deviation `GAUSS_SD`, from the low 48 bits of each word."""
    total = (source & _PIECE) + ((source >> np.uint64(12)) & _PIECE)
    total += ((source >> np.uint64(24)) & _PIECE) + ((source >> np.uint64(36)) & _PIECE)
    return total.astype(np.int64) - 8190
