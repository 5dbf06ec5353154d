"""Writers of one lockfile that race and that are killed: nothing acknowledged is lost, nothing is half-written."""

import random
import threading
from pathlib import Path

import pytest

from seamless_lab.app.lock.disk import edit, load
from seamless_lab.app.lock.lockfile import render
from tests.campaigns.locking import add_pins, add_until_killed, pin, put
from tests.processes import forkserver, told_by_all, told_until_killed

PROCESSES = forkserver()


def race(path: Path, writers: int, rounds: int) -> None:
    seen, ended = 0, threading.Event()

    def look() -> None:
        nonlocal seen
        while not ended.wait(0.002):
            load(path)  # raises for anything that is not a whole lockfile, or none yet
            seen += 1

    reader = threading.Thread(target=look)
    reader.start()
    try:
        programs = [(add_pins, (str(path), writer, rounds)) for writer in range(writers)]
        left = dict(entry for told in told_by_all(PROCESSES, programs) for entry in told)
    finally:
        ended.set()
        reader.join(60)
    lock = load(path)
    assert lock is not None
    assert dict(lock.pins) == {name: pin(name, number) for name, number in left.items()} | {
        "shared": lock.pins["shared"]
    }
    assert lock.pins["shared"] == pin("shared", lock.pins["shared"].seq)
    assert path.read_text() == render(lock)
    assert [file.name for file in path.parent.iterdir()] == ["seamless.lock"]
    assert seen > 1


def test_eight_writers_lose_no_pin(tmp_path: Path) -> None:
    race(tmp_path / "seamless.lock", writers=8, rounds=12)


@pytest.mark.soak
def test_eight_writers_lose_no_pin_in_four_hundred_rounds(tmp_path: Path) -> None:
    race(tmp_path / "seamless.lock", writers=8, rounds=50)


def kill_again_and_again(path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: set[int] = set()
    tried: set[int] = set()
    for number in range(kills):
        program = (add_until_killed, (str(path), 1 + max(tried, default=0), seed + number))
        notes = told_until_killed(PROCESSES, program, chance, upto=4, within_s=0.004)
        tried |= {-note for note in notes if note < 0}
        acknowledged |= {note for note in notes if note > 0}
        lock = load(path)  # whatever moment it was: a whole lockfile, or none yet
        pins = {} if lock is None else lock.pins
        assert {f"p{one}" for one in acknowledged} <= pins.keys()
        assert pins.keys() - {f"again{place}" for place in range(8)} <= {f"p{one}" for one in tried}
        assert all(found == pin(name, found.seq) for name, found in pins.items())
        assert {file.name for file in path.parent.iterdir()} <= {"seamless.lock", ".seamless.lock.tmp"}
        if len(pins) > 60:  # long files take long to write; what was acknowledged is checked, so start over
            path.unlink()
            acknowledged, tried = set(), {max(tried)}
    edit(path, put(pin("last")))  # no lock is left behind, and no temporary file
    assert [file.name for file in path.parent.iterdir()] == ["seamless.lock"]


def test_killed_writers_leave_a_whole_lockfile_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "seamless.lock", kills=200, seed=30)


@pytest.mark.soak
def test_a_thousand_killed_writers_leave_a_whole_lockfile(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "seamless.lock", kills=1_000, seed=31)
