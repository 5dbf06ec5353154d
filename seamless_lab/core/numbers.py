"""Numbers as users give them."""

from __future__ import annotations

from numbers import Integral, Real

from seamless_lab.errors import RequestError

_LONGEST = 60


def require_number(name: str, value: object, hint: str, *, whole: bool = False) -> None:
    """Refuse what is no number, or with `whole` no whole one; True and False are none.

    Raises
    ------
    RequestError
        With the value, and a hint.
    """
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise RequestError(f"{name} is {seen(value)}; it is a {'whole ' if whole else ''}number.", hint=hint)


def seen(value: object) -> str:
    """A value as an error shows it: in one line, a large object by its type."""
    text = repr(value)
    short = isinstance(value, str) or (len(text) <= _LONGEST and "\n" not in text)
    return text if short else f"a {type(value).__name__}"
