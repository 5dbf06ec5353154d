"""What the SQLite coordinator does beyond the contract."""

from pathlib import Path

import apsw
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.coordinator_sqlite import ABANDONED_MS, SqliteCoordinator
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import Claimed, LeaseKey
from seamless_lab.errors import CoordinatorUnavailable, LeaseLost
from tests.adapters.hot_process import EVERYTHING, HEADER, KEY, stamped, stamps

OTHER = LeaseKey(KEY.node, 60, KEY.start + 18_000)


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "hot.db", busy_timeout_s=0.05)


async def claim(coordinator: SqliteCoordinator, key: LeaseKey = KEY, owner: str = "a") -> Claimed:
    got = await coordinator.claim(key, owner)
    assert isinstance(got, Claimed)
    return got


async def test_a_locked_file_is_an_outage_with_an_action(file: SqliteFile) -> None:
    coordinator = SqliteCoordinator(file, ManualClock())
    await claim(coordinator)
    other = apsw.Connection(str(file.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CoordinatorUnavailable, match="stayed locked") as outage:
        await coordinator.claim(KEY, "b")
    assert "lsof" in outage.value.hint
    other.close()


async def test_a_damaged_file_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "hot.db").write_bytes(b"no database at all" * 500)
    with pytest.raises(CoordinatorUnavailable, match="is damaged"):
        await SqliteCoordinator(SqliteFile(tmp_path / "hot.db"), ManualClock()).claim(KEY, "a")


async def test_a_write_under_the_newest_lease_goes_through_and_any_other_is_fenced(file: SqliteFile) -> None:
    clock, store = ManualClock(), SqliteHotStore(file)
    coordinator = SqliteCoordinator(file, clock)
    old = await claim(coordinator)
    store.write(stamped(0, 1, old))
    clock.advance(11)
    store.write(stamped(0, 2, old))  # expired, but nobody took over
    new = await claim(coordinator, owner="b")
    with pytest.raises(LeaseLost) as lost:
        store.write(stamped(0, 3, old))
    assert lost.value.facts["token"] == old.token
    store.write(stamped(0, 4, new))
    await coordinator.complete(new)
    with pytest.raises(LeaseLost):
        store.write(stamped(0, 5, new))  # given back: a cancelled fetch writes nothing later
    assert stamps(store.load(HEADER, EVERYTHING))[0] == 4


async def test_abandoned_leases_are_forgotten_but_their_tokens_are_not(file: SqliteFile) -> None:
    clock = ManualClock()
    coordinator = SqliteCoordinator(file, clock)
    old = await claim(coordinator)
    clock.advance(ABANDONED_MS / 1000 + 20)
    await coordinator.complete(await claim(coordinator, OTHER))
    with file.reading() as connection:
        assert connection.execute("SELECT count(*) FROM lease").get == 0
    assert (await claim(coordinator)).token > old.token


async def test_a_wall_clock_set_back_does_not_lock_a_block_for_ever(file: SqliteFile) -> None:
    clock = ManualClock()
    coordinator = SqliteCoordinator(file, clock)
    await claim(coordinator)
    clock.set_back(3_600)
    assert (await claim(coordinator, owner="b")).owner == "b"
