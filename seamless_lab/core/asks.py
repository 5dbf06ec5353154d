"""Who had the last word on each slot: from many overlapping asks to the slots that stand as failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ints, Ranges

# Events at one moment rank in this order; a later moment outranks all.
FAILED, ASKED, UNPRICED, ANSWERED = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class Asks:
    """Asks as columns of equal length: the window `[starts[i], ends[i])`, when (epoch milliseconds), and what came.

    `kinds` holds `FAILED` (failed or rejected), `ASKED` (came back, whatever it answered) or `UNPRICED` (the slot had
    a row without a price, a failure too). All int64, in any order.
    """

    starts: Ints
    ends: Ints
    at_ms: Ints
    kinds: Ints


def last_words(asks: Asks) -> Observed:
    """Per slot the highest ranking ask, as runs whose `at_ms` is `4 * at_ms + kind`.

    Costs `O((n + s) log s)` for n asks with s distinct bounds, however they overlap.

    Notes
    -----
    Each ask raises two overlapping power-of-two blocks of elementary segments; the blocks are then pushed down level
    by level.
    """
    edges = np.unique(np.concatenate((asks.starts, asks.ends)))
    if edges.size < 2:
        return Observed.none()
    first, last = np.searchsorted(edges, asks.starts), np.searchsorted(edges, asks.ends)
    real = first < last
    first, last, rank = first[real], last[real], (4 * asks.at_ms + asks.kinds)[real]
    level = np.frexp((last - first).astype(np.float64))[1].astype(np.int64) - 1
    segments = edges.size - 1
    blocks = np.full((int(level.max(initial=0)) + 1, segments), -1, dtype=np.int64)
    np.maximum.at(blocks, (level, first), rank)
    np.maximum.at(blocks, (level, last - (1 << level)), rank)
    for height in range(blocks.shape[0] - 1, 0, -1):
        half = 1 << (height - 1)
        np.maximum(blocks[height - 1], blocks[height], out=blocks[height - 1])
        np.maximum(blocks[height - 1, half:], blocks[height, :-half], out=blocks[height - 1, half:])
    known = blocks[0] >= 0
    return Observed.from_runs(np.column_stack((edges[:-1][known], edges[1:][known], blocks[0][known])))


def failed_slots(asks: Asks, observed: Observed) -> Ranges:
    """The slots whose highest ranking ask failed and that were not answered at the same time or later."""
    if not np.isin(asks.kinds, (FAILED, UNPRICED)).any():
        return Ranges.empty()
    answers = np.full(len(observed), ANSWERED, dtype=np.int64)
    joint = last_words(
        Asks(
            np.concatenate((asks.starts, observed.starts)),
            np.concatenate((asks.ends, observed.ends)),
            np.concatenate((asks.at_ms, observed.at_ms)),
            np.concatenate((asks.kinds, answers)),
        )
    )
    lost = np.isin(joint.at_ms % 4, (FAILED, UNPRICED))
    return Ranges.normalised(joint.starts[lost], joint.ends[lost])
