"""What every command returns: a value that shows itself as text and HTML, and tells its facts as JSON."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Protocol, Self, TypeVar

from seamless_lab.app.placing import placed_json, placed_view, without_exchange
from seamless_lab.app.render import html, text
from seamless_lab.app.render.view import View, look_from

Json = dict[str, object]
T = TypeVar("T")


class Result(Protocol):
    """What every command returns."""

    @property
    def exit_code(self) -> int:
        """What a command ends with: 0 yes, 1 no, 2 the configuration is wrong, 3 nobody can say."""
        ...

    def to_dict(self) -> Json:
        """All facts as JSON values, the same for equal results."""
        ...

    def view(self) -> View:
        """What is shown, as a value: text and HTML are two renderings of it."""
        ...

    def at(self, place: str) -> Self:
        """The same, with the options of a place in the commands that it shows and tells."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rendered:
    """Text and HTML of anything with a `view`; both static, and equal for equal results.

    `place`: the options that name the lab it came from, where the user named one. Every command that it shows or tells
    carries them, so that it means the same lab when it is copied.
    """

    place: str = field(default="", kw_only=True, compare=False)

    def __init_subclass__(cls) -> None:
        """Place what a class shows and tells, whatever it is: none of them has to think of it."""
        for name, put in (("view", _placed), ("to_dict", placed_json)):
            method = vars(cls).get(name)
            if method is not None and not hasattr(method, "__wrapped__"):  # slots make each class a second time
                setattr(cls, name, _placing(method, put))

    def at(self, place: str) -> Self:
        """The same, with the options of a place in its commands; what has some keeps its own."""
        return replace(self, place=place) if place and not self.place else self

    @property
    def exit_code(self) -> int:
        """0, for what is no verdict; a verdict says its own."""
        return 0

    def view(self) -> View:
        """What is shown, as a value."""
        raise NotImplementedError

    def to_text(self) -> str:
        """The result as lines for a terminal, without colours."""
        return text.render(self.view(), look_from(os.environ))

    def _repr_html_(self) -> str:
        return html.render(self.view(), look_from(os.environ))

    def __repr__(self) -> str:
        return self.to_text()

    __str__ = __repr__


def _placed(view: View, place: str) -> View:
    """A view with its commands so; a static look names no exchange of this machine, whose port is another each time."""
    static = look_from(os.environ).static
    return placed_view(view, without_exchange(place) if static else place)


def _placing(method: Callable[[Rendered], T], put: Callable[[T, str], T]) -> Callable[[Rendered], T]:
    @wraps(method)
    def placed(self: Rendered) -> T:
        found = method(self)
        return put(found, self.place) if self.place else found

    return placed
