"""Publishers that race and publishers that are killed: nothing acknowledged is lost, nothing is torn."""

import random
from pathlib import Path

import numpy as np
import pytest

from seamless_lab.core.ranges import Ints
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Sealed, SealedStore
from tests.campaigns.publishing import CELL, CELLS, HEADER, Note, publish_interleaved, publish_until_killed
from tests.engine.artifacts.making import DAY, HOUR, PROCESSES, T0, Ticking, bars_at, files, open_store
from tests.processes import told_by_all, told_until_killed

SLOTS: Ints = np.arange(T0, T0 + CELLS * CELL, HOUR, dtype=np.int64)


def latest(notes: list[Note]) -> Ints:
    """Per slot the latest observation among some notes, -1 where there is none."""
    at_ms = np.full(SLOTS.size, -1, dtype=np.int64)
    for start, end, when in notes:
        inside = slice(*np.searchsorted(SLOTS, [start, end]))
        at_ms[inside] = np.maximum(at_ms[inside], when)
    return at_ms


def expect_bars(sealed: Sealed, at_ms: Ints) -> None:
    """The bars are those of the candidate that each slot was last observed by."""
    known = at_ms >= 0
    assert np.array_equal(sealed.bars.ts, SLOTS[known])
    for when in np.unique(at_ms[known]).tolist():
        mine = SLOTS[at_ms == when]
        found = sealed.bars.frame.filter(sealed.bars.frame["ts"].is_in(mine.tolist()))
        assert found.equals(bars_at(HEADER, mine, when).frame)


def interleave(root: Path, writers: int, rounds: int) -> SealedStore:
    programs = [(publish_interleaved, (str(root), writer, writers, rounds)) for writer in range(writers)]
    acknowledged = [entry for told in told_by_all(PROCESSES, programs) for entry in told]
    store = open_store(root)
    created = sorted(seq for seq, made, _ in acknowledged if made)
    assert created == list(range(1, len(created) + 1)) == [commit.seq for commit in store.history(HEADER.node)][::-1]
    assert len(acknowledged) == writers * rounds
    sealed = store.read(store.resolve(HEADER.node))
    expect_bars(sealed, latest([note for _, _, note in acknowledged]))
    for seq, _, (start, end, at_ms) in acknowledged[:: max(1, len(acknowledged) // 20)]:
        then = store.resolve(HEADER.node, seq=seq)
        assert then.commit.observed.answered.covers(TimeRange(start, end))
        assert (then.commit.observed.at_of(np.arange(start, end, HOUR)) >= at_ms).all()
    assert store.verify(HEADER.node).ok
    return store


def test_racing_publishers_lose_nothing(tmp_path: Path) -> None:
    interleave(tmp_path, writers=8, rounds=50)


@pytest.mark.soak
def test_racing_publishers_lose_nothing_in_ten_thousand_rounds(tmp_path: Path) -> None:
    interleave(tmp_path, writers=8, rounds=1_250)


def kill_again_and_again(root: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    tried: list[Note] = []
    acknowledged: list[Note] = []
    for number in range(kills):
        first_ms = 1 + max((at_ms for _, _, at_ms in tried), default=0)
        program = (publish_until_killed, (str(root), first_ms, seed + number))
        for start, end, at_ms in told_until_killed(PROCESSES, program, chance, upto=3, within_s=0.012):
            (tried if at_ms < 0 else acknowledged).append((start, end, abs(at_ms)))

    store = open_store(root)
    report = store.verify(HEADER.node)
    assert report.ok, report.offenders
    sealed = store.read(store.resolve(HEADER.node))
    observed = sealed.version.commit.observed.at_of(SLOTS)
    assert (observed >= latest(acknowledged)).all()
    attempts = {at_ms: TimeRange(start, end) for start, end, at_ms in tried}
    for at_ms in np.unique(observed[observed >= 0]).tolist():
        assert at_ms in attempts
    expect_bars(sealed, observed)

    later = open_store(root, clock=Ticking(sealed.version.commit.as_of_ms + 3 * DAY * 1_000))
    later.sweep(HEADER.node)
    after = later.verify(HEADER.node)
    assert after.ok
    assert after.objects == len(files(root, "*"))
    assert not list(root.rglob("*.tmp"))


def test_killed_publishers_lose_nothing_acknowledged_and_leave_nothing_torn(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=200, seed=20)


@pytest.mark.soak
def test_a_thousand_killed_publishers_lose_nothing_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, kills=1_000, seed=21)
