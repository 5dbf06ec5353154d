"""How JSON spells time: a moment is RFC 3339 text in UTC, a range a pair of them; numbers of time name their unit."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

_SECONDS, _MILLISECONDS = "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%.3fZ"
_WHOLE_SECONDS = frozenset({"start", "end", "time"})
"""Columns of times on a grid; others say when something was known or done, and have milliseconds."""


def moments(epoch_s: Sequence[int]) -> list[str]:
    """Epoch seconds as `2024-01-01T00:00:00Z`."""
    found: list[str] = pl.from_epoch(pl.Series(epoch_s, dtype=pl.Int64)).dt.strftime(_SECONDS).to_list()
    return found


def moments_ms(epoch_ms: Sequence[int]) -> list[str]:
    """Epoch milliseconds as `2024-01-01T00:00:00.000Z`."""
    series = pl.from_epoch(pl.Series(epoch_ms, dtype=pl.Int64), time_unit="ms")
    found: list[str] = series.dt.strftime(_MILLISECONDS).to_list()
    return found


def window(asked: TimeRange) -> dict[str, object]:
    """The keys `start` and `end` of a half-open window."""
    start, end = span(asked)
    return {"start": start, "end": end}


def span(held: TimeRange) -> list[str]:
    """A half-open range: its first moment, and the first after it."""
    return moments([held.start, held.end])


def spans(ranges: Ranges) -> list[list[str]]:
    """Half-open ranges, sorted."""
    starts, ends = moments(ranges.starts.tolist()), moments(ranges.ends.tolist())
    return [list(pair) for pair in zip(starts, ends, strict=True)]


def observed(knowledge: Observed) -> list[list[str]]:
    """Half-open ranges, each with the moment at which it was answered."""
    starts, ends = moments(knowledge.starts.tolist()), moments(knowledge.ends.tolist())
    return [list(run) for run in zip(starts, ends, moments_ms(knowledge.at_ms.tolist()), strict=True)]


def rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    """The rows of a frame with its times as text."""
    timed = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    spelled = [pl.col(name).dt.strftime(_SECONDS if name in _WHOLE_SECONDS else _MILLISECONDS) for name in timed]
    return frame.with_columns(spelled).to_dicts()
