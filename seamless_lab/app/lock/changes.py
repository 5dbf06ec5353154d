"""The first values that differ between pinned bars and others."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from seamless_lab.core.bars import VALUES
from seamless_lab.core.comparison import Comparison

CHANGES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Changed:
    """One value of one bar, as pinned and as it is now; None where there is no bar."""

    ts: int
    column: str
    pinned: float | None
    now: float | None


def first_changes(found: Comparison) -> tuple[Changed, ...]:
    """The first values that differ, in time order."""
    empty = pl.lit(None, dtype=pl.Float64)
    sides = [
        found.restated,
        *(
            bars.frame.head(CHANGES_SHOWN).select(
                "ts", *(expression for name in VALUES for expression in _pair(name, empty, is_new=is_new))
            )
            for bars, is_new in ((found.added, True), (found.removed, False))
        ),
    ]
    long = pl.concat(
        [
            pl.concat([side.head(CHANGES_SHOWN) for side in sides]).select(
                "ts",
                pl.lit(name).alias("column"),
                pl.col(f"{name}_old").alias("pinned"),
                pl.col(f"{name}_new").alias("now"),
            )
            for name in VALUES
        ]
    )
    differing = long.filter(pl.col("pinned").ne_missing(pl.col("now"))).sort("ts", maintain_order=True)
    return tuple(Changed(*row) for row in differing.head(CHANGES_SHOWN).iter_rows())


def _pair(name: str, empty: pl.Expr, *, is_new: bool) -> tuple[pl.Expr, pl.Expr]:
    old, new = (empty, pl.col(name)) if is_new else (pl.col(name), empty)
    return old.alias(f"{name}_old"), new.alias(f"{name}_new")
