"""What one page of bars proves about the slots around its rows: the rule by which a slot without a bar becomes quiet.

A page can lie in one direction only: whoever shortens it (a proxy, a size limit, a broken cache) cuts off what
comes last. So a slot without a row is proven empty when rows of the same page lie on both sides of it, or on its
far side, seen from the end at which the exchange demonstrably begins to read: `since` for pages in ascending order,
`until` for pages that come newest first. The other end of a page proves nothing, an empty page proves nothing, and
a page in disorder proves only the rows it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange

QUIET_AGE_S, QUIET_AGE_BARS = 300, 2


class Order(Enum):
    """In which order the rows of a page came."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    DISORDER = "disorder"


@dataclass(frozen=True, slots=True)
class Edges:
    """Where the exchange began to read, in epoch seconds; None where that is not known or not trusted.

    `since_s`: no bar opens in [since_s, first row). `until_s`: no bar opens in (last row, until_s). `order` is the
    order in which the exchange sends rows, None if that is not known.
    """

    since_s: int | None
    until_s: int | None
    order: Order | None = None


def order_of(opens: Ints, *, expected: Order | None) -> Order:
    """The order of a page's open times, repeated ones allowed; another order than the expected one is disorder."""
    steps = np.diff(opens)
    if not steps.any():
        return expected or Order.ASCENDING
    if (steps >= 0).all() and expected is not Order.DESCENDING:
        return Order.ASCENDING
    return Order.DESCENDING if (steps <= 0).all() and expected is not Order.ASCENDING else Order.DISORDER


def slots_with_rows(opens: Ints, grid: Grid) -> Ranges:
    """The slots that a page has rows for, in whatever order and however often they came."""
    return Ranges.of_slots(_ascending(opens), grid.step_s)


def proven(opens: Ints, grid: Grid, edges: Edges) -> Ranges:
    """The slots for which a page answers, with a row or with proof that there is none.

    `opens` are the open times received, epoch seconds on the grid, in the order of receipt. Age is not considered here.
    """
    if opens.size == 0:
        return Ranges.empty()
    order = order_of(opens, expected=edges.order)
    if order is Order.DISORDER:
        return slots_with_rows(opens, grid)
    low, high = int(opens.min()), int(opens.max()) + grid.step_s
    if order is Order.ASCENDING and edges.since_s is not None:
        low = min(low, edges.since_s)
    if order is Order.DESCENDING and edges.until_s is not None:
        high = max(high, edges.until_s)
    return Ranges.single(TimeRange(low, high))


def closed_until(now_s: int, grid: Grid) -> int:
    """End of the last slot that has ended at `now_s`: bars that open before it are closed."""
    return grid.floor(now_s)


def quiet_until(now_s: int, grid: Grid) -> int:
    """End of the last slot that may be called quiet when asked at `now_s`.

    It ended at least max(2 bars, 5 minutes) before.
    """
    return grid.floor(now_s - max(QUIET_AGE_BARS * grid.step_s, QUIET_AGE_S))


def _ascending(opens: Ints) -> Ints:
    """The distinct values, sorted; most pages are."""
    return opens if (opens[1:] > opens[:-1]).all() else np.unique(opens)
