"""A text as the syntax tree of one SELECT, by the engine's own parser; nothing is bound or run."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING

from seamless_lab.app.sql.aside import aside
from seamless_lab.app.sql.failures import failure, too_deep
from seamless_lab.app.sql.tree import Tree, tree
from seamless_lab.errors import InvalidSql, SqlRefused

if TYPE_CHECKING:
    import duckdb

MOST_CHARACTERS = 100_000
MOST_NESTED = 500
"""Brackets open at once; the engine's parser takes seconds for a few thousand that nobody closes."""

SELECT_ONLY = "A sealed query is one SELECT, and nothing else."
_SERIALIZED = "SELECT json_serialize_sql(?, skip_null := true, skip_empty := true, skip_default := true)"


def parsed(connection: duckdb.DuckDBPyConnection, query: str) -> Tree:
    """The tree of the query.

    Raises
    ------
    InvalidSql
        If the engine cannot parse it.
    SqlRefused
        If it is not one statement, or no SELECT.
    Interrupted
        When the user stopped it.
    """
    import duckdb

    _require_text(query)
    try:
        found = json.loads(_serialized(connection, query))
    except RecursionError as error:
        raise too_deep() from error
    except duckdb.Error as error:
        raise failure(error, query) from error
    if found.get("error"):
        raise SqlRefused(f"{SELECT_ONLY} {found.get('error_message', '')}".strip(), hint="Write a SELECT.")
    (statement,) = found["statements"]
    return tree(statement["node"])


@aside
def _serialized(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    statements = connection.extract_statements(query)
    if not statements:
        raise SqlRefused("The text has no statement, only comments.", hint="Write one SELECT.")
    if len(statements) > 1:
        raise SqlRefused(
            f"A sealed query is one statement; this text has {len(statements)}.", hint="Run them one by one."
        )
    kind = _kind(statements[0])
    if kind == "MULTI":
        raise SqlRefused(
            "PIVOT without a list of its columns runs several statements.",
            hint="List them: PIVOT … ON symbol IN ('BTC/USDT', 'ETH/USDT') USING …",
        )
    if kind != "SELECT":
        raise SqlRefused(f"{SELECT_ONLY} This is {kind.replace('_', ' ')}.", hint="Write a SELECT.")
    return str(connection.execute(_SERIALIZED, [query]).fetchall()[0][0])


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # the engine has kinds that Python's list of them lacks: UPDATE EXTENSIONS in 2.0.0
        return "another statement"


def _require_text(query: str) -> None:
    if not isinstance(query, str):
        raise InvalidSql(f"A query is a text, not {type(query).__name__}.", hint="Write one SELECT.")
    if not query.strip():
        raise InvalidSql("There is no query.", hint="Write one SELECT, such as SELECT * FROM btc.")
    if len(query) > MOST_CHARACTERS:
        raise InvalidSql(
            f"A query has up to {MOST_CHARACTERS:,} characters; this one has {len(query):,}.", hint="Shorten it."
        )
    if any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in query):
        raise InvalidSql("The query has a character that no text has.", hint="Write it again, by hand.")
    if max(accumulate(1 if sign in "([{" else -1 if sign in ")]}" else 0 for sign in query)) > MOST_NESTED:
        raise too_deep()
