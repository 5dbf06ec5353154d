"""Functions that make a value as long as an argument says: how long must be seen in the query."""

from __future__ import annotations

import re

from seamless_lab.app.sql.tree import Tree, arguments, function, literal, tree

GROWING = {
    "array_resize": 1, "bar": 3, "bitstring": 1, "equi_width_bins": 2, "format": 0, "generate_series": 0,
    "list_resize": 1, "lpad": 1, "printf": 0, "range": 0, "repeat": 1, "rpad": 1,
}  # fmt: skip
"""Them, by the place of the first argument that says how long.

The engine makes such a value in one step, which no memory limit bounds and no timeout interrupts.
"""

MOST = 100_000

_FORMATS = frozenset({"format", "printf"})  # their argument is a pattern with widths in it
_LENGTHS = frozenset({"array_length", "cardinality", "len", "length", "list_count", "strlen"})
_WIDE = re.compile(r"\d{4,}|\*|\{[^}]*\{")


def unbounded(call: Tree) -> str:
    """What is wrong with a call of a growing function; empty when its size is surely small."""
    name, given = function(call), arguments(call)
    if name in _FORMATS:
        pattern = literal(given[0]) if given else None
        if pattern is None or _WIDE.search(pattern):
            return f"The pattern of {name}() must be written as a text, with widths below 1,000."
    elif not all(_bounded(each) for each in given[GROWING[name] :]):
        return f"The size that {name}() makes must be numbers up to {MOST:,}, lengths, or least(…, number)."
    return ""


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
