"""What a configuration value may be: each kind reads one, or says what it allows."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit

from seamless_lab.app.secret import Secret, redact_url, wrap_secrets
from seamless_lab.core.grid import parse_timeframe
from seamless_lab.core.time import parse_time_ms
from seamless_lab.errors import InvalidNode, InvalidTime, RequestError

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Refused(Exception):
    """A value is not of the kind; the argument says what was wrong with it beyond what the kind allows, or is empty."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value. `read(value, is_text)` returns it typed or raises `Refused`; `allowed` is said to the user.

    `is_text`: the value comes from the environment, where everything is text, so `"8"` is a number.
    """

    allowed: str
    read: Callable[[object, bool], object]

    def optional(self) -> Kind:
        """The same kind or nothing: null, and empty text from the environment."""

        def read(value: object, is_text: bool) -> object:
            return None if value is None or (is_text and value == "") else self.read(value, is_text)

        return Kind(f"{self.allowed}, or null", read)


def boolean() -> Kind:
    """True or false; from the environment also 1, yes, on, 0, no, off."""

    def read(value: object, is_text: bool) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if is_text and word in TRUE + FALSE:
            return word in TRUE
        raise Refused

    return Kind("true or false", read)


def integer(lowest: int, highest: int | None = None) -> Kind:
    """A whole number between bounds, both included."""
    allowed = (
        f"a whole number of at least {lowest}" if highest is None else f"a whole number from {lowest} to {highest}"
    )

    def read(value: object, is_text: bool) -> int:
        if is_text and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
            value = int(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or value < lowest
            or (highest is not None and value > highest)
        ):
            raise Refused
        return value

    return Kind(allowed, read)


def number(lowest: float, highest: float = math.inf) -> Kind:
    """A finite number between bounds, both included."""
    allowed = f"a number of at least {lowest:g}" if highest == math.inf else f"a number from {lowest:g} to {highest:g}"

    def read(value: object, is_text: bool) -> float:
        if is_text and isinstance(value, str):
            try:
                value = float(value)
            except ValueError as error:
                raise Refused from error
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not (lowest <= value <= highest)
            or math.isinf(value)
        ):
            raise Refused
        return float(value)

    return Kind(allowed, read)


def choice(options: type[StrEnum]) -> Kind:
    """One of an enumeration's words, in any case."""
    words = tuple(member.value for member in options)

    def read(value: object, is_text: bool) -> StrEnum:
        try:
            return options(str(value))
        except (ValueError, RequestError) as error:
            raise Refused(nearest(str(value), words)) from error

    return Kind(f"one of {', '.join(words)}", read)


def word(*options: str) -> Kind:
    """One of some words."""

    def read(value: object, is_text: bool) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise Refused(nearest(str(value), options))

    return Kind(f"one of {', '.join(options)}", read)


def text(pattern: str = r".*\S.*", allowed: str = "text") -> Kind:
    """Text that matches a pattern."""

    def read(value: object, is_text: bool) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise Refused

    return Kind(allowed, read)


def words(options: tuple[str, ...] = (), allowed: str = "a list of words") -> Kind:
    """A list of text, without repetitions; from the environment separated by commas."""
    told = f"a list of {', '.join(options)}" if options else allowed

    def read(value: object, is_text: bool) -> tuple[str, ...]:
        items = (
            [item.strip() for item in value.split(",") if item.strip()] if is_text and isinstance(value, str) else value
        )
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
            raise Refused
        for item in items:
            if options and item not in options:
                raise Refused(f"{item!r} is none of them" + nearest(item, options, " "))
        if len(set(items)) != len(items):
            raise Refused("one of them is written twice")
        return tuple(items)

    return Kind(told, read)


def integers(lowest: int) -> Kind:
    """A list of whole numbers."""
    one = integer(lowest)

    def read(value: object, is_text: bool) -> tuple[object, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise Refused
        return tuple(one.read(item, is_text) for item in value)

    return Kind(f"a list of whole numbers of at least {lowest}", read)


def url(*schemes: str, path: bool = False) -> Kind:
    """A URL with one of some schemes, its credentials kept secret; with `path`, also a folder's path."""
    allowed = f"a URL that starts with {', '.join(f'{scheme}://' for scheme in schemes)}" + (
        ", or a folder's path" if path else ""
    )

    def read(value: object, is_text: bool) -> object:
        if not isinstance(value, str) or not value.strip():
            raise Refused
        if not path and re.search(r"\s", value.strip()):
            raise Refused("it has a space in it")
        found = value.strip()
        if path and "://" not in found:
            return found
        try:
            parts = urlsplit(found)
            _ = parts.port
        except ValueError as error:
            raise Refused("it cannot be read as a URL") from error
        if parts.scheme not in schemes:
            raise Refused(nearest(parts.scheme, schemes))
        if not parts.netloc and parts.scheme not in ("file", "memory"):
            raise Refused("it names no host")
        return Secret(found) if redact_url(found) != found else found

    return Kind(allowed, read)


def instant() -> Kind:
    """A moment, kept in epoch milliseconds."""

    def read(value: object, is_text: bool) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | dt.date | dt.datetime) or value == "now":
            raise Refused
        try:
            return parse_time_ms(value, now_ms=0)
        except InvalidTime as error:
            raise Refused from error

    return Kind("a fixed moment, such as 2025-03-01T00:00Z", read)


def anchors() -> Kind:
    """A mapping of timeframe to the open time of any one bar, in epoch seconds."""

    def read(value: object, is_text: bool) -> Mapping[str, int]:
        if not isinstance(value, Mapping):
            raise Refused
        for timeframe, anchor in value.items():
            try:
                parse_timeframe(str(timeframe))
            except InvalidNode as error:
                raise Refused(error.message) from error
            if isinstance(anchor, bool) or not isinstance(anchor, int) or anchor < 0:
                raise Refused(f"the anchor of {timeframe} is {anchor!r}, no epoch in seconds")
        return MappingProxyType({str(timeframe): anchor for timeframe, anchor in value.items()})

    return Kind("a mapping of timeframe to the epoch seconds of one bar's open, such as {3d: 0}", read)


def options() -> Kind:
    """A free mapping that another library will read; credentials in it are wrapped."""

    def read(value: object, is_text: bool) -> object:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise Refused
        return wrap_secrets(value)

    return Kind("a mapping of option names to values", read)


def nearest(value: str, allowed: tuple[str, ...] | list[str], lead: str = "") -> str:
    """`did you mean X?` or nothing."""
    found = get_close_matches(value.lower(), [item.lower() for item in allowed], n=1, cutoff=0.6)
    original = next((item for item in allowed if found and item.lower() == found[0]), None)
    return "" if original is None else f"{lead}did you mean {original}?"
