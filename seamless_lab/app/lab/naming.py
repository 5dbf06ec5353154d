"""What a lab's verbs return and raise names the lab: its commands, copied, mean the same one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING

from seamless_lab.app.placing import placed
from seamless_lab.app.results import Rendered
from seamless_lab.errors import SeamlessError

if TYPE_CHECKING:
    from seamless_lab.app.lab.opened import Opened


def naming(verb: Callable[..., object]) -> Callable[..., object]:
    """A verb whose result, or error, carries the place of its lab; those that follow give frames and stay."""
    if isgeneratorfunction(verb) or isasyncgenfunction(verb):
        return verb

    if iscoroutinefunction(verb):

        @wraps(verb)
        async def awaited(self: Opened, *values: object, **options: object) -> object:
            try:
                return _named(await verb(self, *values, **options), self)
            except SeamlessError as error:
                _rehint(error, self)
                raise

        return awaited

    @wraps(verb)
    def called(self: Opened, *values: object, **options: object) -> object:
        try:
            return _named(verb(self, *values, **options), self)
        except SeamlessError as error:
            _rehint(error, self)
            raise

    return called


def _named(found: object, lab: Opened) -> object:
    return found.at(lab.place) if isinstance(found, Rendered) else found


def _rehint(error: SeamlessError, lab: Opened) -> None:
    hint = placed(error.hint, lab.place)
    if hint != error.hint:  # a new hint takes other notes away
        error.rehint(hint)
