"""How two states of knowledge about one series differ, slot by slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from seamless_lab.core.bars import VALUES, Bars
from seamless_lab.core.ranges import Ranges


class State(StrEnum):
    """What is known about a slot."""

    BAR = "bar"
    """There is a bar."""
    QUIET = "quiet"
    """The source proved that there is none."""
    UNANSWERED = "unanswered"
    """The source has not answered for it."""


Move = tuple[State, State]
"""What was known about a slot, and what is known now."""

RESTATED: Move = (State.BAR, State.BAR)
MOVES: tuple[Move, ...] = (RESTATED, *((old, new) for old in State for new in State if old is not new))


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What changed from one state of knowledge to another.

    `added`, `removed`: bars that only the later or only the earlier one has. `restated`: columns `ts`, then each value
    as `<name>_old` and `<name>_new`, for bars of both that differ, in time order. `moves`: the slots that changed, by
    what was known of them and what is known now; bars that were restated under `RESTATED`.
    """

    added: Bars
    removed: Bars
    restated: pl.DataFrame
    moves: Mapping[Move, Ranges]

    @property
    def equal(self) -> bool:
        """Whether both know the same."""
        return not any(len(slots) for slots in self.moves.values())

    @property
    def answered(self) -> Ranges:
        """Slots that only the later one has an answer for."""
        return self.moves[State.UNANSWERED, State.BAR] | self.moves[State.UNANSWERED, State.QUIET]

    @property
    def unanswered(self) -> Ranges:
        """Slots that only the earlier one has an answer for."""
        return self.moves[State.BAR, State.UNANSWERED] | self.moves[State.QUIET, State.UNANSWERED]

    @property
    def changed(self) -> Ranges:
        """All slots that changed."""
        return Ranges.joined(self.moves.values())

    @property
    def stretches(self) -> pl.DataFrame:
        """The moves as maximal stretches: `start, end` (epoch seconds), `before, after` (String), in time order."""
        parts = [
            pl.DataFrame(
                {"start": slots.starts, "end": slots.ends, "before": [str(old)] * len(slots), "after": str(new)},
                schema=_STRETCH,
            )
            for (old, new), slots in self.moves.items()
        ]
        return pl.concat(parts).sort("start", maintain_order=True)


_STRETCH = {"start": pl.Int64, "end": pl.Int64, "before": pl.String, "after": pl.String}


def compare(old: Bars, known_before: Ranges, new: Bars, known_after: Ranges) -> Comparison:
    """The differences between two states of one series; bars open in the slots that their state has answered."""
    was, now = old.frame, new.frame
    both = was.join(now, on="ts", how="inner", suffix="_new", maintain_order="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in VALUES)
    columns = [
        expression for name in VALUES for expression in (pl.col(name).alias(f"{name}_old"), pl.col(f"{name}_new"))
    ]
    restated = both.filter(differs).select("ts", *columns)
    bars_before, bars_after = old.slots, new.slots
    before = {
        State.BAR: bars_before,
        State.QUIET: known_before - bars_before,
        State.UNANSWERED: known_after - known_before,
    }
    after = {
        State.BAR: bars_after,
        State.QUIET: known_after - bars_after,
        State.UNANSWERED: known_before - known_after,
    }
    moves = {(one, other): before[one] & after[other] for one, other in MOVES[1:]}
    return Comparison(
        added=Bars(new.node, new.grid, now.join(was, on="ts", how="anti", maintain_order="left")),
        removed=Bars(old.node, old.grid, was.join(now, on="ts", how="anti", maintain_order="left")),
        restated=restated,
        moves={RESTATED: Ranges.of_slots(restated["ts"].to_numpy().astype(np.int64), old.grid.step_s), **moves},
    )
