"""The journal of sealed reads: what a lab has delivered from sealed versions, and to which cell of which notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from seamless_lab.core.identity import NodeId
from seamless_lab.core.policy import Domain
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange

if TYPE_CHECKING:  # a kernel keeps its journal before anything is read
    from seamless_lab.app.lock.lockfile import Pin
    from seamless_lab.core.bars import Bars
    from seamless_lab.engine.request import Provenance


@dataclass(frozen=True, slots=True)
class Cell:
    """A notebook's cell while it runs: its id (empty where the front end gives none) and the number in its brackets."""

    id: str = ""
    execution_count: int | None = None


NO_CELL = Cell()

CURRENT_CELL: ContextVar[Cell] = ContextVar("seamless_current_cell", default=NO_CELL)
"""The cell that runs now; a notebook's front end sets it before each."""


HOME, PROJECT = "home", "project"


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One sealed read.

    `written`: the reference as the user wrote it; `ref`: the version it came to. `content`: digest of what was
    delivered of `window`; `pin`: the name of the pin it was read by, or empty; `store`: `PROJECT` for a pin that was
    read from a folder of its project, `HOME` for all else, also for what was found in such a folder by its content.
    """

    cell: Cell
    written: str
    ref: str
    node: NodeId
    window: TimeRange
    content: str
    fingerprint: str
    seq: int
    as_of_ms: int
    rows: int
    pin: str
    domain: Domain
    store: str = HOME


def read_of(
    written: str, pin: Pin | None, domain: Domain, window: TimeRange, bars: Bars, provenance: Provenance
) -> ReadRecord:
    """The read that the running cell makes of a version."""
    return ReadRecord(
        cell=CURRENT_CELL.get(),
        written=written,
        ref=fixed_ref(bars.node, provenance.fingerprint),
        node=bars.node,
        window=window,
        content=provenance.content,
        fingerprint=provenance.fingerprint,
        seq=provenance.seq,
        as_of_ms=provenance.as_of_ms,
        rows=len(bars),
        pin="" if pin is None else pin.name,
        domain=domain,
        store=place_of(pin),
    )


def place_of(pin: Pin | None) -> str:
    """Where a read by a pin, or by none, was made; see `ReadRecord`."""
    return HOME if pin is None or not pin.store else PROJECT


Record = TypeVar("Record")


class Journal(Generic[Record]):
    """What one lab has done, in order; each is kept as often as it was made. Thread-safe."""

    _listeners: ClassVar[list[Callable[[Any], None]]]

    def __init_subclass__(cls) -> None:
        cls._listeners = []  # of each kind of record its own

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._lock = Lock()

    @classmethod
    def listen(cls, heard: Callable[[Record], None]) -> Callable[[], None]:
        """Hear of every record of every lab of this process; returns the function that ends it."""
        cls._listeners.append(heard)
        return lambda: cls._listeners.remove(heard)

    def add(self, record: Record) -> None:
        """Append one."""
        with self._lock:
            self._records.append(record)
        for heard in self._listeners:
            heard(record)

    def records(self) -> Sequence[Record]:
        """All so far, oldest first."""
        with self._lock:
            return tuple(self._records)


MOST_UNHEARD = 100

_unheard: dict[ReadRecord, None] = {}


def unheard() -> Sequence[ReadRecord]:
    """The first different reads of this process that nobody listened to, up to `MOST_UNHEARD`."""
    return tuple(_unheard)


class ReadJournal(Journal[ReadRecord]):
    """All sealed reads of one lab."""

    def add(self, record: ReadRecord) -> None:
        """Append one."""
        with self._lock:
            if not self._listeners and len(_unheard) < MOST_UNHEARD:
                _unheard[record] = None
        super().add(record)
