"""Commands that are shown name the place the user named: copied, they mean the same lab."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.commands import COMMANDS

if TYPE_CHECKING:
    from seamless_lab.app.render.view import View

_ELSEWHERE = ("sandbox", "demo")
"""Commands that open no lab of the user's, or choose its home themselves."""

_NAMES = "|".join(command.name for command in COMMANDS if command.name not in _ELSEWHERE)
_COMMAND = re.compile(rf"\bseamless (?:{_NAMES})\b")

_DATA = frozenset({"query", "columns", "data"})
"""Keys under which a user's own text stands, which may look like a command."""


def placed(text: str, place: str) -> str:
    """A text whose commands carry the options of a place: behind a command that is all of it, else behind its name.

    A command that is all of it and names a home of its own carries the others. No option is there twice.
    """
    if not place or "--exchange-url" in text:
        return text
    if _COMMAND.match(text):
        return text + _lacking(text, place)
    if "--home" in text or place in text:
        return text
    return _COMMAND.sub(lambda found: f"{found.group()} {place}", text)


def _lacking(text: str, place: str) -> str:
    """The options of a place that a command does not have."""
    return "".join(f" {name} {shlex.quote(value)}" for name, value in _options(place) if name not in text)


def without_exchange(place: str) -> str:
    """The options of a place without the exchange's."""
    return " ".join(f"{name} {shlex.quote(value)}" for name, value in _options(place) if name != "--exchange-url")


def _options(place: str) -> Iterator[tuple[str, str]]:
    words = shlex.split(place)
    return zip(words[::2], words[1::2], strict=True)


def placed_view(view: View, place: str) -> View:
    """A view with its commands so."""
    from seamless_lab.app.render.view import Code, Note  # imports numpy, and help does without

    blocks = tuple(
        replace(block, lines=tuple(placed(line, place) for line in block.lines))
        if isinstance(block, Code)
        else replace(block, text=placed(block.text, place))
        if isinstance(block, Note)
        else block
        for block in view.blocks
    )
    return replace(view, blocks=blocks)


def placed_json(found: Mapping[str, object], place: str) -> dict[str, object]:
    """JSON values with the commands among them so; only strings that are a command as a whole are touched.

    A query and what it found stay as they are.
    """
    return {key: value if key in _DATA else _placed_value(value, place) for key, value in found.items()}


def _placed_value(value: object, place: str) -> object:
    if isinstance(value, str):
        return placed(value, place) if _COMMAND.match(value) else value
    if isinstance(value, Mapping):
        return {key: _placed_value(inner, place) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_placed_value(inner, place) for inner in value]
    return value
