"""One SQLite file shared by all processes of a machine: hot store, leases, world ledger and fetch log live in it.

Write-ahead log, full sync, one connection per thread at work. Every use is a transaction: `reading` sees one
snapshot, `writing` is the only writer on the machine until it commits. SQLite's errors never leave this module as
such.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from seamless_lab.errors import ConfigError, Corrupted, SeamlessError, StoreBusy, StoreUnavailable

APPLICATION_ID = 0x53454D4C  # "SEML" in the file's header: this file is ours
CHECKPOINT_PAGES = 1_000
LOG_BYTES = 64 << 20
RESTART_WAIT_MS = 100
PAGE_BYTES = 4_096

MIGRATIONS = (
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, node TEXT NOT NULL, step_s INTEGER NOT NULL, anchor_s INTEGER NOT NULL,
        conformance TEXT NOT NULL, UNIQUE (node, step_s, anchor_s, conformance)
    ) STRICT;
    -- id = series << 32 | calendar start of the cell: one tree, in time order. The long column comes last, so that
    -- reading the others does not touch its pages.
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, rows INTEGER NOT NULL, codec INTEGER NOT NULL,
        observed BLOB NOT NULL, before_listing BLOB, bars BLOB
    ) STRICT;
    CREATE TABLE attempt (
        node TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, asked_at_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL, source TEXT NOT NULL, rows INTEGER NOT NULL, requests INTEGER NOT NULL,
        error TEXT NOT NULL, observed_at_ms INTEGER NOT NULL, unpriced BLOB,
        PRIMARY KEY (node, start, end, asked_at_ms, outcome, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE lease (
        node TEXT NOT NULL, interval INTEGER NOT NULL, start INTEGER NOT NULL, owner TEXT NOT NULL,
        token INTEGER NOT NULL, granted_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
        PRIMARY KEY (node, interval, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE lease_token (only INTEGER PRIMARY KEY CHECK (only = 0), last INTEGER NOT NULL) STRICT;
    INSERT INTO lease_token VALUES (0, 0);
    CREATE TABLE world (
        world TEXT NOT NULL, node TEXT NOT NULL, as_of_ms INTEGER NOT NULL, PRIMARY KEY (world, node)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE fetch (
        id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, node TEXT NOT NULL, start INTEGER NOT NULL,
        end INTEGER NOT NULL, domain TEXT NOT NULL, world TEXT NOT NULL, strategy TEXT NOT NULL,
        verdict TEXT NOT NULL, reasons TEXT NOT NULL, rows INTEGER NOT NULL, ratio REAL NOT NULL,
        phases_ms TEXT NOT NULL, budgets_ms TEXT NOT NULL, violated TEXT NOT NULL
    ) STRICT;
    CREATE INDEX fetch_by_time ON fetch (at_ms, node);
    """,
)
SCHEMA_VERSION = len(MIGRATIONS)


