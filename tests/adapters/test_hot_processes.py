"""The hot store's file under several processes, killed and stopped ones included."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.adapters.coordinator_sqlite import SqliteCoordinator
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import Claimed, HeldElsewhere
from tests.adapters.hot_process import BLOCKS, EVERYTHING, HEADER, KEY, LEASE_TTL_MS, stamped, stamps
from tests.leases import held_leases

Start = Callable[..., subprocess.Popen[str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `hot_process` on the test's file; whatever still runs in the end is killed."""
    with contextlib.ExitStack() as cleaning:

        def run(*arguments: object) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "tests.adapters.hot_process", str(arguments[0]), str(tmp_path / "hot.db")]
            process = subprocess.Popen(
                [*command, *map(str, arguments[1:])],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            cleaning.enter_context(process)
            cleaning.callback(process.kill)
            return process

        yield run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteHotStore]:
    made = SqliteHotStore(SqliteFile(tmp_path / "hot.db", busy_timeout_s=30))
    yield made
    made.close()


def acknowledged(output: str) -> dict[int, int]:
    """The greatest stamp printed for each block; a last line cut short by a kill counts for nothing."""
    newest: dict[int, int] = {}
    for line in output.splitlines(keepends=True):
        if line.endswith("\n"):
            number, stamp = map(int, line.split())
            newest[number] = max(newest.get(number, 0), stamp)
    return newest


def crowd(start: Start, store: SqliteHotStore, *, writers: int, readers: int, writes: int, seconds: float) -> None:
    writing = [start("write", 1 + number, writers, writes) for number in range(writers)]
    reading = [start("read", seconds) for _ in range(readers)]
    done = [process.communicate(timeout=seconds * 4 + 120) for process in [*writing, *reading]]
    assert [error for _, error in done if error] == []
    assert all(process.returncode == 0 for process in [*writing, *reading])
    expected: dict[int, int] = {}
    for output, _ in done[:writers]:
        for number, stamp in acknowledged(output).items():
            expected[number] = max(expected.get(number, 0), stamp)
    assert stamps(store.load(HEADER, EVERYTHING)) == [expected[number] for number in range(BLOCKS)]


def test_writers_and_readers_of_one_file_meet_no_error_and_see_whole_windows(
    start: Start, store: SqliteHotStore
) -> None:
    crowd(start, store, writers=3, readers=3, writes=40, seconds=1)


@pytest.mark.soak
def test_eight_writers_and_eight_readers_for_a_minute(start: Start, store: SqliteHotStore) -> None:
    crowd(start, store, writers=8, readers=8, writes=500, seconds=60)


def kill_writers(start: Start, store: SqliteHotStore, *, rounds: int, seed: int = 7) -> None:
    """Kill a writer at a random moment of its work, again and again; what it acknowledged is there, whole."""
    moments, promised, stamp = random.Random(seed), dict.fromkeys(range(BLOCKS), 0), 1
    for _ in range(rounds):
        writer = start("write", stamp, 1, 100_000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))  # the moment of the kill, not a wait for anything
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()  # `communicate` would pass over what `readline` has buffered
        newest = acknowledged(first + rest)
        promised.update(newest)
        found = stamps(store.load(HEADER, EVERYTHING))
        assert all(found[number] >= promised[number] for number in range(BLOCKS)), "acknowledged and lost"
        unannounced = [number for number in range(BLOCKS) if found[number] != promised[number]]
        assert len(unannounced) <= 1, "at most the write that was not yet printed"
        promised, stamp = dict(enumerate(found)), max(found) + 1
    store.check()


def test_a_killed_writer_loses_nothing_acknowledged(start: Start, store: SqliteHotStore) -> None:
    kill_writers(start, store, rounds=4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_many_killed_writers_lose_nothing_acknowledged(start: Start, store: SqliteHotStore, seed: int) -> None:
    kill_writers(start, store, rounds=25, seed=seed)


async def take_over(coordinator: SqliteCoordinator) -> Claimed:
    """Claim until granted; the wait is the holder's lease running out."""
    async with asyncio.timeout(30):
        while isinstance(got := await coordinator.claim(KEY, "heir"), HeldElsewhere):  # noqa: ASYNC110  # only time frees it
            await asyncio.sleep(0.01)
    return got


async def test_a_stopped_holder_is_replaced_and_its_late_write_is_fenced(
    start: Start, store: SqliteHotStore, tmp_path: Path
) -> None:
    holder = start("hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "Claimed\n"
    holder.send_signal(signal.SIGSTOP)
    heir = await take_over(SqliteCoordinator(SqliteFile(tmp_path / "hot.db"), SystemClock(), ttl_ms=LEASE_TTL_MS))
    store.write(stamped(0, 2, heir))
    holder.send_signal(signal.SIGCONT)
    output, error = holder.communicate("go\n", timeout=60)
    assert (output, error) == ("LeaseLost\n", "")
    state = store.load(HEADER, EVERYTHING)
    assert stamps(state)[0] == 2
    assert state.attempts["asked_at_ms"].to_list() == [2], "nothing of the late write was kept"


async def test_a_killed_holder_is_replaced(start: Start, tmp_path: Path) -> None:
    holder = start("hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "Claimed\n"
    holder.send_signal(signal.SIGKILL)
    coordinator = SqliteCoordinator(SqliteFile(tmp_path / "hot.db"), SystemClock(), ttl_ms=LEASE_TTL_MS)
    heir = await take_over(coordinator)
    assert [owner for _, owner in held_leases(SqliteFile(tmp_path / "hot.db"))] == [heir.owner]
