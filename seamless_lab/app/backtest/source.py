"""The source of a function: what of its code goes into a digest."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from types import CodeType

LAMBDA = "<lambda>"
_ADDRESS = re.compile(
    r" at 0x[0-9a-fA-F]+"
)  # where an object happens to lie, in the repr of one that has none of its own


def source_of(function: Callable[..., object]) -> str:
    """A function's source, or its class's for an object that can be called; empty where there is none, as at a prompt.

    Of a lambda only itself, not the statement that it stands in. Arguments bound by `functools.partial` come first.
    """
    if isinstance(function, functools.partial):
        bound = _ADDRESS.sub("", f"{function.args!r} {sorted(function.keywords.items())!r}")
        return f"{bound}\n{source_of(function.func)}"
    code = getattr(function, "__code__", None)
    try:
        if isinstance(code, CodeType) and code.co_name == LAMBDA:
            return _lambda(code) or textwrap.dedent(inspect.getsource(code))
        return textwrap.dedent(inspect.getsource(function if code is not None else type(function)))
    except (OSError, TypeError):  # typed at a prompt, or compiled
        return ""


def name_of(function: Callable[..., object]) -> str:
    """What to call it: its name, a lambda's own text, or its class."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    name = str(getattr(function, "__name__", type(function).__name__))
    return " ".join(source_of(function).split()) or "lambda" if name == LAMBDA else name


def _lambda(code: CodeType) -> str | None:
    """The lambda that was compiled to `code`, found by where its body stands."""
    lines, _ = inspect.findsource(code)
    source = "".join(lines)
    try:
        tree = ast.parse(source)
    except SyntaxError:  # not what was compiled
        return None
    places = set(code.co_positions())
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            body = node.body
            if (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in places:
                return ast.get_source_segment(source, node)
    return None
