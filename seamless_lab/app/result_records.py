"""Results made from sealed bars in a lab, as a receipt needs them: digest, inputs, and how to make them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from seamless_lab.app.reads import CURRENT_CELL, NO_CELL, Cell, Journal
from seamless_lab.core.time import TimeRange

Recipe = Mapping[str, object]
"""JSON values by name: the query or the strategy, and every option that changes the result."""


@dataclass(frozen=True, slots=True)
class ResultInput:
    """One input of a result.

    `name`: what the query or the strategy calls it; `ref`: `NODE@sha256:…`; `window` and `content`: what was read of
    that version.
    """

    name: str
    ref: str
    window: TimeRange
    content: str


@dataclass(frozen=True, slots=True, eq=False)
class ResultRecord:
    """One result.

    `kind`: `sql` or `backtest`; `digest`: hex SHA-256 of the result; `recipe`: how it was made, JSON values only;
    `repeatable`: whether inputs and recipe are all that it takes to make it again (a Python function is not in a
    receipt). `cell` is filled in when it is recorded.
    """

    kind: str
    digest: str
    inputs: tuple[ResultInput, ...]
    recipe: Recipe = field(default_factory=dict)
    repeatable: bool = True
    cell: Cell = NO_CELL


class ResultJournal(Journal[ResultRecord]):
    """The results of one lab, each recorded as one of the cell that runs."""

    def add(self, record: ResultRecord) -> None:
        """Append one."""
        super().add(replace(record, cell=CURRENT_CELL.get()))
