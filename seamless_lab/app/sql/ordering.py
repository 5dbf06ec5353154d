"""Whether the rows of a result could stand in another order and still answer the query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from seamless_lab.app.sql.tree import Tree, column, common_tables, folded, literal, tree, trees

_RENAMING = frozenset({"replace_list", "rename_list", "expr", "columns"})  # of a star
Key = int | str | None
"""A column of the result, by place or by name; None for one that is not in it."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in the text of a query, by the bytes it takes."""

    start: int
    length: int
    value: int


@dataclass(frozen=True, slots=True)
class Order:
    """How the outermost query orders its rows.

    `keys`: of its ORDER BY, empty without one; `everything`: ORDER BY ALL; `unique`: the keys can have no ties, by what
    the query reads; `limit`, `offset`: written as numbers; `cut`: the rows are cut in another way;
    `unseen`: why the rows do not show what else could stand there.
    """

    keys: tuple[Key, ...] = ()
    everything: bool = False
    unique: bool = False
    limit: Number | None = None
    offset: Number | None = None
    cut: bool = False
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Peek:
    """A query with its limit widened by the rows before and after, which show whether the cut goes through a tie."""

    text: str
    before: int
    rows: int | None


def peeking(query: str, order: Order) -> Peek:
    """The query to run in place of one that is cut by a number of rows; else the query itself."""
    if order.limit is None or order.cut or order.unique or order.everything or not order.keys:
        return Peek(query, 0, None)
    before = 1 if order.offset is not None and order.offset.value > 0 else 0
    changes = [(order.limit, order.limit.value + 1 + before)]
    if order.offset is not None and before:
        changes.append((order.offset, order.offset.value - 1))
    data = query.encode()
    for number, value in sorted(changes, key=lambda change: -change[0].start):
        data = data[: number.start] + str(value).encode() + data[number.start + number.length :]
    return Peek(data.decode(), before, order.limit.value)


def settled(frame: pl.DataFrame, order: Order, peek: Peek) -> tuple[pl.DataFrame, str]:
    """The rows that were asked for, and why another order or other rows could stand there; empty when they could not.

    Rows that are equal in all columns may change places unseen.
    """
    rows = frame if peek.rows is None else frame.slice(peek.before, peek.rows)
    if order.unique:
        return rows, ""
    if order.unseen:
        return rows, order.unseen
    if order.everything:
        return rows, ""
    if not order.keys:
        limited = order.limit is not None or order.cut
        return rows, "" if frame.height <= 1 and not limited else "it has no ORDER BY"
    names = [_named(key, frame.columns) for key in order.keys]
    keys = [name for name in names if name is not None]
    if len(keys) < len(names):
        return rows, "it is ordered by something that is not among its columns, so ties cannot be seen"
    if order.cut:
        return rows, "LIMIT is no plain number, so whether it cuts through a tie cannot be seen"
    if _tied(frame, keys):
        return rows, f"rows are equal in {', '.join(keys)}, by which it is ordered"
    return rows, ""


def _tied(frame: pl.DataFrame, keys: list[str]) -> bool:
    """Whether neighbours are equal in the keys, but not in all columns; rows with equal keys are neighbours."""
    if frame.height < 2:
        return False
    after, before = frame.slice(1), frame.slice(0, frame.height - 1)

    def equal(names: list[str]) -> pl.Series:
        found = pl.Series([True]).new_from_index(0, after.height)
        for name in names:
            found &= after[name].eq_missing(before[name])
        return found

    same = equal(keys)
    return bool(same.any()) and not bool(equal(frame.columns).filter(same).all())


