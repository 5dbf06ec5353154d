"""Numbers as users give them."""

from __future__ import annotations

from numbers import Integral, Real

from seamless_lab.errors import RequestError

_LONGEST = 60


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
    """A value as an error shows it: in one line, a large object by its type."""
    text = repr(value)
    short = isinstance(value, str) or (len(text) <= _LONGEST and "\n" not in text)
    return text if short else f"a {type(value).__name__}"
