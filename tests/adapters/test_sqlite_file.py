"""One SQLite file for many threads and processes, and every way it can be unusable."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from seamless_lab.adapters.sqlite_file import APPLICATION_ID, SCHEMA_VERSION, SqliteFile
from seamless_lab.errors import ConfigError, Corrupted, SeamlessError, StoreBusy, StoreUnavailable

COUNT = "SELECT count(*) FROM world"


def add(file: SqliteFile, name: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO world VALUES (?, 'n', 1)", (name,))


def number(file: SqliteFile) -> int:
    with file.reading() as connection:
        found: int = connection.execute(COUNT).get
    return found


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "deep" / "hot.db", busy_timeout_s=0.05)


def test_a_new_file_is_marked_as_ours_and_synced_on_commit(file: SqliteFile) -> None:
    with file.writing() as connection:
        assert connection.execute("PRAGMA application_id").get == APPLICATION_ID
        assert connection.execute("PRAGMA user_version").get == SCHEMA_VERSION
        assert connection.execute("PRAGMA journal_mode").get == "wal"
        assert connection.execute("PRAGMA synchronous").get == 2


def test_every_write_is_synced_after_one_that_need_not_be(file: SqliteFile) -> None:
    def refuse(action: int, name: str | None, value: str | None, _: str | None, __: str | None) -> int:
        return apsw.SQLITE_DENY if action == apsw.SQLITE_PRAGMA and name == "synchronous" else apsw.SQLITE_OK

    with file.writing(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").get == 1
    with file.writing() as connection:
        assert connection.execute("PRAGMA synchronous").get == 2
    with file.writing(durable=False) as connection:
        connection.authorizer = refuse  # so that it cannot be made as it was
    with file.writing() as other:
        assert other is not connection
        assert other.execute("PRAGMA synchronous").get == 2


def test_a_block_that_raises_leaves_no_trace(file: SqliteFile) -> None:
    def add_and_raise() -> None:
        with file.writing() as connection:
            connection.execute("INSERT INTO world VALUES ('w', 'n', 1)")
            raise LookupError

    with pytest.raises(LookupError):
        add_and_raise()
    assert number(file) == 0
    add(file, "w")


def test_a_reader_keeps_its_snapshot_while_others_write(file: SqliteFile) -> None:
    add(file, "a")
    with file.reading() as connection:
        assert connection.execute(COUNT).get == 1
        add(file, "b")
        assert connection.execute(COUNT).get == 1
    assert number(file) == 2


def test_a_lock_that_stays_is_busy_with_an_action(file: SqliteFile) -> None:
    add(file, "a")
    with file.writing(), pytest.raises(StoreBusy, match=r"stayed locked by other processes for 0\.05 s") as busy:
        add(SqliteFile(file.path, busy_timeout_s=0.05), "b")
    assert "lsof" in busy.value.hint
    add(file, "b")


def test_only_who_asks_for_it_writes_without_a_sync(file: SqliteFile) -> None:
    with file.writing(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").get == 1
    with suppress(ZeroDivisionError), file.writing(durable=False):
        raise ZeroDivisionError
    with file.writing() as again:
        assert again is connection
        assert again.execute("PRAGMA synchronous").get == 2


def test_threads_of_one_process_wait_no_longer_than_the_timeout(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db", busy_timeout_s=0.05)
    with ThreadPoolExecutor(1) as pool, file.writing():
        assert isinstance(pool.submit(add, file, "b").exception(), StoreBusy)
    add(file, "b")
    file.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda place: add(file, str(place)), range(60)))
        assert set(pool.map(lambda _: number(file), range(20))) == {60}
    file.close()
    assert number(file) == 60, "closing is no end"
    file.close()


def test_closing_leaves_a_transaction_of_another_thread_to_that_thread(file: SqliteFile) -> None:
    inside, closed = threading.Event(), threading.Event()

    def write() -> int:
        with file.writing() as connection:
            connection.create_scalar_function("wait", lambda: (inside.set(), closed.wait(10))[1])
            connection.execute("INSERT INTO world SELECT 'slow', 'n', wait()")
        return number(file)

    number(file)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert inside.wait(10)
        file.close()
        closed.set()
        assert writing.result(10) == 1, "what was under way is kept, and the file opens again"
    add(file, "next")
    assert number(file) == 2
    file.close()
    assert not file.path.with_name("hot.db-wal").exists(), "the last connection has been closed"


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def first_use(place: int) -> None:
        own = SqliteFile(tmp_path / "hot.db")
        ready.wait()
        add(own, str(place))
        own.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first_use, range(8)))
    assert number(SqliteFile(tmp_path / "hot.db")) == 8


@pytest.mark.parametrize("content", [b"no database at all " * 400, b"SQLite format 3\0" + bytes(4_080)])
def test_a_file_that_is_no_database_is_damaged(file: SqliteFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(Corrupted, match="is damaged") as damaged:
        number(file)
    assert f"mv {file.path} {file.path}.damaged" in damaged.value.hint
    assert file.path.read_bytes() == content


def test_a_truncated_file_is_damaged(file: SqliteFile) -> None:
    add(file, "a")
    file.close()
    os.truncate(file.path, 3 * 4_096)
    with pytest.raises(Corrupted):
        file.check()


def test_a_table_that_is_gone_is_damage(file: SqliteFile) -> None:
    with file.writing() as connection:
        connection.execute("DROP TABLE world")
    with pytest.raises(Corrupted, match="no such table: world"):
        number(file)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = apsw.Connection(str(path))
    theirs.execute("CREATE TABLE t (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program's"):
        number(SqliteFile(path))
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_with_both_versions(file: SqliteFile) -> None:
    with file.writing() as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    file.close()
    with pytest.raises(ConfigError, match="schema version") as newer:
        number(file)
    assert (newer.value.facts["found"], newer.value.facts["known"]) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)


@pytest.mark.parametrize("place", ["file/hot.db", "folder"])
def test_a_place_where_no_file_can_be_is_a_matter_of_configuration(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be"):
        number(SqliteFile(tmp_path / place))


def test_a_file_removed_meanwhile_is_made_again(file: SqliteFile) -> None:
    add(file, "a")
    for part in file.path.parent.iterdir():
        part.unlink()
    add(file, "b")
    assert number(file) == 1
    assert number(SqliteFile(file.path)) == 1, "and others see it"


def test_the_log_does_not_grow_for_ever_under_readers(tmp_path: Path) -> None:
    file, log, over = SqliteFile(tmp_path / "hot.db", log_bytes=1 << 20), tmp_path / "hot.db-wal", threading.Event()

    def read_on() -> None:
        while not over.is_set():
            with file.reading() as connection:
                connection.execute("SELECT total(length(observed)) FROM chunk").fetchall()

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read_on) for _ in range(2)]
        largest = 0
        for place in range(100):
            with file.writing() as writer:
                observed = bytes([place]) * 200_000
                writer.execute("INSERT OR REPLACE INTO chunk VALUES (?, 0, 0, 0, ?, NULL, NULL)", (place % 3, observed))
            largest = max(largest, log.stat().st_size)
        over.set()
        assert [reader.result() for reader in readers] == [None, None]
    assert largest < 8 << 20, "of 20 MB written"
    file.close()


def test_a_reader_that_never_leaves_does_not_stop_writers(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db", log_bytes=40_960)
    with file.reading() as connection:
        assert connection.execute(COUNT).get == 0
        for place in range(40):
            add(file, str(place))
    assert number(file) == 40


FORKED = """
import os, sys
from pathlib import Path
from seamless_lab.adapters.sqlite_file import SqliteFile
file = SqliteFile(Path(sys.argv[1]))
def add(name):
    with file.writing() as connection:
        connection.execute("INSERT INTO world VALUES (?, 'n', 1)", (name,))
