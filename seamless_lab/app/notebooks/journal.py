"""What the cells of a kernel read and made, while it runs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from seamless_lab.app.reads import NO_CELL, Cell, ReadRecord
from seamless_lab.app.result_records import ResultRecord

NOT_KEPT = Cell("not a cell", -1)
"""What verification reads is no part of what a notebook depends on."""

REPLAY = "SEAMLESS_REPLAY"
"""Set in the environment of a kernel that runs a notebook only to compare what comes of it."""


@dataclass(frozen=True, slots=True, eq=False)
class SealedCell:
    """One cell's latest run. `source`: the digest of what it ran, empty where nobody told."""

    cell: Cell
    source: str = ""
    reads: tuple[ReadRecord, ...] = ()
    results: tuple[ResultRecord, ...] = ()


@dataclass(slots=True, eq=False)
class _Run:
    """One run of a cell while it may still read; each read and result once, however often it is made."""

    cell: Cell
    source: str = ""
    reads: dict[ReadRecord, None] = field(default_factory=dict)
    results: dict[str, ResultRecord] = field(default_factory=dict)


class CellJournal:
    """What the cells of one kernel read and made, of each cell its latest run only. Thread-safe.

    A cell is known by its id. Front ends that give none (nbclient, papermill) run each cell once, and there every run
    is a cell of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = NO_CELL
        self._runs: dict[str, _Run] = {}
        self._earlier: set[str] = set()

    def ran_before(self, sources: Iterable[str]) -> None:
        """Take in what cells ran while nobody watched them."""
        with self._lock:
            self._earlier |= {source_digest(source) for source in sources if source}

    def begin(self, cell: Cell, source: str) -> None:
        """A cell starts to run: what it read and made before no longer counts."""
        with self._lock:
            self._running = cell
            self._runs[_key(cell)] = _Run(cell, source)

    def read(self, record: ReadRecord) -> None:
        """Take a read in."""
        with self._lock:
            if (run := self._run_of(record.cell)) is not None:
                run.reads[replace(record, cell=NO_CELL)] = None

    def made(self, record: ResultRecord) -> None:
        """Take a result in."""
        with self._lock:
            if (run := self._run_of(record.cell)) is not None:
                run.results[_what(record)] = record

    def cells(self) -> tuple[SealedCell, ...]:
        """The cells that read or made something, in the order in which they last ran."""
        with self._lock:
            found = [
                SealedCell(run.cell, run.source, tuple(sorted(run.reads, key=_place)), tuple(run.results.values()))
                for run in self._runs.values()
                if run.reads or run.results
            ]
        return tuple(sorted(found, key=lambda each: each.cell.execution_count or 0))

    def ran(self) -> tuple[str, ...]:
        """Digests of what the cells ran, each cell's latest run, also of those that read nothing."""
        with self._lock:
            return tuple(sorted(self._earlier | {run.source for run in self._runs.values() if run.source}))

    def _run_of(self, cell: Cell) -> _Run | None:
        """The run of a cell; of the one that runs for a thread, which knows of none; None for a run that is over."""
        known = self._running if cell == NO_CELL else cell
        if known == NOT_KEPT:
            return None
        run = self._runs.setdefault(_key(known), _Run(known))
        return run if run.cell == known else None


def source_digest(source: str) -> str:
    """The digest of one cell's source."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _key(cell: Cell) -> str:
    return cell.id or f"[{cell.execution_count}]"


def _place(record: ReadRecord) -> tuple[str, int, int, str, str]:
    """An order that does not depend on which of several threads read first."""
    return record.written, record.window.start, record.window.end, record.content, record.domain


def _what(record: ResultRecord) -> str:
    """Equal for results of the same kind, digest, inputs and recipe."""
    return json.dumps([record.kind, record.digest, repr(record.inputs), record.recipe], sort_keys=True, default=repr)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The kernel in which a command runs: what its cells did, and its notebook's file where the front end tells of one.

    `replayed`: the notebook runs only to be compared, and writes no file of the project.
    """

    journal: CellJournal
    path: Path | None = None
    replayed: bool = False
