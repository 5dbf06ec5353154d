"""Programs of the campaigns on the sealed store; each runs as a process of its own and reports what it was told."""

import random
from multiprocessing.connection import Connection
from pathlib import Path
from time import time_ns

from seamless_lab.core.digest import Header
from seamless_lab.core.time import TimeRange
from tests.engine.artifacts.making import DAY, T0, candidate, header_of, open_store

HEADER: Header = header_of("1h")
CELL = 4 * DAY
CELLS = 100  # few enough that commits keep exact observation times; over a year, so that there are two packs
Note = tuple[int, int, int]
"""A window published, in epoch seconds, and its observation time, which is also the salt of its bars."""


class SystemClock:
    """The machine's clock, set back by some days."""

    def __init__(self, behind_days: int = 0) -> None:
        self._behind_ms = behind_days * DAY * 1_000

    def now_ms(self) -> int:
        return time_ns() // 1_000_000 - self._behind_ms

    def monotonic_s(self) -> float:
        return time_ns() / 1e9


def cells(first: int, count: int) -> TimeRange:
    """Some of the stretches of time that windows are made of."""
    return TimeRange(T0 + first * CELL, T0 + min(first + count, CELLS) * CELL)


def publish_interleaved(root: str, writer: int, writers: int, rounds: int, notes: Connection) -> None:
    """Publish one's own slots and slots that everybody wants; send `(seq, created, note)` of each when all are done."""
    store = open_store(Path(root), clock=SystemClock(behind_days=900))  # packs are still open: rows are kept by leaf
    chance = random.Random(writer)
    acknowledged = []
    for number in range(rounds):
        mine = cells(writer * CELLS // writers + number % (CELLS // writers), 1)
        window = mine if number % 2 else cells(chance.randrange(CELLS), chance.choice((1, 2, 8)))
        at_ms = 1 + number * writers + writer
        made = store.publish(candidate(window, at_ms, salt=at_ms, header=HEADER))
        acknowledged.append((made.version.commit.seq, made.created, (window.start, window.end, at_ms)))
    notes.send(acknowledged)


def publish_until_killed(root: str, first_ms: int, seed: int, notes: Connection) -> None:
    """Publish and compact for ever; send each note before it is tried (negative) and again when it is acknowledged."""
    store = open_store(Path(root), clock=SystemClock())
    chance = random.Random(seed)
    at_ms = first_ms
    while True:
        window = cells(chance.randrange(CELLS), chance.choice((1, 2, 8)))
        notes.send((window.start, window.end, -at_ms))
        store.publish(candidate(window, at_ms, salt=at_ms, header=HEADER))
        notes.send((window.start, window.end, at_ms))
        store.compact(HEADER.node)
        at_ms += 1
