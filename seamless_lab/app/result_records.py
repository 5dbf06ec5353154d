"""Results made from sealed bars in a lab, as a receipt needs them: digest, inputs, and how to make them again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from seamless_lab.app.reads import CURRENT_CELL, NO_CELL, Cell
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


Heard = Callable[[ResultRecord], None]


class ResultJournal:
    """The results of one lab, in the order they were made. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[ResultRecord] = []

    def add(self, record: ResultRecord) -> None:
        """Record a result, as one of the cell that runs."""
        record = replace(record, cell=CURRENT_CELL.get())
        with self._lock:
            self._records.append(record)
        for heard in _listeners:
            heard(record)

    def records(self) -> tuple[ResultRecord, ...]:
        """All of them, oldest first."""
        with self._lock:
            return tuple(self._records)


_listeners: list[Heard] = []


def listen(heard: Heard) -> Callable[[], None]:
    """Hear of every result of every lab of this process; returns the function that ends it."""
    _listeners.append(heard)
    return lambda: _listeners.remove(heard)