class SqliteFile:
    """The file at `path`, created when absent; safe to use from any thread and, reopened, from any process.

    Parameters
    ----------
    path
        On a local disk (`local_disk.network_filesystem` says whether it is).
    busy_timeout_s
        How long to wait for other processes' writes before `StoreBusy`.
    log_bytes
        When the write-ahead log is longer, a commit waits for readers to leave so that it can start over: with readers
        always at work it never would by itself.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 10.0, log_bytes: int = LOG_BYTES) -> None:
        self.path = path
        self.busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._writers = (os.getpid(), threading.Lock())
        self._idle: list[apsw.Connection] = []
        self._all: set[apsw.Connection] = set()
        # Of a parent process: to be neither used nor closed after a fork.
        self._inherited: list[set[apsw.Connection]] = []
        self._identity = (0, 0, 0)
        self._log_pages = log_bytes // PAGE_BYTES
        self._restart_pages = self._log_pages
        self._copied_pages = 0

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """One consistent snapshot; never waits for writers."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[apsw.Connection]:
        """A transaction that excludes all other writers; without effect when the block raises.

        When it returns, it survives the death of the process, and a power failure too if it is `durable`: without, it
        is not synced by itself, and may be undone together with all that is later.

        Raises
        ------
        StoreBusy
            Other processes kept writing for longer than the timeout.
        Corrupted, StoreUnavailable, ConfigError
            The file cannot be read, written, or is none of ours.
        """
        if self._writers[0] != os.getpid():  # after a fork: a thread of the parent process may have held the lock
            self._writers = (os.getpid(), threading.Lock())
        _, turn = self._writers
        if not turn.acquire(timeout=self.busy_timeout_s):  # woken in turn: only other processes' writes are polled for
            raise self._translated(apsw.BusyError())
        try:
            with self._transaction("BEGIN IMMEDIATE", synced=durable) as connection:
                yield connection
        finally:
            turn.release()

    def check(self) -> None:
        """Read every page; raises `Corrupted` with the first thing found."""
        with self.reading() as connection:
            found = connection.execute("PRAGMA integrity_check(1)").get
        if found != "ok":
            raise corrupted(self.path, str(found))

    def close(self) -> None:
        """Close all connections; the next use opens them again.

        A connection that a thread is still working with is closed by that thread when its transaction ends.
        """
        with self._lock:
            self._forget(os.getpid() != self._identity[0] and bool(self._all))

    @contextmanager
    def _transaction(self, begin: str, *, synced: bool = True) -> Iterator[apsw.Connection]:
        connection: apsw.Connection | None = None
        try:
            connection = self._borrow()
            if not synced:
                connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            if connection is not None:
                self._give_back(connection, synced)

    def _borrow(self) -> apsw.Connection:
        with self._lock:
            identity = (os.getpid(), *_inode(self.path))
            if identity != self._identity:
                self._forget(identity[0] != self._identity[0])
            if self._idle:
                return self._idle.pop()
        connection = self._open()
        with self._lock:
            self._identity = (os.getpid(), *_inode(self.path))
            self._all.add(connection)
        return connection

    def _forget(self, forked: bool) -> None:
        """Leave all connections behind; those of a parent process as they are, those at work to who works with them."""
        if forked:
            self._inherited.append(self._all)
        idle, self._idle = self._idle, []  # first of all: after Ctrl-C nobody may be lent one that is closed
        self._all = set()
        if not forked:
            for connection in idle:
                with suppress(apsw.Error):  # nothing is open in it, so nothing can be lost
                    connection.close()

    def _give_back(self, connection: apsw.Connection, synced: bool) -> None:
        as_it_was = False
        with suppress(apsw.Error):  # the error that matters is on its way already
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not synced:
                connection.execute("PRAGMA synchronous=FULL")
            as_it_was = not connection.in_transaction
        with self._lock:
            if connection in self._all and as_it_was:
                self._idle.append(connection)
            else:
                self._all.discard(connection)
                with suppress(apsw.Error):
                    connection.close()

    def _open(self) -> apsw.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.path.parent} cannot be made: {error.strerror}.", hint="Choose another --home."
            ) from error
        connection = apsw.Connection(str(self.path))
        try:
            connection.set_busy_handler(_Patience(self.busy_timeout_s))
            if connection.execute("PRAGMA user_version").get != SCHEMA_VERSION:
                self._migrate(connection)
            settings = (
                f"journal_size_limit={self._log_pages * PAGE_BYTES}",
                "synchronous=FULL",
                "trusted_schema=OFF",
                "cache_size=-4096",
            )
            for setting in settings:
                connection.execute(f"PRAGMA {setting}").fetchall()
            connection.set_wal_hook(self._after_commit)
        except BaseException:  # whatever it is, nobody else could close the connection
            connection.close()
            raise
        return connection

    def _migrate(self, connection: apsw.Connection) -> None:
        self._refuse_foreign(connection)
        self._use_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        self._refuse_foreign(connection)
        version = connection.execute("PRAGMA user_version").get
        for script in MIGRATIONS[version:]:
            connection.execute(script)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT")

    def _refuse_foreign(self, connection: apsw.Connection) -> None:
        # Tables first: another process may be creating them, and commits them together with its mark.
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
        version = connection.execute("PRAGMA user_version").get
        owner = connection.execute("PRAGMA application_id").get
        if tables and owner != APPLICATION_ID:
            raise ConfigError(
                f"{self.path} is another program's SQLite database.", hint="Choose another --home.", path=str(self.path)
            )
        if version > SCHEMA_VERSION:
            raise ConfigError(
                f"{self.path} has the schema version {version}; this seamless-lab knows up to {SCHEMA_VERSION}.",
                hint="Upgrade seamless-lab, or choose another --home.",
                path=str(self.path),
                found=version,
                known=SCHEMA_VERSION,
            )

    def _use_wal(self, connection: apsw.Connection) -> None:
        """Switch to the write-ahead log. Here SQLite never asks the busy handler when others do the same."""
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                if connection.execute("PRAGMA journal_mode=WAL").get == "wal":
                    return
                raise StoreUnavailable(
                    f"{self.path} cannot use a write-ahead log on its file system.",
                    hint="Choose a --home on a local disk.",
                    path=str(self.path),
                )
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def _after_commit(self, connection: apsw.Connection, _: str, pages: int) -> int:
        """Copy the log back into the file when it is long; the commit it follows is durable already."""
        if pages < self._copied_pages:  # the log has started over
            self._copied_pages = 0
        if pages - self._copied_pages >= CHECKPOINT_PAGES:  # not on every commit once the log is long
            self._copied_pages = pages
            with suppress(apsw.BusyError, apsw.LockedError):  # another process is at it
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if pages >= self._restart_pages:
            connection.set_busy_timeout(RESTART_WAIT_MS)
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
                self._restart_pages = self._log_pages
            except (apsw.BusyError, apsw.LockedError):
                # A reader does not move; try again when the log has grown as much again.
                self._restart_pages = pages + self._log_pages
            finally:
                connection.set_busy_handler(_Patience(self.busy_timeout_s))
        return int(apsw.SQLITE_OK)

    def _translated(self, error: apsw.Error) -> SeamlessError:
        path = str(self.path)
        match error:
            case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError():
                return StoreBusy(
                    f"{path} stayed locked by other processes for {self.busy_timeout_s:g} s.",
                    hint="Look for a stopped process that has it open (lsof), or ask again.",
                    path=path,
                    timeout_s=self.busy_timeout_s,
                )
            case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
                return corrupted(self.path, str(error))
            case apsw.SQLError() if "no such table" in str(error) or "no such column" in str(error):
                return corrupted(self.path, str(error))
            case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
                return ConfigError(
                    f"{path} cannot be opened for writing: {error}.",
                    hint="Check its permissions, or choose another --home.",
                    path=path,
                )
            case apsw.FullError():
                return StoreUnavailable(
                    f"{path} cannot grow: the disk is full.",
                    hint="Free some space and run again; nothing is lost.",
                    path=path,
                )
        return StoreUnavailable(f"{path} cannot be used: {error}.", hint="Check the disk, then run again.", path=path)


class _Patience:
    """SQLite's busy handler: polls every few milliseconds until a deadline. Its own backs off to 100 ms and starves."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadline = 0.0

    def __call__(self, calls: int) -> bool:
        now = time.monotonic()
        if calls == 0:
            self._deadline = now + self._timeout_s
        if now >= self._deadline:
            return False
        time.sleep(0.001 * (1 + (calls + os.getpid()) % 4))  # out of step with the other processes
        return True


def corrupted(path: Path, found: str) -> Corrupted:
    """The error for a file whose bytes are not what was written."""
    return Corrupted(
        f"{path} is damaged: {found}.",
        hint=f"Move it away (mv {path} {path}.damaged) and fetch again; it holds nothing sealed.",
        path=str(path),
        found=found,
    )


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino
