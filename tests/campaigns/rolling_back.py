"""Programs that publish and roll back one series; each runs as a process of its own. Commits say what they were for."""

import random
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from time import time_ns

from seamless_lab.engine.artifacts import Candidate, Evidence, SealedStore
from tests.campaigns.publishing import CELLS, HEADER, SystemClock, cells
from tests.engine.artifacts.making import candidate, open_store

PATIENCE = 100
"""Looks for a commit of somebody else."""


def observed_now(chance: random.Random, salt: int) -> Candidate:
    """Bars of some cells as they were just answered; the commit tells which, when, and what salts them."""
    window = cells(chance.randrange(CELLS), chance.choice((1, 2, 8)))
    at_ms = time_ns() // 1_000_000
    asked = candidate(window, at_ms, salt=salt, header=HEADER)
    return replace(asked, provenance={"asked": [window.start, window.end, at_ms, salt]})


def publish_now(root: str, writer: int, rounds: int, start: Barrier, notes: Connection) -> None:
    """Publish what is observed at that moment; send `(seq, created)` of each when all are done."""
    store, chance = open_store(Path(root), clock=SystemClock()), random.Random(writer)
    start.wait()
    told = []
    for number in range(rounds):
        made = store.publish(observed_now(chance, salt=1 + writer * rounds + number))
        told.append((made.version.commit.seq, made.created))
    notes.send(told)


def roll_back_often(root: str, rounds: int, start: Barrier, notes: Connection) -> None:
    """Roll back to versions of any age, so many times; send `(seq, created)` of each when all are done.

    After each, give others the chance to commit something, so that there is something to roll back.
    """
    store, chance = open_store(Path(root), clock=SystemClock()), random.Random(rounds)
    told: list[tuple[int, bool]] = []
    start.wait()
    while sum(made for _, made in told) < rounds:
        told.append(roll_back_somewhere(store, chance))
        for _ in range(PATIENCE):
            head = store.head_commit(HEADER.node)
            if head is not None and head.seq > told[-1][0]:
                break
    notes.send(told)


def roll_back_until_killed(root: str, first_salt: int, seed: int, notes: Connection) -> None:
    """Publish and roll back for ever; send `(seq, created)` of each when it is acknowledged."""
    store, chance = open_store(Path(root), clock=SystemClock()), random.Random(seed)
    for salt in count(first_salt):
        made = store.publish(observed_now(chance, salt))
        notes.send((made.version.commit.seq, made.created))
        notes.send(roll_back_somewhere(store, chance))


def roll_back_somewhere(store: SealedStore, chance: random.Random) -> tuple[int, bool]:
    """Roll back to one of the newest twenty versions."""
    head = store.head_commit(HEADER.node)
    assert head is not None
    target = store.resolve(HEADER.node, seq=chance.randrange(max(1, head.seq - 20), head.seq + 1))
    made = store.restore(target, Evidence({"identity": "tests"}, {"why": "a campaign"}))
    return made.version.commit.seq, made.created
