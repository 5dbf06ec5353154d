"""Which slots a source has answered for, and when it was asked: the knowledge-time axis of a series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import stabilization_s
from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Answered slots as runs `[starts[i], ends[i])`, each observed at `at_ms[i]`.

    Runs are sorted, disjoint and maximal (touching runs differ in `at_ms`); bounds are epoch seconds on the grid,
    `at_ms` epoch milliseconds; all int64. A slot outside every run has never been answered.
    """

    starts: Ints
    ends: Ints
    at_ms: Ints

    @classmethod
    def none(cls) -> Observed:
        """Nothing answered."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing)

    @classmethod
    def at(cls, answered: Ranges, at_ms: int) -> Observed:
        """All of `answered`, observed at one moment."""
        return cls(answered.starts, answered.ends, np.full(len(answered), at_ms, dtype=np.int64))

    @classmethod
    def from_runs(cls, runs: npt.ArrayLike) -> Observed:
        """From `[start, end, at_ms]` triples that are already sorted and disjoint (as `runs` gives them)."""
        table = np.asarray(runs, dtype=np.int64).reshape(-1, 3)
        return _joined(table[:, 0], table[:, 1], table[:, 2])

    def runs(self) -> list[list[int]]:
        """The runs as `[start, end, at_ms]` triples of plain ints."""
        return np.column_stack((self.starts, self.ends, self.at_ms)).tolist()  # type: ignore[no-any-return]  # numpy types tolist as Any

    def __len__(self) -> int:
        return int(self.starts.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Observed):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("starts", "ends", "at_ms"))

    __hash__ = None  # type: ignore[assignment]  # arrays inside: compare, don't hash

    @property
    def answered(self) -> Ranges:
        """The answered slots, whenever observed."""
        return Ranges.normalised(self.starts, self.ends)

    def clip(self, window: TimeRange) -> Observed:
        """The part inside `window`."""
        return self.within(Ranges.single(window))

    def within(self, ranges: Ranges) -> Observed:
        """The part inside a set of slots."""
        if not len(self):
            return self
        return overlay(Observed.none(), self, only=ranges).result

    def without(self, ranges: Ranges) -> Observed:
        """The part outside of a set of slots."""
        return self.within(self.answered - ranges)

    def at_of(self, seconds: Ints) -> Ints:
        """When each slot was observed, -1 where never; same shape as `seconds`."""
        if not len(self):
            return np.full(seconds.shape, -1, dtype=np.int64)
        place = np.searchsorted(self.starts, seconds, side="right") - 1
        inside = (place >= 0) & (seconds < self.ends[np.maximum(place, 0)])
        return np.where(inside, self.at_ms[np.maximum(place, 0)], -1)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What `overlay` decided: the joint knowledge, and the slots where the newcomer replaced or added."""

    result: Observed
    won: Ranges


def overlay(base: Observed, newcomer: Observed, *, only: Ranges | None = None) -> Overlay:
    """Per slot the later observation wins; ties go to `base`. Restricted to `only` when given.

    Associative, idempotent, and for distinct observation times commutative.
    """
    bounds = [base.starts, base.ends, newcomer.starts, newcomer.ends]
    if only is not None:
        bounds += [only.starts, only.ends]
    edges = np.unique(np.concatenate(bounds))
    if edges.size < 2:
        return Overlay(Observed.none(), Ranges.empty())
    left, right = edges[:-1], edges[1:]
    old, new = base.at_of(left), newcomer.at_of(left)
    known = (old >= 0) | (new >= 0)
    if only is not None:
        known &= only.contains(left)
    newer = (new > old) & known
    result = _joined(left[known], right[known], np.maximum(old, new)[known])
    return Overlay(result, Ranges.normalised(left[newer], right[newer]))


def merge(
    base: Bars, base_observed: Observed, newcomer: Bars, newcomer_observed: Observed
) -> tuple[Bars, Observed, Ranges]:
    """Bars and knowledge after per-slot precedence, and the slots that were taken from the newcomer.

    A slot that the newcomer answered with nothing (quiet) removes the base's bar when the newcomer was observed later.
    """
    decided = overlay(base_observed, newcomer_observed)
    return replaced(base, newcomer, decided.won), decided.result, decided.won


def replaced(base: Bars, newcomer: Bars, won: Ranges) -> Bars:
    """Bars whose slots in `won` are the newcomer's, the others the base's."""
    if not len(won):
        return base
    kept = base.frame.filter(pl.Series(~won.contains(base.ts))) if len(base) else base.frame
    taken = newcomer.within(won)
    frame = taken.frame if kept.is_empty() else pl.concat([kept, taken.frame]).sort("ts", maintain_order=True)
    return Bars(base.node, base.grid, frame)


def _joined(starts: Ints, ends: Ints, at_ms: Ints) -> Observed:
    if starts.size > 1:
        breaks = (starts[1:] != ends[:-1]) | (at_ms[1:] != at_ms[:-1])
        first = np.concatenate(([True], breaks))
        last = np.concatenate((breaks, [True]))
        starts, ends, at_ms = starts[first], ends[last], at_ms[first]
    return Observed(np.ascontiguousarray(starts), np.ascontiguousarray(ends), np.ascontiguousarray(at_ms))


def standing(observed: Observed, withdrawn: Observed) -> Observed:
    """The part that still counts where answers were withdrawn: what was observed later than that."""
    return observed.within(overlay(withdrawn, observed).won) if len(withdrawn) else observed


def settled(observed: Observed, grid: Grid, *, stabilization_bars: int) -> Observed:
    """The part that was observed late enough to be final: at least the stabilization time after each slot's end.

    A bar that was asked for right after its close may still be restated; it stays provisional until it is asked for
    again.
    """
    wait_s = stabilization_s(grid, stabilization_bars=stabilization_bars)
    latest = observed.at_ms // 1000 - wait_s
    ends = np.minimum(observed.ends, latest - (latest - grid.anchor_s) % grid.step_s)
    real = observed.starts < ends
    return _joined(observed.starts[real], ends[real], observed.at_ms[real])
