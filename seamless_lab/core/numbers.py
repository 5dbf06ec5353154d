"""Numbers as users give them, and any value as an error shows it."""

from __future__ import annotations

from numbers import Integral, Real

from seamless_lab.errors import RequestError

_LONGEST, _LONGEST_TEXT = 60, 200


def require_number(name: str, value: object, hint: str, *, whole: bool = False) -> None:
    """Refuse what is no number, or with `whole` no whole one, and what no float can hold; True and False are none.

    Raises
    ------
    RequestError
        With the value, and a hint.
    """
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise RequestError(f"{name} is {seen(value)}; it is a {'whole ' if whole else ''}number.", hint=hint)
    try:
        float(value)
    except OverflowError as error:
        raise RequestError(f"{name} is a number of more than 300 digits; it is one below 1e300.", hint=hint) from error


def seen(value: object) -> str:
    """A value as an error shows it: in one line, long text by its beginning, a large object by its type."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST]!r}…"
    try:
        text = repr(value)
    except Exception:  # of thousands of digits Python makes no text, and an object may raise what it likes
        return "a number of thousands of digits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST and "\n" not in text else f"a {type(value).__name__}"


def as_written(value: object) -> str:
    """Text as it is, anything else as `seen` shows it."""
    return value if isinstance(value, str) else seen(value)
