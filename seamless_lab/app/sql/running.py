"""A statement while it runs: on a thread of its own, so that a limit of time, or Ctrl-C, always gets an answer."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.sql.connection import Limits
from seamless_lab.app.sql.failures import failure
from seamless_lab.errors import Interrupted, InvalidSql, SeamlessError, SqlLimit

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from duckdb.sqltypes import DuckDBPyType

_LOOK_UP_S = 0.05
_GRACE_S = 3.0
_LONGEST = "decimal128(38, 0)"
"""What the engine makes of a HUGEINT, which may have a digit more."""
_UNBOUNDED = {"uhugeint", "bignum"}
"""Types of which the engine hands over other numbers without a word, or none."""
_NESTED = {"list", "array", "struct", "map", "union"}
_BATCH_ROWS = 122_880
_SLACK_BYTES = 256 << 20  # what the process may take meanwhile for something else
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Running:
    """One statement on a connection of its own.

    The connection is the thread's until it is `idle`: a function that heeds no interrupt may outlive `result`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, text: str, query: str, limits: Limits) -> None:
        self._connection = connection
        self._text, self._query, self._limits = text, query, limits
        self._most_bytes = memory_bytes(limits.memory)
        self._batches: list[pa.RecordBatch] = []
        self._schema: pa.Schema | None = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name="seamless-sql", daemon=True)

    @property
    def idle(self) -> bool:
        """Whether the thread has let go of the connection."""
        return self._done.is_set()

    def result(self) -> pl.DataFrame:
        """The rows.

        Raises
        ------
        SqlLimit
            After `timeout_s`, or for more memory than allowed.
        InvalidSql
            For what the engine cannot bind or compute.
        Interrupted
            When the user stopped it.
        """
        self._thread.start()
        try:
            over = self._wait(self._limits.timeout_s)
        except KeyboardInterrupt as stop:
            self._stop()
            raise Interrupted("Stopped.") from stop
        if over is not None:
            self._stop()
            raise over
        if self._error is not None:
            raise self._told(self._error) from self._error
        return self._frame()

    def _work(self) -> None:
        try:
            relation = self._connection.sql(self._text)
            for name, kind in zip(relation.columns, relation.types, strict=True):
                if _unbounded(kind):
                    raise _too_long(name)
            reader = relation.to_arrow_reader(_BATCH_ROWS)
            self._schema = reader.schema
            held = 0
            for batch in reader:
                held += batch.nbytes
                if held > self._most_bytes:
                    raise SqlLimit(
                        f"The result is larger than the memory it was given, {self._limits.memory}.",
                        hint="Select fewer rows or columns, aggregate, or raise memory_limit.",
                        memory_limit=self._limits.memory,
                    )
                self._batches.append(batch)
        except BaseException as error:  # the thread's outermost boundary: `result` raises it in the caller's thread
            self._error = error
        finally:
            self._done.set()

    def _wait(self, seconds: float) -> SqlLimit | None:
        """Wait for its end; the limit that it went over before that.

        The engine does not count all that its functions take, so that the memory of the process is looked at too. Short
        waits, because polars' handler of SIGINT lets no long one be interrupted.
        """
        deadline, most = time.monotonic() + seconds, private_bytes() + 2 * self._most_bytes + _SLACK_BYTES
        while not self._done.wait(_LOOK_UP_S):
            if time.monotonic() >= deadline:
                return SqlLimit(
                    f"The query did not end within {seconds:g} s.",
                    hint="Select less, or raise timeout_s.",
                    timeout_s=seconds,
                )
            if private_bytes() > most:  # the engine's memory, as much for the result, and then some
                return SqlLimit(
                    f"While the query ran, memory grew far beyond what it was given, {self._limits.memory}.",
                    hint="Make shorter texts and lists, aggregate earlier, or raise memory_limit.",
                    memory_limit=self._limits.memory,
                )
        return None

    def _stop(self) -> None:
        """Interrupt it; a function that heeds no interrupt is left behind, and ends when it ends."""
        self._connection.interrupt()
        self._done.wait(_GRACE_S)

    def _told(self, error: BaseException) -> SeamlessError:
        import duckdb

        if isinstance(error, SeamlessError):
            return error
        if isinstance(error, MemoryError):
            return failure(Exception("Out of Memory Error: "), self._query, memory_limit=self._limits.memory)
        if not isinstance(error, duckdb.Error):
            raise error
        shift = 0
        if not str(error).partition(": ")[2].startswith("{"):
            # A relation's binder tells no place; the same error of EXPLAIN does.
            prefix = "EXPLAIN "
            try:
                self._connection.execute(prefix + self._query)
            except duckdb.Error as told:
                error, shift = told, len(prefix)
        return failure(error, self._query, shift=shift, memory_limit=self._limits.memory)

    def _frame(self) -> pl.DataFrame:
        import pyarrow as pa

        assert self._schema is not None  # no error: the reader was there
        twice = [name for name in self._schema.names if self._schema.names.count(name) > 1]
        if twice:
            raise InvalidSql(
                f"Two columns of the result are called {twice[0]!r}.",
                hint="Give each a name of its own with AS.",
                column_name=twice[0],
            )
        odd = [field.name for field in self._schema if pa.types.is_interval(field.type)]
        if odd:
            raise InvalidSql(
                f"The column {odd[0]!r} is an INTERVAL, which has no fixed length.",
                hint="Write its seconds: epoch(…).",
                column_name=odd[0],
            )
        for name in (field.name for field in self._schema if _LONGEST in str(field.type)):
            for batch in self._batches:
                try:
                    batch.column(name).validate(full=True)
                except pa.ArrowInvalid as error:
                    raise _too_long(name) from error
        found = pl.from_arrow(pa.Table.from_batches(self._batches, schema=self._schema))
        assert isinstance(found, pl.DataFrame)  # of a table
        return found


def _unbounded(kind: DuckDBPyType) -> bool:
    """Whether a type is unbounded, or holds one that is."""
    parts = [part for _, part in kind.children if not isinstance(part, int | list)] if kind.id in _NESTED else []
    return kind.id in _UNBOUNDED or any(_unbounded(part) for part in parts)


def _too_long(name: str) -> InvalidSql:
    return InvalidSql(
        f"The column {name!r} may hold whole numbers of more than 38 digits, which no frame has.",
        hint="Cast it to DOUBLE, or to VARCHAR for all its digits.",
        column_name=name,
    )


def private_bytes() -> int:
    """Memory that this process alone holds, without the files it has mapped; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_bytes().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def memory_bytes(text: str) -> int:
    """`4GB` or `512MiB` in bytes."""
    body = text.strip().upper().removesuffix("B")
    if body.endswith("I"):
        number, unit = body[:-2], body[-2]
        return int(float(number) * 1024 ** ("KMGT".index(unit) + 1))
    return int(float(body[:-1]) * _UNITS[body[-1]])
