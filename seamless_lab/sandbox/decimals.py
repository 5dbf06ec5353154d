"""Exact decimal text of integers."""

from __future__ import annotations

import polars as pl

from seamless_lab.sandbox.randomness import Integers

PLACES = 8


def decimal_text(column: str, decimals: int = PLACES) -> pl.Expr:
    """Text of a non-negative integer column in units of `10**-decimals`: 1634790 with eight decimals is `0.01634790`."""
    value = pl.col(column)
    if decimals == 0:
        return value.cast(pl.String)
    unit = 10**decimals
    fraction = (value % unit).cast(pl.String).str.zfill(decimals)
    return pl.concat_str((value // unit).cast(pl.String), pl.lit("."), fraction)


def decimal_number(value: int, decimals: int) -> str:
    """Text of one non-negative integer in units of `10**-decimals`."""
    whole, fraction = divmod(value, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


def in_hundred_millionths(values: Integers, decimals: int) -> Integers:
    """Units of 1e-8 from units of `10**-decimals`."""
    return values * 10 ** (PLACES - decimals)
