"""Calendar cells: how a series is cut into leaves and packs (UTC hours, days, months, years, decades)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seamless_lab.core.grid import DAY, Grid
from seamless_lab.core.ranges import Ints
from seamless_lab.core.time import TimeRange

_MINUTE, _QUARTER_HOUR = 60, 900
_NUMPY_UNIT = {"hour": "h", "day": "D", "month": "M", "year": "Y"}


@dataclass(frozen=True, slots=True)
class Cells:
    """One way to cut time into calendar cells: `hour`, `day`, `month`, `year` or `decade`, UTC.

    A cell is named by its calendar start. Its *slots* are those of the grid that open inside the calendar cell, so that
    cells partition the slots whatever the grid's anchor.
    """

    unit: str
    grid: Grid

    def cell_of(self, seconds: Ints) -> Ints:
        """Calendar start of the cell that holds each time."""
        if self.unit == "decade":
            years = seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64)
            return _year_start(years - years % 10)
        unit = _NUMPY_UNIT[self.unit]
        return seconds.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(np.int64)

    def starts(self, window: TimeRange) -> Ints:
        """Calendar starts of the cells that hold the slots of `window`, followed by the start of the next cell.

        Shape `(cells + 1,)`: consecutive values bound each cell.
        """
        first, last = self.cell_of(np.array([window.start, window.end - 1], dtype=np.int64))
        if self.unit == "decade":
            years = np.array([first, last]).astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64)
            return _year_start(np.arange(years[0], years[1] + 11, 10))
        unit = _NUMPY_UNIT[self.unit]
        begin, final = np.array([first, last]).astype("datetime64[s]").astype(f"datetime64[{unit}]")
        return np.arange(begin, final + 2).astype("datetime64[s]").astype(np.int64)

    def edges(self, starts: Ints) -> Ints:
        """First slot at or after each calendar start: where the cells' slots begin."""
        return starts + (self.grid.anchor_s - starts) % self.grid.step_s

    def slots(self, cell: int) -> TimeRange:
        """The slots of one cell, as a window on the grid."""
        begin, end = self.edges(self.starts(TimeRange(cell, cell + 1)))
        return TimeRange(int(begin), int(end))


def leaf_cells(grid: Grid) -> Cells:
    """The leaves of a grid: hours below 1m, days below 15m, months below 1d, else years."""
    step = grid.step_s
    return Cells(
        "hour" if step < _MINUTE else "day" if step < _QUARTER_HOUR else "month" if step < DAY else "year", grid
    )


def pack_cells(grid: Grid) -> Cells:
    """The packs of a grid: one calendar unit coarser than its leaves (decades above years)."""
    coarser = {"hour": "day", "day": "month", "month": "year", "year": "decade"}
    return Cells(coarser[leaf_cells(grid).unit], grid)


def _year_start(years_since_1970: Ints) -> Ints:
    return years_since_1970.astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
