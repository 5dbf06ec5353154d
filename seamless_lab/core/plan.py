"""What to ask a source for: gaps cut into grid-aligned blocks, with the requests and the time they will take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seamless_lab.core.bucket import BucketShape
from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

TYPICAL_LATENCY_S = 0.1
"""What a request to a public exchange is taken to last where it could not be measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One unit of work: a grid-aligned block of `window_bars` slots, and what is to be asked inside it.

    `window` is the whole block, which names the lease; `gaps` are the slots to ask for.
    """

    window: TimeRange
    gaps: Ranges


@dataclass(frozen=True, slots=True)
class Pace:
    """How a source is asked.

    `startup_requests` and `startup_weight`: what a new process asks before any bars (markets, clock). `latency_s`: how
    long one small answer takes; None where nothing tells. `concurrent`: requests under way at once.
    """

    startup_requests: int = 0
    startup_weight: float = 0.0
    latency_s: float | None = None
    concurrent: int = 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """What filling will cost.

    `requests` counts pages of bars: exact where the source has a bar for every slot, for holes cost more. `seconds` is
    a lower bound: start-up, then the longer of answering and the rate limiter's wait, without our own work.
    """

    blocks: int
    slots: int
    requests: int
    weight: float
    pace: Pace
    rate_wait_s: float

    @property
    def latency_s(self) -> float:
        """The seconds per request that `seconds` assumes."""
        return TYPICAL_LATENCY_S if self.pace.latency_s is None else self.pace.latency_s

    @property
    def seconds(self) -> float:
        """The least time it takes, in a new process."""
        rounds = -(-self.requests // self.pace.concurrent)
        return self.pace.startup_requests * self.latency_s + max(rounds * self.latency_s, self.rate_wait_s)


def plan_blocks(gaps: Ranges, grid: Grid, *, window_bars: int) -> tuple[Block, ...]:
    """Cut gaps (on the grid) along blocks of `window_bars` slots, counted from the grid's anchor; in time order.

    Overlapping requests cut along the same lines, so they meet on the same blocks.
    """
    if not len(gaps):
        return ()
    size = window_bars * grid.step_s
    first = (gaps.starts - grid.anchor_s) // size
    last = (gaps.ends - 1 - grid.anchor_s) // size
    counts = last - first + 1
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    numbers = np.unique(np.repeat(first, counts) + offsets)
    blocks = [TimeRange(start, start + size) for start in (numbers * size + grid.anchor_s).tolist()]
    return tuple(Block(block, gaps.clip(block)) for block in blocks)


def predict(
    blocks: tuple[Block, ...], grid: Grid, *, page_bars: int, request_weight: float, rate: BucketShape, pace: Pace
) -> Prediction:
    """What filling some blocks from a source that pages by `page_bars` will cost."""
    lengths = (
        np.concatenate([block.gaps.ends - block.gaps.starts for block in blocks]) // grid.step_s
        if blocks
        else np.zeros(0, np.int64)
    )
    requests = int(np.ceil(lengths / page_bars).sum())
    weight = requests * request_weight
    wait_s = rate.wait_s(requests + pace.startup_requests, weight + pace.startup_weight) if requests else 0.0
    return Prediction(len(blocks), int(lengths.sum()), requests, weight, pace, wait_s)