def order_of(node: Tree, names: Mapping[str, bool]) -> Order:
    """The order of a checked query.

    Parameters
    ----------
    names
        Relations of bars, as the engine compares names, and whether each has one bar for each moment; a universe has
        one for each symbol too.
    """
    keys: tuple[Key, ...] = ()
    everything, cut = False, False
    limit: Number | None = None
    offset: Number | None = None
    orders: list[Tree] = []
    for modifier in trees(node.get("modifiers")):
        if modifier.get("type") == "ORDER_MODIFIER":
            orders = trees(modifier.get("orders"))
            expressions = [tree(each.get("expression")) for each in orders]
            everything = any(each.get("class") == "STAR" for each in expressions)
            keys = tuple(_key(each, node) for each in expressions)
        elif modifier.get("type") == "LIMIT_MODIFIER":
            limit, offset = _number(modifier.get("limit")), _number(modifier.get("offset"))
            cut = (
                (limit is None and "limit" in modifier)
                or (offset is None and "offset" in modifier)
                or (limit is None and offset is not None)
                or "limit_type" in modifier
            )
    return Order(keys, everything, _unique(node, orders, names), limit, offset, cut, _unseen(node))


def _unseen(node: Tree) -> str:
    """Why rows that differ may be equal to the engine, or rows be left out that were equal to those that stayed."""
    if any("distinct_on_targets" in modifier for modifier in trees(node.get("modifiers"))):
        return "DISTINCT ON takes one of several rows, and its ORDER BY does not surely say which"
    if '"class": "COLLATE"' in json.dumps(node):
        return "COLLATE makes texts equal that are not, so ties cannot be seen"
    return ""


def _key(expression: Tree, node: Tree) -> Key:
    """Where the result has what a key of ORDER BY says."""
    listed = trees(node.get("select_list"))
    if (number := _number(expression)) is not None:
        return number.value - 1
    parts = column(expression)
    name = folded(parts[-1]) if parts else ""
    starred = any(each.get("class") == "STAR" for each in listed)
    for place, each in enumerate(listed):
        if each.get("class") == "STAR":
            continue
        called = folded(str(each.get("alias") or (column(each) or [""])[-1]))
        if _bare(each) == _bare(expression) or (name and called == name and len(parts) == 1):
            return (called or None) if starred else place  # a star is as many columns as there are
    return name if name and (starred or not listed) else None


def _unique(node: Tree, orders: list[Tree], names: Mapping[str, bool]) -> bool:
    """Whether the query takes rows of one relation as they are, and orders them by their time, and by their symbol."""
    source, listed = tree(node.get("from_table")), trees(node.get("select_list"))
    name = folded(str(source.get("table_name", "")))
    plain = (
        node.get("type") == "SELECT_NODE"
        and source.get("type") == "BASE_TABLE"
        and "column_name_alias" not in source
        and name in names
        and not common_tables(node)
        and not {"group_expressions", "having"} & set(node)
        and not any(_RENAMING & set(each) for each in listed)
        and "unnest" not in json.dumps(listed)
    )
    keys = [column(tree(each.get("expression"))) for each in orders]
    aliases = {folded(str(each.get("alias", ""))) for each in listed}
    by = {folded(key[-1]) for key in keys if key} - aliases
    return plain and bool(by & {"ts", "time"}) and (names[name] or "symbol" in by)


def _named(key: Key, columns: list[str]) -> str | None:
    if isinstance(key, int):
        return columns[key] if 0 <= key < len(columns) else None
    if key is None:
        return None
    return next((column for column in columns if column.lower() == key.lower()), None)


def _number(found: object) -> Number | None:
    node = tree(found)
    start, length = node.get("query_location"), node.get("query_location_length")
    text = literal(node) or ""
    if tree(node.get("literal")).get("kind") != "INTEGER" or not text.isdigit():
        return None
    if not isinstance(start, int) or not isinstance(length, int) or length != len(text):
        return None
    return Number(start, length, int(text))


def _bare(value: object) -> object:
    """An expression without where it stands and what it is called."""
    if isinstance(value, dict):
        return {
            key: _bare(each)
            for key, each in value.items()
            if key not in ("query_location", "query_location_length", "alias")
        }
    return [_bare(each) for each in value] if isinstance(value, list) else value
