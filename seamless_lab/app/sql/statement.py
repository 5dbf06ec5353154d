"""One query, parsed by the engine and checked by structure: a SELECT over known relations and listed functions only.

The check walks the engine's own syntax tree and refuses every node that it does not know. It opens nothing and never
asks whether a name exists elsewhere, so that what is refused is refused in the same words whether it exists or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from seamless_lab.app.sql import functions
from seamless_lab.app.sql.failures import Place
from seamless_lab.app.sql.lengths import wrong_lengths
from seamless_lab.app.sql.macros import MACROS, PER_AT, SIGNATURES
from seamless_lab.app.sql.ordering import Order, order_of
from seamless_lab.app.sql.parsing import SELECT_ONLY, parsed
from seamless_lab.app.sql.sizes import unbounded
from seamless_lab.app.sql.tree import (
    Tree,
    arguments,
    column,
    common_tables,
    folded,
    function,
    literal,
    named_arguments,
    path,
    tree,
    words,
)
from seamless_lab.core.grid import DAY, WEEK, parse_timeframe
from seamless_lab.errors import InvalidNode, InvalidSql, SqlRefused

if TYPE_CHECKING:
    import duckdb

_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
_MODIFIERS = frozenset({"ORDER_MODIFIER", "LIMIT_MODIFIER", "DISTINCT_MODIFIER"})
_DIRECTIONS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
_NODES = _QUERIES | _SOURCES | _MODIFIERS | _DIRECTIONS
_EXPRESSIONS = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """A checked query.

    `relations`: those it reads, as they were named; `resampled`: those it takes in steps, with each step in seconds;
    `macros`: those of ours that it uses; `mixing`: those among them that are given all symbols as one series;
    `volatile`: what in it depends on the clock or on chance.
    """

    relations: tuple[str, ...]
    resampled: tuple[tuple[str, int], ...]
    macros: tuple[str, ...]
    mixing: tuple[str, ...]
    volatile: tuple[str, ...]
    order: Order


def checked(connection: duckdb.DuckDBPyConnection, query: str, names: Mapping[str, bool]) -> Statement:
    """The query as a statement; nothing is bound or run.

    Parameters
    ----------
    names
        Relations that it may read, and whether each has one bar for each moment.

    Raises
    ------
    InvalidSql
        If the engine cannot parse it.
    SqlRefused
        If it is no single SELECT, or reaches for anything else than `names` and functions of values.
    """
    try:
        node = parsed(connection, query)
    except InvalidSql as error:
        odd = [name for name in names if not name.isidentifier() and name in query and f'"{name}"' not in query]
        if odd:
            error.rehint(f'Write "{odd[0]}" in double quotes.')
        raise
    check = _Check(query, {folded(name): name for name in names})
    check.walk(node)
    return Statement(
        relations=tuple(check.relations),
        resampled=tuple(check.resampled),
        macros=tuple(check.macros),
        mixing=tuple(check.mixing),
        volatile=tuple(check.volatile),
        order=order_of(node, {folded(name): alone for name, alone in names.items()}),
    )


@dataclass(slots=True)
class _Check:
    """The walk over one tree; `names` maps names as compared to names as given."""

    query: str
    names: Mapping[str, str]
    relations: dict[str, None] = field(default_factory=dict)
    resampled: dict[tuple[str, int], None] = field(default_factory=dict)
    macros: dict[str, None] = field(default_factory=dict)
    mixing: dict[str, None] = field(default_factory=dict)
    volatile: dict[str, None] = field(default_factory=dict)

    def walk(self, root: Tree) -> None:
        """Visit every node with the names of the queries that it can see; no recursion, which a deep tree exhausts."""
        todo: list[tuple[object, frozenset[str]]] = [(root, frozenset())]
        while todo:
            value, scope = todo.pop()
            if isinstance(value, list):
                todo += [(each, scope) for each in reversed(value)]
            elif isinstance(value, dict):
                todo += reversed(self._visit(value, scope))

    def _visit(self, node: Tree, scope: frozenset[str]) -> list[tuple[object, frozenset[str]]]:
        """Check one node; what is left to visit below it."""
        todo: list[tuple[object, frozenset[str]]] = []
        for entry in common_tables(node):
            todo.append((entry["value"], scope))
            scope |= {folded(str(entry["key"]))}
        below = [value for key, value in node.items() if key not in ("cte_map", "sample", "qualified_name")]
        if node.get("sample"):
            self._note_volatile("USING SAMPLE", node)
        kind = node.get("type")
        if "class" in node:
            self._expression(node)
        elif isinstance(kind, str):
            if kind not in _NODES:
                raise self._refused(f"{SELECT_ONLY} This has {words(kind)} in it.", node)
            if kind == "BASE_TABLE":
                self._table(node, scope)
            elif kind == "TABLE_FUNCTION":
                below = self._table_function(node, scope)
            elif kind == "RECURSIVE_CTE_NODE":
                itself = scope | {folded(str(node.get("cte_name", "")))}
                todo.append((node.get("right"), itself))
                below = [value for key, value in node.items() if key not in ("cte_map", "right")]
        return todo + [(value, scope) for value in below if isinstance(value, (dict, list))]

    def _expression(self, node: Tree) -> None:
        kind = node["class"]
        if kind == "PARAMETER":
            raise self._refused("A sealed query takes no parameters.", node, "Write the value.")
        if kind not in _EXPRESSIONS:
            raise self._refused(f"A sealed query has no {words(str(kind))}.", node)
        if kind in ("FUNCTION", "WINDOW"):
            self._function(node)
        elif kind == "COLUMN_REF":
            self._column(node)
        elif kind == "TYPE":
            name = folded(str(node.get("type_name", "")))
            if name not in functions.TYPES or len(path(node)) > 1:
                raise self._refused(f"A sealed query has no type {'.'.join(path(node)) or name}.", node)

    def _function(self, node: Tree) -> None:
        name = function(node)
        if name in functions.VOLATILE or (name == "age" and len(arguments(node)) < 2):
            self._note_volatile(f"{name}()", node)
        elif name not in functions.ALLOWED and name != "age":
            near = get_close_matches(name, functions.ALLOWED, n=1, cutoff=0.75)
            hint = f"Did you mean {near[0]}()?" if near else "Only functions of values are allowed; see docs/sql.md."
            if name in functions.NAMING:
                hint = "Write list_sum(x), list_max(x) and their like, or aggregate the rows of unnest(x)."
            raise self._refused(f"{name}() is no function of a sealed query.", node, hint)
        if node.get("export_state"):
            raise self._refused("A sealed query exports no state of an aggregate.", node)
        if name in MACROS:
            self.macros[name] = None
            if wrong := wrong_lengths(node, self.query):
                raise self._refused(wrong, node, f"Write {SIGNATURES[name]}.")
            named = named_arguments(node)
            if "per" not in named and len(arguments(node)) - len(named) <= PER_AT[name]:
                self.mixing[name] = None
        if wrong := unbounded(node):
            stands = name in functions.TABLE_FUNCTIONS
            raise self._refused(wrong, node, f"FROM {name}(…) has no such limit." if stands else "")

    def _column(self, node: Tree) -> None:
        if len(column(node)) != 1:
            return
        name = folded(column(node)[0])
        if name in functions.VOLATILE_NAMES:
            self._note_volatile(name, node)
        elif name in functions.SESSION_NAMES:
            raise self._refused(f"{name} is about the session, which no sealed query sees.", node)

    def _table(self, node: Tree, scope: frozenset[str]) -> None:
        parts = path(node)
        if node.get("at_clause"):
            raise self._refused("A pin is one version; a query cannot ask for another.", node, "Pin that version.")
        if len(parts) == 1 and folded(parts[0]) in scope:
            return
        self._reads(parts, node)

    def _reads(self, parts: list[str], node: Tree) -> str:
        name = self.names.get(folded(parts[0])) if len(parts) == 1 else None
        if name is None:
            known = list(self.names.values())
            near = get_close_matches(parts[-1].lower(), known, n=1, cutoff=0.6) if parts else []
            listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "") or "what is pinned, which is nothing"
            raise self._refused(
                f"The query reads {'.'.join(parts)!r}, and it sees only {listed}.",
                node,
                f"Did you mean {near[0]}?" if near else "Name a pin for it: --pin NAME=REF, or pins={'name': ref}.",
            )
        self.relations[name] = None
        return name

    def _table_function(self, node: Tree, scope: frozenset[str]) -> list[object]:
        """What is left to visit of a function that stands for a table."""
        call = tree(node.get("function"))
        if call.get("class") != "FUNCTION":
            raise self._refused(SELECT_ONLY, node)
        name = function(call)
        rest: list[object] = [value for key, value in node.items() if key != "function"]
        if name == functions.RESAMPLE:
            self.macros[name] = None
            self._resample(arguments(call), node, scope)
            return rest
        if name not in functions.TABLE_FUNCTIONS:
            near = get_close_matches(name, [*functions.TABLE_FUNCTIONS, functions.RESAMPLE], n=1, cutoff=0.75)
            raise self._refused(
                f"{name}() is no table of a sealed query.",
                node,
                f"Did you mean {near[0]}()?"
                if near
                else "Bars come from pins; range(), generate_series(), unnest() and resample() are the other tables.",
            )
        return [*rest, call.get("arguments"), call.get("filter"), call.get("order_bys")]

    def _resample(self, given: list[Tree], node: Tree, scope: frozenset[str]) -> None:
        pin, step = (given[0], literal(given[1])) if len(given) == 2 else ({}, None)
        name = column(pin)[0] if len(column(pin)) == 1 else literal(pin)
        if name is None or step is None:
            raise self._refused("resample takes a pin and a step as a text.", node, "Write resample(btc, '1h').")
        if folded(name) in scope:
            raise self._refused(
                f"resample takes a pin, and {name} is a query here.",
                node,
                "Group it: GROUP BY time_bucket(INTERVAL '1 hour', time).",
            )
        try:
            seconds = parse_timeframe(step)
        except InvalidNode as error:
            raise self._refused(f"resample: {error.message}", node, error.hint) from error
        if DAY % seconds and seconds != WEEK:
            raise self._refused(
                f"resample: {step!r} divides no day, and is no week.", node, "Write '5m', '1h', '4h', '1d' or '1w'."
            )
        self.resampled[(self._reads([name], node), seconds)] = None

    def _note_volatile(self, what: str, node: Tree) -> None:
        place = Place.of(self.query, node.get("query_location"))
        self.volatile.setdefault(f"{what} at {place}" if place.known else what)

    def _refused(self, message: str, node: Tree, hint: str = "") -> SqlRefused:
        place = Place.of(self.query, node.get("query_location"))
        return SqlRefused(
            f"{message.rstrip('.')} ({place})." if place.known else message,
            hint=hint or "See docs/sql.md for what a sealed query is.",
            **place.facts(),
        )
