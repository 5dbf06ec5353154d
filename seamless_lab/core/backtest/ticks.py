"""Prices as whole numbers of ticks, exactly as their decimal text says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seamless_lab.core.ranges import Ints
from seamless_lab.errors import DataError

Floats = npt.NDArray[np.float64]

MOST_DECIMALS = 15
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
        if not _whole(sample, decimals)[1].all():
            continue  # a few prices rule out most numbers of decimals
        scaled, whole = _whole(prices, decimals)
        if whole.all():
            return scaled.astype(np.int64), decimals
    alone = np.logical_or.reduce([_whole(prices, decimals)[1] for decimals in range(MOST_DECIMALS + 1)])
    if alone.all():
        problem = f"Prices from {float(prices.min())!r} to {float(prices.max())!r} have no tick in common"
    else:
        problem = f"The price {float(prices[np.argmin(alone)])!r} is no decimal number of up to 15 digits"
    raise DataError(
        f"{problem}, so they cannot be compared exactly.",
        hint="Write the strategy as a polars function, which computes in floats.",
    )


def _whole(prices: Floats, decimals: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    scale = float(10**decimals)  # exact: powers of ten are floats up to 10 ** 22
    scaled = np.rint(prices * scale)
    # dividing two exact floats rounds once, as reading the decimal text does
    return scaled, (scaled / scale == prices) & (np.abs(scaled) <= _LARGEST)
