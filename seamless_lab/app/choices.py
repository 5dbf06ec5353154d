"""Words from a fixed list: read in any case, refused with the nearest one."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from seamless_lab.errors import RequestError

Choice = TypeVar("Choice", bound=StrEnum)


def choose(kind: type[Choice], word: str, what: str) -> Choice:
    """The member that a word names.

    Raises
    ------
    RequestError
        With the words allowed, and the nearest.
    """
    try:
        return kind(word)
    except ValueError as error:
        allowed = [str(member) for member in kind]
        near = get_close_matches(word.casefold(), [choice.casefold() for choice in allowed], n=1, cutoff=0.5)
        found = next((choice for choice in allowed if near and choice.casefold() == near[0]), "")
        raise RequestError(
            f"{word!r} is no {what}; choose from {', '.join(allowed)}.",
            hint=f"Did you mean {found}?" if found else "",
            value=word,
        ) from error
