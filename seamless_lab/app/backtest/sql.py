"""A strategy as SQL text: one sealed SELECT over the bars of one symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.backtest.positions import aligned
from seamless_lab.app.sql.connection import Limits, closed_off, furnish_one
from seamless_lab.app.sql.running import Running
from seamless_lab.app.sql.statement import Statement, checked
from seamless_lab.errors import RequestError, SqlRefused

if TYPE_CHECKING:
    import duckdb

BARS = "bars"


@dataclass(frozen=True, slots=True)
class FromSql:
    """A query over the relation `bars`, which names the symbol in a column; as sealed as any, its rows in any order."""

    query: str

    @property
    def label(self) -> str:
        """The query's first line."""
        first, *more = [line.strip() for line in self.query.strip().splitlines()] or [""]
        return f"SQL {first[:56]}…" if more or len(first) > 56 else f"SQL {first}"

    @property
    def text(self) -> str:
        """The query."""
        return self.query

    @property
    def recipe(self) -> dict[str, object]:
        """The query."""
        return {"kind": "sql", "query": self.query}

    @property
    def proved_causal(self) -> bool:
        """No."""
        return False

    def positions(self, name: str, bars: pl.DataFrame) -> pl.Series:
        """Run it on a connection of its own."""
        limits = Limits()
        connection = closed_off(limits)
        running: Running | None = None
        try:
            statement = self._checked(connection)
            furnish_one(connection, BARS, name, bars, statement.macros)
            running = Running(connection, self.query, self.query, limits)
            found = running.result()
        finally:
            if running is None or running.idle:
                connection.close()
        if "ts" not in found.columns:
            raise RequestError(
                f"The query gave the columns {', '.join(found.columns)}; a row is a bar by its ts, whatever the order.",
                hint="Write SELECT ts, … AS position FROM bars.",
            )
        return aligned(name, bars, found)

    def _checked(self, connection: duckdb.DuckDBPyConnection) -> Statement:
        try:
            statement = checked(connection, self.query, {BARS: True})
        except SqlRefused as error:
            if "it sees only" in error.message:
                error.rehint("A strategy reads FROM bars: it is asked once for each symbol, with that symbol's bars.")
            raise
        if statement.volatile:
            raise SqlRefused(
                f"The positions would change by themselves: {', '.join(statement.volatile[:3])}.",
                hint="Write the moment or the value, such as TIMESTAMPTZ '2024-03-01'.",
            )
        return statement
