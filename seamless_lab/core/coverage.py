"""Answered coverage: for every slot of a window, is there a bar, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

SIX_HOURS_S = 21_600


class Cause(StrEnum):
    """Why a slot is as it is."""

    PRESENT = "present"
    """There is a bar."""
    QUIET = "quiet"
    """The source proved that there is none."""
    MISSING = "missing"
    """The source has never answered for it."""
    FAILED = "failed"
    """Asked, and given up, with the error kept as evidence."""
    PENDING = "pending"
    """Too young to be final."""


@dataclass(frozen=True, slots=True, repr=False)
class Gap:
    """A maximal stretch of slots with one cause; `slots` is how many."""

    window: TimeRange
    cause: Cause
    slots: int

    def __repr__(self) -> str:
        return f"Gap({self.window}, {self.cause}, {self.slots:,} {'bar' if self.slots == 1 else 'bars'})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Coverage:
    """A partition of a window's slots by cause.

    The window is on the grid; the five sets are disjoint and their union is the window.
    """

    window: TimeRange
    grid: Grid
    present: Ranges
    quiet: Ranges
    missing: Ranges
    failed: Ranges
    pending: Ranges

    def __repr__(self) -> str:
        counts = ", ".join(f"{cause} {slots:,}" for cause in Cause if (slots := self.slots(cause)))
        return f"Coverage({self.window}, {counts})"

    def of(self, cause: Cause) -> Ranges:
        """The slots with one cause."""
        return {
            Cause.PRESENT: self.present,
            Cause.QUIET: self.quiet,
            Cause.MISSING: self.missing,
            Cause.FAILED: self.failed,
            Cause.PENDING: self.pending,
        }[cause]

    def slots(self, cause: Cause) -> int:
        """How many slots have one cause."""
        return self.of(cause).seconds // self.grid.step_s

    @property
    def total(self) -> int:
        """How many slots the window has."""
        return self.window.seconds // self.grid.step_s

    @property
    def answered(self) -> Ranges:
        """Present and quiet slots."""
        return self.present | self.quiet

    @property
    def unanswered(self) -> Ranges:
        """Missing and failed slots: what could still be had."""
        return self.missing | self.failed

    @property
    def ratio(self) -> float:
        """Answered slots out of those old enough to be final; 1.0 when none is."""
        final = self.total - self.slots(Cause.PENDING)
        return 1.0 if final == 0 else (self.slots(Cause.PRESENT) + self.slots(Cause.QUIET)) / final

    @property
    def complete(self) -> bool:
        """Whether no slot is missing or failed."""
        return not len(self.missing) and not len(self.failed)

    def gaps(self, *causes: Cause) -> tuple[Gap, ...]:
        """Stretches without a bar, in time order; by default the missing and failed ones."""
        wanted = causes or (Cause.MISSING, Cause.FAILED)
        found = [
            Gap(window, cause, window.seconds // self.grid.step_s) for cause in wanted for window in self.of(cause)
        ]
        return tuple(sorted(found, key=lambda gap: gap.window))


def classify(
    window: TimeRange, grid: Grid, *, bars: Ranges, answered: Ranges, failed: Ranges, stable_until_s: int
) -> Coverage:
    """The coverage of a window, from what is known.

    Parameters
    ----------
    window
        On the grid (`grid.snap_outward`).
    bars
        Slots that hold a bar; each is also answered.
    answered
        Slots the source has answered for.
    failed
        Slots whose last ask failed; those answered meanwhile do not count.
    stable_until_s
        Slots that end after this are not final: without a bar they are pending.

    Notes
    -----
    An answered slot keeps its answer whatever its age. A failed slot that is too young counts as pending.
    """
    present = bars.clip(window) & answered
    quiet = answered.clip(window) - present
    open_slots = answered.complement(window)
    last_stable = grid.floor(max(stable_until_s, window.start))
    young = Ranges.single(TimeRange(last_stable, window.end)) if last_stable < window.end else Ranges.empty()
    pending = open_slots & young
    final = open_slots - young
    lost = final & failed
    return Coverage(window, grid, present, quiet, final - lost, lost, pending)


def stable_until(now_s: int, grid: Grid, *, stabilization_bars: int, exchange_s: int | None = None) -> int:
    """End of the last slot that is final at a moment, in epoch seconds on the grid.

    A bar is stable when `min(local clock, exchange clock) >= its end + min(stabilization_bars * step, 6 h)`. At
    12:00:30 with 1m bars and two stabilization bars the last stable bar opens at 11:57 and this returns 11:58.
    """
    clock = now_s if exchange_s is None else min(now_s, exchange_s)
    return grid.floor(clock - stabilization_s(grid, stabilization_bars=stabilization_bars))


def stabilization_s(grid: Grid, *, stabilization_bars: int) -> int:
    """How long after its end a bar becomes final."""
    return min(stabilization_bars * grid.step_s, SIX_HOURS_S)
