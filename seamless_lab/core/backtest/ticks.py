"""Prices as whole numbers of ticks, exactly as their decimal text says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seamless_lab.core.ranges import Ints
from seamless_lab.errors import DataError

Floats = npt.NDArray[np.float64]

MOST_DECIMALS = 15
BLOCK = 32_768
"""Rows worked on at a time: a quarter of a megabyte a column, which a core keeps at hand."""
_SAMPLE = 256
_LARGEST = float(2**50)  # so that a price times a power of ten, rounded once, is nearest to the whole number it means


def ticks_of(prices: Floats) -> tuple[Ints, int]:
    """Prices as whole numbers of `10 ** -decimals`, and those decimals: the fewest that write every price exactly.

    A price that came as the text `0.1` is the float nearest to it; here it is 1 tick of one decimal again, so that
    sums and comparisons are those of the decimal numbers, whatever engine or order adds them up.

    Raises
    ------
    DataError
        When no number of decimals up to 15 writes them all, as with prices that were divided or adjusted.
    """
    if not prices.size:
        return np.empty(0, dtype=np.int64), 0
    sample = prices[:: max(1, prices.size // _SAMPLE)]
    for decimals in range(MOST_DECIMALS + 1):
        if not _are_whole(sample, _scaled(sample, decimals), decimals):
            continue  # a few prices rule out most numbers of decimals
        ticks = _ticks(prices, decimals)
        if ticks is not None:
            return ticks, decimals
    raise _no_ticks(prices)


def _ticks(prices: Floats, decimals: int) -> Ints | None:
    """Prices in ticks of so many decimals, or None where one is between two ticks; block by block, within a cache."""
    ticks = np.empty(prices.size, dtype=np.int64)
    for start in range(0, prices.size, BLOCK):
        part = prices[start : start + BLOCK]
        scaled = _scaled(part, decimals)
        if not _are_whole(part, scaled, decimals):
            return None
        ticks[start : start + BLOCK] = scaled
    return ticks


def _scaled(prices: Floats, decimals: int) -> Floats:
    scaled = prices * float(10**decimals)  # exact: powers of ten are floats up to 10 ** 22
    return np.rint(scaled, out=scaled)


def _are_whole(prices: Floats, scaled: Floats, decimals: int) -> bool:
    # dividing two exact floats rounds once, as reading the decimal text does
    small = scaled.max() <= _LARGEST and scaled.min() >= -_LARGEST
    return bool(small and (scaled / float(10**decimals) == prices).all())


def _no_ticks(prices: Floats) -> DataError:
    alone = np.logical_or.reduce(
        [
            (_scaled(prices, n) / float(10**n) == prices) & (np.abs(_scaled(prices, n)) <= _LARGEST)
            for n in range(MOST_DECIMALS + 1)
        ]
    )
    if alone.all():
        problem = f"Prices from {float(prices.min())!r} to {float(prices.max())!r} have no tick in common"
    else:
        problem = f"The price {float(prices[np.argmin(alone)])!r} is no decimal number of up to 15 digits"
    return DataError(
        f"{problem}, so they cannot be compared exactly.",
        hint="Write the strategy as a polars function, which computes in floats.",
    )
