"""Reading the engine's syntax tree, which comes as JSON and leaves out what is empty."""

from __future__ import annotations

Tree = dict[str, object]


def tree(value: object) -> Tree:
    """A node; an empty one for what is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """A list; an empty one for what is none."""
    return value if isinstance(value, list) else []


def trees(value: object) -> list[Tree]:
    """The nodes of a list."""
    return [each for each in items(value) if isinstance(each, dict)]


def common_tables(node: Tree) -> list[Tree]:
    """The queries of a WITH, each under `value` with its name under `key`."""
    return trees(tree(node.get("cte_map")).get("map"))


def path(node: Tree) -> list[str]:
    """The parts of a qualified name."""
    return [str(part) for part in items(tree(node.get("qualified_name")).get("path"))]


def arguments(node: Tree) -> list[Tree]:
    """The arguments of a call."""
    return [tree(each.get("expression")) for each in trees(node.get("arguments"))]


def named_arguments(node: Tree) -> set[str]:
    """The names of those that a call gives by name."""
    return {folded(str(each.get("name", ""))) for each in trees(node.get("arguments"))} - {""}


def column(node: Tree) -> list[str]:
    """The parts of a reference to a column; none for anything else."""
    return [str(part) for part in items(node.get("column_names"))]


def literal(node: Tree) -> str | None:
    """The text of a literal; None for anything else."""
    found = tree(node.get("literal"))
    return str(found["text"]) if "text" in found else None


def folded(name: str) -> str:
    """A name as the engine compares it: letters of ASCII in lower case."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in name)


def function(node: Tree) -> str:
    """The name of the function of a call, as the engine compares it."""
    return folded(str(node.get("function_name", "")))


def words(kind: str) -> str:
    """A kind of node as a person says it."""
    return kind.removesuffix("_NODE").removesuffix("_QUERY").removesuffix("_REF").replace("_", " ")
