"""Functions that make a value much longer than their arguments: how long must be seen in the query."""

from __future__ import annotations

import re

from seamless_lab.app.sql.tree import Tree, arguments, column, folded, function, literal, path, tree

GROWING = {
    "array_resize": 1, "bar": 3, "bitstring": 1, "equi_width_bins": 2, "format": 0, "generate_series": 0,
    "list_resize": 1, "lpad": 1, "printf": 0, "range": 0, "repeat": 1, "rpad": 1,
}  # fmt: skip
"""Them, by the place of the first argument that says how long.

The engine makes such a value in one step, which no memory limit bounds and no timeout interrupts.
"""

REPLACING = {"regexp_replace": 2, "replace": 2}
"""Functions that put a text in many places of another, by the place of that text."""

REDUCING = frozenset({"array_reduce", "list_reduce", "reduce"})
"""Functions that give a lambda its own answer again, once for every element."""

MOST = 100_000
MOST_REPLACED = 100

_ARITHMETIC = frozenset(
    {
        "!=", "%", "*", "**", "+", "-", "/", "//", "<", "<=", "<>", "=", ">", ">=", "^", "^@", "abs", "add", "ceil",
        "divide", "exp", "floor", "fmod", "greatest", "if", "least", "ln", "log", "mod", "multiply", "nullif", "pow",
        "power", "round", "sign", "sqrt", "subtract", "trunc",
    }
)  # fmt: skip
_FORMATS = frozenset({"format", "printf"})  # their argument is a pattern with widths in it
_LENGTHS = frozenset({"array_length", "cardinality", "len", "length", "list_count", "strlen"})
_WIDE = re.compile(r"\d{4,}|\*|\{[^}]*\{")


def unbounded(call: Tree) -> str:
    """What is wrong with a call that can make a large value; empty when its size is surely small."""
    name = function(call)
    hidden: list[Tree] = [{}] if len(path(call)) > 1 else []  # x.repeat(3) is repeat(x, 3)
    given = hidden + arguments(call)
    if name in REDUCING:
        return _doubling(name, given)
    if name in REPLACING:
        put = literal(given[REPLACING[name]]) if len(given) > REPLACING[name] else ""
        if put is None or len(put) > MOST_REPLACED:
            return f"What {name}() puts in must be written as a text of up to {MOST_REPLACED} characters."
    elif name in _FORMATS:
        pattern = literal(given[0]) if given else None
        if pattern is None or _WIDE.search(pattern):
            return f"The pattern of {name}() must be written as a text, with widths below 1,000."
    elif name in GROWING and not all(_bounded(each) for each in given[GROWING[name] :]):
        return f"The size that {name}() makes must be numbers up to {MOST:,}, lengths, or least(…, number)."
    return ""


def _doubling(name: str, given: list[Tree]) -> str:
    """What is wrong with a lambda that doubles what it was given: forty elements are enough for a terabyte."""
    for each in given:
        left = tree(each.get("lhs"))
        names = [column(one) for one in arguments(left)] or [column(left)]
        if each.get("class") != "LAMBDA" or not names[0]:
            continue
        used, calls = _used(each.get("expr"))
        if used.count(folded(names[0][-1])) > 1 and (calls == {"+"} or not calls <= _ARITHMETIC):  # + joins lists
            return f"The lambda of {name}() takes {names[0][-1]} twice, which only arithmetic with more than + may."
    return ""


def _used(root: object) -> tuple[list[str], set[str]]:
    """The columns of an expression by their first names, each as often as it is there, and the functions it calls."""
    used: list[str] = []
    calls: set[str] = set()
    todo = [root]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
            used += [folded(name) for name in column(value)[:1]]
            if value.get("class") == "FUNCTION":
                calls.add(function(value))
                used += [folded(name) for name in path(value)[:-1]]
    return used, calls


def _bounded(node: Tree) -> bool:
    """Whether the value of an expression is surely not large: made of small numbers and of lengths."""
    text = literal(node)
    if text is not None:
        try:
            return abs(float(text)) <= MOST
        except ValueError:
            return len(text) <= MOST
    if node.get("class") == "CAST":
        return _bounded(tree(node.get("child")))
    name, given = function(node), arguments(node)
    if name == "least":
        return any(_bounded(each) for each in given)
    if name in ("+", "-"):
        return all(_bounded(each) for each in given)
    return name in _LENGTHS
