"""Rollbacks that race with publishers and that are killed: what came of it is a serial order, and nothing is torn."""

import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seamless_lab.core.digest import content_of
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.version import Commit
from seamless_lab.engine.artifacts import SealedStore
from tests.campaigns.publishing import CELL, CELLS, HEADER, cells
from tests.campaigns.rolling_back import publish_now, roll_back_often, roll_back_until_killed
from tests.engine.artifacts.making import HOUR, PROCESSES, T0, Ticking, bars_at, candidate, files, open_store
from tests.processes import Program, told_by_all, told_until_killed

SLOTS: Ints = np.arange(T0, T0 + CELLS * CELL, HOUR, dtype=np.int64)


def nothing() -> Ints:
    return np.full(SLOTS.size, -1, dtype=np.int64)


@dataclass
class Replay:
    """One commit after the other, done to arrays of slots."""

    salts: Ints = field(default_factory=nothing)
    """Which candidate each slot's bar is of, -1 where there is none."""
    known_ms: Ints = field(default_factory=nothing)
    """When each slot was answered or withdrawn, -1 where it never was."""
    salts_at: list[Ints] = field(default_factory=list)

    def step(self, commit: Commit) -> None:
        if "rollback_of" in commit.provenance:
            number = commit.provenance["rollback_of"]
            assert isinstance(number, int)
            assert commit.provenance["replaces"] == commit.seq - 1
            at_ms = int(commit.observed.at_ms[0])
            target = self.salts_at[number - 1]
            assert at_ms > int(self.known_ms.max())
            self.known_ms = np.where((self.salts >= 0) | (target >= 0), at_ms, self.known_ms)
            self.salts = target.copy()
        else:
            start, end, at_ms, salt = commit.provenance["asked"]
            won = (start <= SLOTS) & (end > SLOTS) & (at_ms > self.known_ms)
            self.salts = np.where(won, salt, self.salts)
            self.known_ms = np.where(won, at_ms, self.known_ms)
        self.salts_at.append(self.salts)

    def fingerprint(self) -> str:
        held = self.salts >= 0
        return content_of(HEADER, bars_at(HEADER, SLOTS[held], self.salts[held]), Ranges.of_slots(SLOTS[held], HOUR))


def expect_serial_order(store: SealedStore) -> list[Commit]:
    """Each commit is what it was made for, done to the one before it."""
    commits = list(store.history(HEADER.node))[::-1]
    replay = Replay()
    for commit in commits:
        replay.step(commit)
        assert replay.fingerprint() == commit.fingerprint, f"seq {commit.seq}"
        held, gone = replay.salts >= 0, (replay.salts < 0) & (replay.known_ms >= 0)
        assert commit.observed.answered == Ranges.of_slots(SLOTS[held], HOUR)
        assert commit.withdrawn.answered == Ranges.of_slots(SLOTS[gone], HOUR)
    report = store.verify(HEADER.node)
    assert report.ok, report.offenders
    return commits


def race(root: Path, publishers: int, rounds: int, rollbacks: int) -> None:
    first = candidate(cells(0, 8), 1, salt=0, header=HEADER)
    first.provenance["asked"] = [cells(0, 8).start, cells(0, 8).end, 1, 0]
    open_store(root, clock=Ticking(T0 * 1_000)).publish(first)
    start = PROCESSES.Barrier(publishers + 1)
    programs: list[Program] = [(publish_now, (str(root), writer, rounds, start)) for writer in range(publishers)]
    rolling: Program = (roll_back_often, (str(root), rollbacks, start))
    told = [entry for one in told_by_all(PROCESSES, [*programs, rolling]) for entry in one]
    commits = expect_serial_order(open_store(root))
    assert sorted(seq for seq, made in told if made) == [commit.seq for commit in commits[1:]]
    assert sum("rollback_of" in commit.provenance for commit in commits) == rollbacks
    kinds = ["rollback_of" in commit.provenance for commit in commits]
    assert sum(one != other for one, other in pairwise(kinds)) > 2, "they did not race"


def test_a_rollback_among_four_publishers_is_one_step_of_a_serial_order(tmp_path: Path) -> None:
    race(tmp_path, publishers=4, rounds=20, rollbacks=20)


@pytest.mark.soak
def test_rollbacks_among_eight_publishers_are_steps_of_a_serial_order(tmp_path: Path) -> None:
    race(tmp_path, publishers=8, rounds=250, rollbacks=200)


def kill_again_and_again(root: Path, kills: int, seed: int) -> None:
    chance, told = random.Random(seed), []
    for number in range(kills):
        program = (roll_back_until_killed, (str(root), 1 + number * 10_000, seed + number))
        told += told_until_killed(PROCESSES, program, chance, upto=4, within_s=0.012)
    store = open_store(root)
    commits = expect_serial_order(store)
    assert {seq for seq, _ in told} <= {commit.seq for commit in commits}
    later = open_store(root, clock=Ticking(commits[-1].as_of_ms + 3 * 86_400_000))
    later.sweep(HEADER.node)
    assert later.verify(HEADER.node).objects == len(files(root, "*"))


def test_a_killed_rollback_has_happened_or_has_not(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=25, seed=7)


@pytest.mark.soak
def test_rollbacks_killed_two_hundred_times_have_happened_or_have_not(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=200, seed=8)