add("parent")
if os.fork() == 0:
    add("child")
    file.close()
    os._exit(0)
assert os.wait()[1] == 0
add("after")
with file.reading() as connection:
    print(connection.execute("SELECT count(*) FROM world").get)
"""


def test_a_forked_process_opens_its_own_connections(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path / "hot.db")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_after_ctrl_c_while_it_closes_no_closed_connection_is_lent(file: SqliteFile) -> None:
    number(file)

    def interrupt(_: object, event: str, function: object) -> None:
        if event == "c_return" and getattr(function, "__qualname__", "") == "Connection.close":
            raise KeyboardInterrupt

    try:
        sys.setprofile(interrupt)
        with pytest.raises(KeyboardInterrupt):
            file.close()
    finally:
        sys.setprofile(None)
    assert number(file) == 0


def test_a_connection_that_is_closed_in_use_is_an_error_of_ours_and_not_lent_again(file: SqliteFile) -> None:
    with pytest.raises(StoreUnavailable), file.reading() as connection:
        connection.close()
    assert number(file) == 0


def test_no_error_of_sqlite_comes_through(file: SqliteFile) -> None:
    with pytest.raises(SeamlessError) as ours, file.writing() as connection:
        connection.execute("INSERT INTO world VALUES (NULL, NULL, NULL)")
    assert isinstance(ours.value.__cause__, apsw.Error)
