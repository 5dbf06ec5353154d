"""A statement while it runs: on a thread of its own, so that a limit of time, or Ctrl-C, always gets an answer."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.sql.aside import Step, aside
from seamless_lab.app.sql.connection import Limits
from seamless_lab.app.sql.failures import failure, too_deep
from seamless_lab.app.sql.moments import require_spelled_in
from seamless_lab.errors import Interrupted, InvalidSql, SeamlessError, SqlLimit

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from duckdb.sqltypes import DuckDBPyType

_GRACE_S = 3.0
_LONGEST = "decimal128(38, 0)"
"""What the engine makes of a HUGEINT, which may have a digit more."""
_ALTERED = re.compile(r"timestamp\[s\]|time64")
"""What polars takes otherwise where it cannot spell it: infinite seconds as some moment, the time 24:00:00 as null."""
_UNBOUNDED = {"uhugeint", "bignum"}
"""Types of which the engine hands over other numbers without a word, or none."""
_UNFRAMED = {
    "interval": ("an INTERVAL, which has no fixed length", "Write its seconds: epoch(…)."),
    "union": ("a UNION, which no frame has", "Take one of its members with union_extract(…), or cast it to VARCHAR."),
    "time with time zone": ("a TIMETZ, whose zone no frame keeps", "Cast it to TIME, or to VARCHAR."),
    "bit": ("a BIT, which no frame has", "Cast it to VARCHAR."),
}
"""Types that no frame holds as they are: what a column of one is, and what to do."""
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
        self._step = Step(self._work)

    @property
    def idle(self) -> bool:
        """Whether the thread has let go of the connection."""
        return self._step.ended

    def result(self) -> pl.DataFrame:
        """The rows.

        Raises
        ------
        SqlLimit
            After `timeout_s`, or for more memory than allowed.
        InvalidSql
            For what the engine cannot bind or compute, or no frame can hold.
        Interrupted
            When the user stopped it.
        """
        try:
            self._step.start()
            over = self._wait(self._limits.timeout_s)
        except KeyboardInterrupt as stop:
            self._stop()
            raise Interrupted("Stopped.") from stop
        if over is not None:
            self._stop()
            raise over
        try:
            rows = self._step.result()
        except BaseException as error:  # what its thread ended with, which is told or raised as it is
            raise self._told(error) from error
        return _frame(rows)

    def _work(self) -> pa.Table:
        import pyarrow as pa

        relation = self._connection.sql(self._text)
        for name, kind in zip(relation.columns, relation.types, strict=True):
            _require_frameable(name, kind)
        reader = relation.to_arrow_reader(_BATCH_ROWS)
        held, batches = 0, []
        for batch in reader:
            held += batch.nbytes
            if held > self._most_bytes:
                raise SqlLimit(
                    f"The result is larger than the memory it was given, {self._limits.memory}.",
                    hint="Select fewer rows or columns, aggregate, or raise memory_limit.",
                    memory_limit=self._limits.memory,
                )
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)

    def _wait(self, seconds: float) -> SqlLimit | None:
        """Wait for its end; the limit that it went over before that.

        The engine does not count all that its functions take, so that the memory of the process is looked at too.
        """
        deadline, most = time.monotonic() + seconds, private_bytes() + 2 * self._most_bytes + _SLACK_BYTES
        while not self._step.wait():
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
        if not self._step.give_up():
            self._connection.interrupt()
            self._step.wait(_GRACE_S)

    def _told(self, error: BaseException) -> SeamlessError:
        import duckdb
        import pyarrow as pa

        if isinstance(error, SeamlessError):
            return error
        if isinstance(error, pa.ArrowInvalid):
            return too_deep() if "Recursion level" in str(error) else _unframed(error)
        if isinstance(error, MemoryError):
            return failure(Exception("Out of Memory Error: "), self._query, memory_limit=self._limits.memory)
        if not isinstance(error, duckdb.Error):
            raise error
        shift = 0
        if not str(error).partition(": ")[2].startswith("{"):
            # A relation's binder tells no place; the same error of EXPLAIN does.
            prefix = "EXPLAIN "
            try:
                aside(lambda: self._connection.execute(prefix + self._query))()
            except duckdb.Error as told:
                error, shift = told, len(prefix)
        return failure(error, self._query, shift=shift, memory_limit=self._limits.memory)


def _frame(rows: pa.Table) -> pl.DataFrame:
    import pyarrow as pa

    twice = [name for name in rows.schema.names if rows.schema.names.count(name) > 1]
    if twice:
        raise InvalidSql(
            f"Two columns of the result are called {twice[0]!r}.",
            hint="Give each a name of its own with AS.",
            column_name=twice[0],
        )
    for field in rows.schema:
        if _LONGEST in str(field.type):
            try:
                rows.column(field.name).validate(full=True)
            except pa.ArrowInvalid as error:
                raise _too_long(field.name) from error
        if _ALTERED.search(str(field.type)):
            for chunk in rows.column(field.name).chunks:
                require_spelled_in(field.name, chunk)
    try:
        found = pl.from_arrow(rows)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _unframed(error) from error
    assert isinstance(found, pl.DataFrame)  # of a table
    return found


def _require_frameable(name: str, kind: DuckDBPyType) -> None:
    """Refuse types that the engine hands over wrongly, or that no frame has."""
    kinds = set(_kinds(kind))
    if kinds & _UNBOUNDED:
        raise _too_long(name)
    for odd in sorted(kinds & _UNFRAMED.keys()):
        what, hint = _UNFRAMED[odd]
        verb = "is" if kind.id == odd else "holds"
        raise InvalidSql(f"The column {name!r} {verb} {what}.", hint=hint, column_name=name)


def _kinds(kind: DuckDBPyType) -> Iterator[str]:
    """A type, and those that it holds."""
    yield kind.id
    for _, part in kind.children if kind.id in _NESTED else []:
        if not isinstance(part, int | list):
            yield from _kinds(part)


def _unframed(error: BaseException) -> InvalidSql:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InvalidSql(f"No frame can hold the result: {said.rstrip('.')}.", hint="Cast its columns to plain types.")


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
