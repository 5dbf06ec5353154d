"""Bounding what a commit says about when slots were observed."""

from __future__ import annotations

import numpy as np

from seamless_lab.core.cells import pack_cells
from seamless_lab.core.grid import Grid
from seamless_lab.core.observed import Observed

LIMIT_RUNS = 200
"""Runs of observation times a commit holds about: 8 kB of it."""


def coarsened(observed: Observed, grid: Grid, *, spare: set[int], limit_runs: int = LIMIT_RUNS) -> Observed:
    """The same answered slots in about `limit_runs` runs: in the oldest packs all slots take the pack's latest time.

    Packs whose cells are in `spare` stay exact. The limit cannot be kept when the answered slots alone have more
    ranges.
    """
    if len(observed) <= limit_runs:
        return observed
    bounds = observed.answered.bounds
    assert bounds is not None
    cells = pack_cells(grid)
    starts = cells.starts(bounds)
    pieces = np.unique(np.concatenate((observed.starts, observed.ends, cells.edges(starts))))
    left, right = pieces[:-1], pieces[1:]
    at_ms = observed.at_of(left)
    known = at_ms >= 0
    left, right, at_ms = left[known], right[known], at_ms[known]
    place = np.searchsorted(cells.edges(starts), left, side="right") - 1
    latest = np.zeros(starts.size, dtype=np.int64)
    np.maximum.at(latest, place, at_ms)
    free = np.flatnonzero(~np.isin(starts[:-1], list(spare)))
    count = 1
    while True:
        coarse = np.isin(place, free[:count])
        result = Observed.from_runs(np.column_stack((left, right, np.where(coarse, latest[place], at_ms))).tolist())
        if len(result) <= limit_runs or count >= free.size:
            return result
        count *= 2
