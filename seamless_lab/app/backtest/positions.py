"""Positions as strategies give them, brought to one a bar."""

from __future__ import annotations

import polars as pl

from seamless_lab.core.time import format_time
from seamless_lab.errors import RequestError

POSITION = "position"


def aligned(name: str, bars: pl.DataFrame, found: pl.DataFrame) -> pl.Series:
    """The column `position` of a frame, by its `ts` where it has one: bars that it leaves out have no signal.

    Raises
    ------
    RequestError
        Without the column, with a `ts` twice or one at which no bar opens, or of another length without `ts`.
    """
    if POSITION not in found.columns:
        raise RequestError(
            f"The strategy gave the columns {', '.join(found.columns)}; one of them must be position.",
            hint="Name it: .alias('position'), or AS position.",
        )
    if "ts" not in found.columns:
        if found.height != bars.height:
            raise RequestError(
                f"The strategy gave {found.height:,} positions for the {bars.height:,} bars of {name}, without ts.",
                hint="Give the column ts as well, or one position a bar.",
                symbol=name,
            )
        return found[POSITION]
    if found["ts"].dtype != pl.Int64:
        raise RequestError(
            f"The strategy gave ts as {found['ts'].dtype}; it is the bars' own column ts, in epoch seconds.",
            hint="Pass ts on as it is; time is beside it for reading.",
        )
    if found["ts"].equals(bars["ts"]):
        return found[POSITION]
    strange = found.filter(~pl.col("ts").is_in(bars["ts"].implode()) | pl.col("ts").is_duplicated())
    if not strange.is_empty():
        at = strange["ts"][0]
        what = "twice" if bars["ts"].is_in([at]).any() else "and no bar opens then"
        raise RequestError(
            f"The strategy gave a position at {'null' if at is None else format_time(at)} {what} ({name}).",
            hint="Give at most one position a bar, by the bar's own ts.",
            symbol=name,
        )
    return bars.select("ts").join(found.select("ts", POSITION), on="ts", how="left", maintain_order="left")[POSITION]
