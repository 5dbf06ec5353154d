"""A database that has nothing but the relations it is given: no file, no network, no extension, no clock zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.sql.aside import aside
from seamless_lab.app.sql.failures import failure
from seamless_lab.app.sql.macros import MACROS, creating
from seamless_lab.core.numbers import as_written, require_number, seen
from seamless_lab.errors import ConfigError, RequestError

if TYPE_CHECKING:
    import duckdb

    from seamless_lab.app.sql.relations import Relation  # a lab knows the limits before it reads anything

TIMEOUT_S = 120.0
MEMORY = "4GB"
MOST_THREADS = 64
_MEMORY = re.compile(r"\s*\d+(\.\d+)?\s*([KMGT]i?B)\s*", re.IGNORECASE)
SINGLE, DOUBLE = "'", '"'
_BARS = "ts, make_timestamptz(ts * 1000000) AS time, open, high, low, close, volume"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use. `memory` as the engine writes it, without the pinned bars themselves."""

    threads: int = 1
    timeout_s: float = TIMEOUT_S
    memory: str = MEMORY

    def __post_init__(self) -> None:
        require_number("threads", self.threads, "1 gives the same digits every time.", whole=True)
        require_number("timeout_s", self.timeout_s, "For example 120.")
        if not 1 <= self.threads <= MOST_THREADS:
            raise RequestError(
                f"threads is {self.threads!r}; it is a number from 1 to {MOST_THREADS}.",
                hint="1 gives the same digits every time.",
            )
        if not 0 < self.timeout_s < float("inf"):
            raise RequestError(f"timeout_s is {self.timeout_s!r}; it is a number of seconds.", hint="For example 120.")
        if not _MEMORY.fullmatch(as_written(self.memory)):
            raise RequestError(
                f"memory_limit is {seen(self.memory)}; it is a number with KB, MB, GB or TB.", hint="For example 4GB."
            )

    @property
    def given(self) -> dict[str, object]:
        """The limits on time and memory that are not the default ones, by the names that `lab.sql` has for them."""
        both: dict[str, object] = {}
        if self.timeout_s != TIMEOUT_S:
            both["timeout_s"] = float(self.timeout_s)
        if self.memory != MEMORY:
            both["memory_limit"] = str(self.memory)
        return both


@aside
def closed_off(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A connection to a new database in memory that can reach nothing; `furnish` locks it, the caller closes it.

    Raises
    ------
    ConfigError
        If the engine is not installed.
    RequestError, SqlLimit
        If it has no such memory, or cannot even begin with it.
    Interrupted
        When the user stopped it.
    """
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError(
            "Sealed SQL needs DuckDB, which is not installed.", hint="pip install 'seamless-lab[sql]'"
        ) from error
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": limits.memory,
        "python_enable_replacements": False,
        "threads": limits.threads,
    }
    try:
        connection = duckdb.connect(":memory:", config=config)
    except duckdb.ParserException as error:  # the one setting that is text
        raise RequestError(
            f"memory_limit is {seen(limits.memory)}, which is more than the engine can count.", hint="For example 4GB."
        ) from error
    except duckdb.Error as error:
        raise failure(error, "", memory_limit=limits.memory) from error
    # No spilling: first, because nothing can be said about files once they are out of reach.
    connection.execute("SET temp_directory = ''")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET errors_as_json = true")
    return connection


@aside
def furnish(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation], macros: Iterable[str]) -> None:
    """Give it the relations, without a copy, and macros; then lock what it may do."""
    for place, relation in enumerate(relations):
        parts = []
        for number, (label, sealed) in enumerate(relation.members):
            source = f"__{place}_{number}"
            connection.register(source, sealed.bars.frame)
            parts.append(_rows(source, label if relation.many else None))
        connection.execute(f'CREATE VIEW "{_quoted(relation.name, DOUBLE)}" AS {" UNION ALL ".join(parts)}')
    _lock(connection, macros)


@aside
def furnish_one(
    connection: duckdb.DuckDBPyConnection, name: str, symbol: str, bars: pl.DataFrame, macros: Iterable[str] = MACROS
) -> None:
    """Give it one relation with the bars of one symbol, which a column names; then as `furnish`."""
    connection.register("__0", bars)
    connection.execute(f'CREATE VIEW "{_quoted(name, DOUBLE)}" AS {_rows("__0", symbol)}')
    _lock(connection, macros)


def _rows(source: str, symbol: str | None) -> str:
    named = "" if symbol is None else f"'{_quoted(symbol, SINGLE)}' AS symbol, "
    return f'SELECT {named}{_BARS} FROM "{source}"'


def _lock(connection: duckdb.DuckDBPyConnection, macros: Iterable[str]) -> None:
    for statement in creating(macros):
        connection.execute(statement)
    connection.execute("SET lock_configuration = true")


def _quoted(text: str, quote: str) -> str:
    return text.replace(quote, 2 * quote)
