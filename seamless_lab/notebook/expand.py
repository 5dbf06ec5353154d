"""Python values in a command line: `$name` and `{{expression}}`."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from seamless_lab.errors import RequestError

_PLACE = re.compile(r"\{\{(?P<expression>.+?)\}\}|\$(?P<dollar>\$)|\$(?P<name>[A-Za-z_]\w*)")
_MARK = re.compile("\ufdd0(\\d+)\ufdd1")  # two noncharacters of Unicode, which no text contains


class NotExpanded(RequestError):
    """A `$name` or `{{expression}}` that has no value here."""

    code = "E-NAME"


@runtime_checkable
class Referable(Protocol):
    """A value that has a reference, such as a fetch result or a manifest."""

    @property
    def ref(self) -> str:
        """`NODE@SELECTOR`."""
        ...


def words(line: str, names: Mapping[str, object]) -> list[str]:
    """A line split as a shell does, with values put in.

    A list or tuple gives a word for each of its items, also inside a longer word; times are written in ISO-8601, a
    result as its reference. Values are never split or read again, whatever characters they contain. `$$` is a `$`.

    Raises
    ------
    NotExpanded
        For an unknown name, or an expression that fails.
    RequestError
        For quotes that are not closed.
    """
    values: list[list[str]] = []

    def keep(found: re.Match[str]) -> str:
        values.append(["$"] if found["dollar"] else _texts(_value(found, names), found[0]))
        return f"\ufdd0{len(values) - 1}\ufdd1"

    marked = _PLACE.sub(keep, line)
    try:
        split = shlex.split(marked)
    except ValueError as error:
        raise RequestError(f"The line cannot be split into words: {error}.", hint="Close the quotes.") from error
    return [word for marked_word in split for word in _filled(marked_word, values)]


def _filled(word: str, values: list[list[str]]) -> list[str]:
    found = _MARK.search(word)
    if found is None:
        return [word]
    head, tail = word[: found.start()], _filled(word[found.end() :], values)
    return [f"{head}{text}{rest}" for text in values[int(found[1])] for rest in tail]


def _value(found: re.Match[str], names: Mapping[str, object]) -> object:
    if (name := found["name"]) is not None:
        if name not in names:
            near = difflib.get_close_matches(name, [known for known in names if not known.startswith("_")], n=2)
            hint = (
                f"Did you mean ${' or $'.join(near)}?"
                if near
                else "Assign it in a cell first; $$ writes a dollar sign."
            )
            raise NotExpanded(f"There is no variable {name!r} for ${name}.", hint=hint, name=name)
        return names[name]
    expression = found["expression"].strip()
    try:
        return eval(expression, dict(names))
    except Exception as error:  # whatever the user's own expression raises is reported as about that expression
        raise NotExpanded(
            f"{{{{{expression}}}}} failed: {type(error).__name__}: {error}.",
            hint="Check the expression.",
            expression=expression,
        ) from error


def _texts(value: object, written: str) -> list[str]:
    if isinstance(value, list | tuple):
        return [_text(item, written) for item in value]
    return [_text(value, written)]


def _text(value: object, written: str) -> str:
    match value:
        case dt.date():
            return value.isoformat()
        case str() | int() | float():
            return str(value)
        case Referable():
            if value.ref:
                return value.ref
            raise NotExpanded(f"{written} is not sealed, so it has no reference.", hint="Write its node instead.")
        case None | Iterable():
            raise NotExpanded(
                f"{written} is a {type(value).__name__}, which no command takes.", hint="Write a text, number or time."
            )
    return str(value)
