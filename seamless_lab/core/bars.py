"""Bars: one series' rows in their canonical form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import DataError

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
COLUMNS = ("ts", *VALUES)
SCHEMA: dict[str, pl.DataType] = {"ts": pl.Int64(), **{name: pl.Float64() for name in VALUES}}
DTYPES = {"ts": "int64", **dict.fromkeys(VALUES, "float64")}


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars of one node.

    `frame` has the columns `ts` (Int64, open time in epoch seconds, on the grid, strictly increasing), `open, high,
    low, close` (Float64, never null) and `volume` (Float64, null when the source gave no number). Build with
    `validated`, or with the constructor where the frame is known to hold.
    """

    node: NodeId
    grid: Grid
    frame: pl.DataFrame

    @classmethod
    def validated(cls, node: NodeId, grid: Grid, frame: pl.DataFrame) -> Bars:
        """Bars of a frame that is checked to be canonical.

        Raises
        ------
        DataError
            With the first rule broken: schema, order, grid, null prices or numbers that are not finite.
        """
        if dict(frame.schema) != SCHEMA:
            raise DataError(f"{node}: the frame has the columns {dict(frame.schema)}, not {SCHEMA}.", node=str(node))
        ts = frame["ts"].to_numpy()
        if ts.size and not (np.diff(ts) > 0).all():
            raise DataError(f"{node}: ts is not strictly increasing.", node=str(node))
        if ((ts - grid.anchor_s) % grid.step_s != 0).any():
            raise DataError(
                f"{node}: some ts are off the grid of {grid.step_s} s anchored at {grid.anchor_s}.", node=str(node)
            )
        if any(frame[name].null_count() for name in ("ts", *PRICES)):
            raise DataError(f"{node}: a bar without a price is no bar.", node=str(node))
        for name in VALUES:
            if not np.isfinite(frame[name].fill_null(0.0).to_numpy()).all():
                raise DataError(f"{node}: some {name} is not finite.", node=str(node), column=name)
        return cls(node, grid, frame)

    @classmethod
    def none(cls, node: NodeId, grid: Grid) -> Bars:
        """No bars."""
        return cls(node, grid, pl.DataFrame(schema=SCHEMA))

    @property
    def ts(self) -> Ints:
        """Open times, int64, epoch seconds."""
        return self.frame["ts"].to_numpy()

    @property
    def slots(self) -> Ranges:
        """The slots that hold a bar."""
        # chunk by chunk: one array of a version's times would copy all of them
        parts = [Ranges.of_slots(part.to_numpy(), self.grid.step_s) for part in self.frame["ts"].get_chunks()]
        return parts[0] if len(parts) == 1 else Ranges.joined(parts)

    def __len__(self) -> int:
        return self.frame.height

    def window(self, window: TimeRange) -> Bars:
        """The bars that open inside `window`; a zero-copy slice."""
        first, last = np.searchsorted(self.ts, [window.start, window.end])
        return Bars(self.node, self.grid, self.frame.slice(int(first), int(last - first)))

    def within(self, ranges: Ranges) -> Bars:
        """The bars that open inside the set."""
        if len(ranges) <= 1:
            bounds = ranges.bounds
            return self.window(bounds) if bounds else Bars.none(self.node, self.grid)
        return Bars(self.node, self.grid, self.frame.filter(pl.Series(ranges.contains(self.ts))))
