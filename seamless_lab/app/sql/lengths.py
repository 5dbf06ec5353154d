"""How many bars a macro takes: whole numbers that are seen in the query.

The engine takes fractions, columns and a fast mean that is slower than the slow one, and gives NULL, or numbers that
were decided by half a window.
"""

from __future__ import annotations

from seamless_lab.app.sql.tree import Tree, arguments, folded, function, path, tree, trees

MOST_BARS = 1_000_000_000
_PLACES = {"sma": {"n": 1}, "crossover": {"fast": 1, "slow": 2}}
_MOST_SHOWN = 40
_OPERATIONS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def wrong_lengths(call: Tree, query: str) -> str:
    """What is wrong with the numbers of bars that a call of a macro takes; empty when nothing is, or one is missing.

    One that is missing is left to the engine, which then says how the macro is called.
    """
    name = function(call)
    found: dict[str, int] = {}
    for argument, node in _lengths(call, name).items():
        length = _whole(node)
        if length is None or not 1 <= length <= MOST_BARS:
            return (
                f"{name}: {argument} is {_written(node, query)}; it is a whole number from 1 to {MOST_BARS:,}, "
                "written in the query"
            )
        found[argument] = length
    if {"fast", "slow"} <= set(found) and found["fast"] >= found["slow"]:
        return f"{name}: fast is {found['fast']} and slow is {found['slow']}; fast is the smaller one"
    return ""


def _lengths(call: Tree, name: str) -> dict[str, Tree]:
    """The arguments of a call that are numbers of bars, given by place or by name."""
    before = path(call)[:-1]
    hidden = 1 if before and folded(before[-1]) != "main" else 0  # close.sma(20, ts) is sma(close, 20, ts)
    found: dict[str, Tree] = {}
    for place, (given, node) in enumerate(zip(trees(call.get("arguments")), arguments(call), strict=True)):
        named = folded(str(given.get("name", "")))
        for argument, at in _PLACES.get(name, {}).items():
            if named == argument or (not named and at == place + hidden):
                found[argument] = node
    return found


def _whole(node: Tree) -> int | None:
    """The value of a whole number, or of sums and products of some; None for anything else."""
    constant = tree(node.get("literal"))
    if constant.get("kind") == "INTEGER":
        text = str(constant.get("text"))
        return int(text) if len(text) <= 2 * len(str(MOST_BARS)) else None
    if function(node) not in _OPERATIONS or len(arguments(node)) != 2:
        return None
    left, right = map(_whole, arguments(node))
    return None if left is None or right is None else _OPERATIONS[function(node)](left, right)


def _written(root: Tree, query: str) -> str:
    """An expression as it stands in the query: from the first to the last of its parts that say where they are."""
    spans: list[tuple[int, int]] = []
    todo: list[object] = [root]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
            start, length = value.get("query_location"), value.get("query_location_length", 0)
            if isinstance(start, int) and isinstance(length, int):
                spans.append((start, start + length))
        elif isinstance(value, list):
            todo += value
    if not spans:
        return "an expression"
    start, end = min(first for first, _ in spans), max(last for _, last in spans)
    text = " ".join(query.encode()[start:end].decode(errors="ignore").split())
    return f"{text[:_MOST_SHOWN]}…" if len(text) > _MOST_SHOWN else text
