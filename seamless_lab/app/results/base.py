"""What every command returns: a value that shows itself as text and HTML, and tells its facts as JSON."""

from __future__ import annotations

import os
from typing import Protocol

from seamless_lab.app.render import html, text
from seamless_lab.app.render.view import View, look_from

Json = dict[str, object]


class Result(Protocol):
    """What every command returns."""

    @property
    def exit_code(self) -> int:
        """0 when the data and the policy say yes, else 1."""
        ...

    def to_dict(self) -> Json:
        """All facts as JSON values, the same for equal results."""
        ...

    def view(self) -> View:
        """What is shown, as a value: text and HTML are two renderings of it."""
        ...


class Rendered:
    """Text and HTML of anything with a `view`; both static, and equal for equal results."""

    __slots__ = ()

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
