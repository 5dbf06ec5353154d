"""How a command fails in a notebook: two lines, and the whole story behind them."""

from __future__ import annotations

import re

from seamless_lab.app.commands import COMMANDS
from seamless_lab.app.printable import printable
from seamless_lab.errors import SeamlessError

_COMMAND = re.compile(rf"(?<![\w%/.-])seamless(?= (?:{'|'.join(command.name for command in COMMANDS)})\b)")


class CommandFailed(Exception):
    """A `%seamless` command that failed.

    `error` is what was raised, also kept as `__cause__` for `%tb` and debuggers. Shown in two lines; with
    `%config SeamlessMagics.full_tracebacks = True` the error itself is raised instead.
    """

    def __init__(self, error: SeamlessError) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        lines = [f"error[{self.error.code}]: {self.error.message}"]
        lines += [f"hint: {in_notebook(self.error.hint)}"] if self.error.hint else []
        return [printable(line) for line in lines]


def in_notebook(text: str) -> str:
    """`text` with commands written as notebooks take them: `%seamless`."""
    return _COMMAND.sub("%seamless", text)
