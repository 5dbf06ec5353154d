"""What to ask a source for: gaps cut into grid-aligned blocks, with the requests and the time they will take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One unit of work: a grid-aligned block of `window_bars` slots, and what is to be asked inside it.

    `window` is the whole block, which names the lease; `gaps` are the slots to ask for.
    """

    window: TimeRange
    gaps: Ranges


@dataclass(frozen=True, slots=True)
class Prediction:
    """What filling will cost. `requests` counts pages of bars.

    Confirming a hole that a source leaves costs one more each.
    """

    blocks: int
    slots: int
    requests: int
    weight: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RateShape:
    """A token bucket's numbers, as far as a prediction needs them."""

    tokens_per_interval: float
    interval_ms: int
    burst_tokens: float
    min_interval_ms: int


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
    blocks: tuple[Block, ...], grid: Grid, *, page_bars: int, request_weight: float, rate: RateShape
) -> Prediction:
    """Requests, weight and a lower bound on time for filling some blocks from a source that pages by `page_bars`."""
    lengths = (
        np.concatenate([block.gaps.ends - block.gaps.starts for block in blocks]) // grid.step_s
        if blocks
        else np.zeros(0, np.int64)
    )
    requests = int(np.ceil(lengths / page_bars).sum())
    weight = requests * request_weight
    refill_s = max(0.0, weight - rate.burst_tokens) * rate.interval_ms / 1000 / rate.tokens_per_interval
    return Prediction(
        len(blocks), int(lengths.sum()), requests, weight, max(refill_s, requests * rate.min_interval_ms / 1000)
    )
