"""Sets of time as sorted, disjoint, non-touching half-open ranges in two arrays; the algebra is vectorised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seamless_lab.core.grid import Grid
from seamless_lab.core.time import TimeRange

Ints = npt.NDArray[np.int64]

_STRIDE = 4_096  # places between two looks; eight pages of memory


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """A set of epoch seconds as normalised ranges `[starts[i], ends[i])`.

    Both arrays are int64 and read-only; `starts[i] < ends[i] < starts[i + 1]`. Build with `normalised`, `of`, `joined`
    or `single`. Operators: `|` union, `&` intersection, `-` difference; `==` compares the sets; `len` counts ranges,
    `bool` is non-emptiness.
    """

    starts: Ints
    ends: Ints

    @classmethod
    def normalised(cls, starts: npt.ArrayLike, ends: npt.ArrayLike) -> Ranges:
        """The set covered by any ranges, unsorted, overlapping or touching; empty and reversed ones are ignored."""
        begin = np.asarray(starts, dtype=np.int64)
        finish = np.asarray(ends, dtype=np.int64)
        real = begin < finish
        if not real.all():
            begin, finish = begin[real], finish[real]
        if begin.size > 1 and not (finish[:-1] < begin[1:]).all():
            order = np.argsort(begin, kind="stable")
            begin, reach = begin[order], np.maximum.accumulate(finish[order])
            first = np.empty(begin.size, dtype=bool)
            first[0] = True
            np.greater(begin[1:], reach[:-1], out=first[1:])
            last = np.empty(begin.size, dtype=bool)
            last[-1] = True
            last[:-1] = first[1:]
            begin, finish = begin[first], reach[last]
        return cls(_sealed(begin), _sealed(finish))

    @classmethod
    def of(cls, ranges: Iterable[TimeRange]) -> Ranges:
        """The union of some time ranges."""
        listed = list(ranges)
        return cls.normalised([r.start for r in listed], [r.end for r in listed])

    @classmethod
    def joined(cls, parts: Iterable[Ranges]) -> Ranges:
        """The union of many sets."""
        listed = list(parts)
        if not listed:
            return _EMPTY
        return cls.normalised(
            np.concatenate([part.starts for part in listed]), np.concatenate([part.ends for part in listed])
        )

    @classmethod
    def single(cls, window: TimeRange) -> Ranges:
        """The set that is one window."""
        return cls.normalised([window.start], [window.end])

    @classmethod
    def empty(cls) -> Ranges:
        """The empty set."""
        return _EMPTY

    @classmethod
    def of_slots(cls, opens: Ints, step_s: int) -> Ranges:
        """The slots that open at `opens` (of one grid, sorted, distinct), each `step_s` long; neighbours are joined.

        Looks closely only where a slot is missing: years without a gap cost microseconds and touch few pages of memory.
        """
        if opens.size == 0:
            return _EMPTY
        breaks = _breaks(opens, step_s)
        starts = opens[np.concatenate(([0], breaks + 1))]
        ends = opens[np.concatenate((breaks, [opens.size - 1]))] + step_s
        return cls(_sealed(starts), _sealed(ends))

    def __len__(self) -> int:
        return int(self.starts.size)

    def __iter__(self) -> Iterator[TimeRange]:
        return (TimeRange(int(start), int(end)) for start, end in zip(self.starts, self.ends, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranges):
            return NotImplemented
        return np.array_equal(self.starts, other.starts) and np.array_equal(self.ends, other.ends)

    __hash__ = None  # type: ignore[assignment]  # arrays inside: compare, don't hash

    def __or__(self, other: Ranges) -> Ranges:
        if not len(self):
            return other
        if not len(other):
            return self
        starts, ends = _in_order(self.starts, other.starts), _in_order(self.ends, other.ends)
        # Nothing is covered between two neighbours of these exactly where as many ranges have ended as have begun.
        breaks = np.flatnonzero(starts[1:] > ends[:-1])
        return Ranges(
            _sealed(np.concatenate((starts[:1], starts[1:][breaks]))),
            _sealed(np.concatenate((ends[breaks], ends[-1:]))),
        )

    def __and__(self, other: Ranges) -> Ranges:
        if not len(self) or not len(other):
            return _EMPTY
        return _covered_twice(_in_order(self.starts, other.starts), _in_order(self.ends, other.ends))

    def __sub__(self, other: Ranges) -> Ranges:
        if not len(self) or not len(other):
            return self
        # What is in self and in the complement of other, which begins where other ends.
        return _covered_twice(_in_order(self.starts, _BEGIN, other.ends), _in_order(self.ends, other.starts, _END))

    def complement(self, window: TimeRange) -> Ranges:
        """What is in `window` and not in the set."""
        inside = self.clip(window)
        starts = np.concatenate(([window.start], inside.ends))
        ends = np.concatenate((inside.starts, [window.end]))
        real = starts < ends
        return Ranges(_sealed(starts[real]), _sealed(ends[real]))

    def clip(self, window: TimeRange) -> Ranges:
        """What is in the set and in `window`."""
        first = int(np.searchsorted(self.ends, window.start, side="right"))
        last = int(np.searchsorted(self.starts, window.end, side="left"))
        if first >= last:
            return _EMPTY
        starts, ends = self.starts[first:last].copy(), self.ends[first:last].copy()
        starts[0], ends[-1] = max(starts[0], window.start), min(ends[-1], window.end)
        return Ranges(_sealed(starts), _sealed(ends))

    def cut(self, edges: Ints) -> tuple[Ranges, Ints]:
        """The set cut at some edges (increasing, from its first to its last second at least).

        Returns
        -------
        tuple
            The pieces in time order (those on both sides of an edge touch, so together they are not normalised), and
            how many of them lie between each two edges, shape `(edges - 1,)`.
        """
        first = np.searchsorted(self.ends, edges[:-1], side="right")
        counts = np.maximum(np.searchsorted(self.starts, edges[1:], side="left") - first, 0)
        cell = np.repeat(np.arange(counts.size), counts)
        mine = np.arange(cell.size) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
        starts = np.maximum(self.starts[mine], edges[cell])
        ends = np.minimum(self.ends[mine], edges[cell + 1])
        return Ranges(_sealed(starts), _sealed(ends)), counts

    def contains(self, seconds: Ints) -> npt.NDArray[np.bool_]:
        """Whether each time lies in the set; same shape as `seconds`."""
        if not len(self):
            return np.zeros(seconds.shape, dtype=bool)
        place = np.searchsorted(self.starts, seconds, side="right") - 1
        return (place >= 0) & (seconds < self.ends[np.maximum(place, 0)])

    def covers(self, window: TimeRange) -> bool:
        """Whether the whole window is in the set."""
        place = int(np.searchsorted(self.starts, window.start, side="right")) - 1
        return place >= 0 and window.end <= int(self.ends[place])

    def whole_slots(self, grid: Grid) -> Ranges:
        """The slots of `grid` that lie wholly in the set."""
        starts = self.starts + (grid.anchor_s - self.starts) % grid.step_s
        ends = self.ends - (self.ends - grid.anchor_s) % grid.step_s
        return Ranges.normalised(starts, ends)

    def seconds_before(self, moments: Ints) -> Ints:
        """How many seconds of the set lie before each moment; same shape as `moments`."""
        if not len(self):
            return np.zeros(moments.shape, dtype=np.int64)
        reached = np.concatenate(([0], np.cumsum(self.ends - self.starts)))
        place = np.searchsorted(self.starts, moments, side="left")
        beyond = np.maximum(self.ends[np.maximum(place, 1) - 1] - moments, 0)
        return np.where(place > 0, reached[place] - beyond, 0)

    @property
    def seconds(self) -> int:
        """Total length in seconds."""
        return int((self.ends - self.starts).sum())

    @property
    def bounds(self) -> TimeRange | None:
        """From the first to the last second of the set, or None when it is empty."""
        return TimeRange(int(self.starts[0]), int(self.ends[-1])) if len(self) else None

    def pairs(self) -> list[list[int]]:
        """The ranges as `[start, end]` pairs of plain ints, for JSON."""
        return [list(pair) for pair in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]

    @classmethod
    def from_pairs(cls, pairs: Iterable[Iterable[int]]) -> Ranges:
        """Inverse of `pairs`."""
        table = np.asarray(list(pairs), dtype=np.int64).reshape(-1, 2)
        return cls.normalised(table[:, 0], table[:, 1])


def _breaks(opens: Ints, step_s: int) -> Ints:
    """Places of the slots whose successor is not their neighbour."""
    marks = np.append(np.arange(0, opens.size - 1, _STRIDE), opens.size - 1)
    # Slots of one grid between two marks are all there exactly where the marks lie as far apart as their places.
    holed = np.flatnonzero(np.diff(opens[marks]) != np.diff(marks) * step_s)
    if holed.size * _STRIDE > opens.size // 4:
        return np.flatnonzero(np.diff(opens) != step_s)
    found = [first + np.flatnonzero(np.diff(opens[first : first + _STRIDE + 1]) != step_s) for first in marks[holed]]
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _in_order(*runs: Ints) -> Ints:
    joined = np.concatenate(runs)
    joined.sort(kind="stable")  # merges sorted runs in linear time
    return joined


def _covered_twice(starts: Ints, ends: Ints) -> Ranges:
    # Of two sets' ranges together, the i-th end closes a stretch inside both when one more range has begun before it.
    begin, finish = starts[1:], ends[:-1]
    twice = np.flatnonzero(begin < finish)
    return Ranges(_sealed(begin[twice]), _sealed(finish[twice]))


def _sealed(values: Ints) -> Ints:
    values = np.ascontiguousarray(values, dtype=np.int64)
    values.setflags(write=False)
    return values


_BEGIN, _END = np.array([np.iinfo(np.int64).min]), np.array([np.iinfo(np.int64).max])
_EMPTY = Ranges(_sealed(np.empty(0, dtype=np.int64)), _sealed(np.empty(0, dtype=np.int64)))
