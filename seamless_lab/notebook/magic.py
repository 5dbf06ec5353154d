"""`%seamless` and `%%seamless`."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.display import display
from traitlets import Bool

from seamless_lab import __version__
from seamless_lab.app.command import Place
from seamless_lab.app.grammar import CommandLineError, Invocation, Shown, parse
from seamless_lab.app.notebooks.journal import REPLAY, Kernel
from seamless_lab.app.placing import placed
from seamless_lab.errors import SeamlessError
from seamless_lab.notebook.cells import this_notebook
from seamless_lab.notebook.expand import words
from seamless_lab.notebook.failure import CommandFailed
from seamless_lab.notebook.session import Session

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.render.view import Block, View
    from seamless_lab.engine.events import Emit
    from seamless_lab.sandbox import SandboxExchange

PROGRAM = "%seamless"
_BINDING = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*<<(?P<rest>.*)", re.DOTALL)
_QUERYING = re.compile(r"\s*([A-Za-z_]\w*\s*<<)?\s*sql\b")
_ASSIGNED = re.compile(r"^[^#\n]*=\s*%seamless\b.*;\s*$", re.MULTILINE)
_CHANGING = ("fetch", "backfill", "publish", "pin", "unpin")

HOW = """

In a notebook
  x = %seamless fetch …        the result as a value; x.frame has the bars
  %seamless x << fetch …       the same, showing nothing
  %%seamless                   a command on each line, each result shown; # starts a comment line
  %%seamless sql …             the rest of the cell is the query, taken as it is
  $name, {{expression}}        Python values; lists give several words, $$ is a dollar sign
  --json                       the facts as a dict
  … ;                          shows nothing
  %seamless fetch?             the help of a command
"""


class NotebookCall:
    """The `Call` of a notebook."""

    def __init__(self, place: Place, session: Session, kernel: Kernel, on_event: Emit | None) -> None:
        self.place = place
        self.on_event = on_event
        self._session = session
        self._kernel = kernel

    def where(self) -> Place:
        """Where the kernel's lab is, after `%seamless sandbox` too."""
        return self._session.resolved(self.place)

    def lab(self) -> Lab:
        """The kernel's lab."""
        return self._session.lab(self.place)

    def watch(self, lab: Lab) -> None:
        """Show the progress of a lab that the command opened itself."""
        if self.on_event is not None:
            lab.add_sink(self.on_event)

    def tell(self, view: View | str) -> None:
        """Print something in the cell."""
        from seamless_lab.app.render import text

        print(view if isinstance(view, str) else text.render(view))  # noqa: T201  # the output of a cell

    def kernel(self) -> Kernel:
        """The kernel's cells, and the notebook's file."""
        return self._kernel

    def keep(self, exchange: SandboxExchange) -> Block:
        """Move the kernel's lab to the exchange."""
        from seamless_lab.app.render.view import Note

        temporary = self._session.use(exchange, self.place.home)
        home = "a temporary home, gone with the kernel" if temporary else f"the home {self.place.home}"
        return Note(f"From here on this kernel's lab asks this exchange and keeps its bars in {home}.")


@magics_class
class SeamlessMagics(Magics):
    """The `%seamless` commands."""

    full_tracebacks = Bool(False, help="Raise errors as they are, with their traceback.").tag(config=True)

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._shell = shell
        self._names = shell.user_ns
        self._session = session

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def seamless(self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None) -> object:
        """Replaced by `documented`, because `%seamless?` shows it."""
        query = cell if cell is not None and _QUERYING.match(line) else None
        lines = [line] if cell is None else _lines(f"{line}\n{cell}")
        if query is not None:
            line, query = _continued(line, query)
            lines = [line]
        result: object = None
        try:
            for number, each in enumerate(lines, 1):
                result = self._one(each, {**self._names, **(local_ns or {})}, query)
                if number < len(lines) and result is not None and not _silent(each):
                    display(result)  # type: ignore[no-untyped-call]  # IPython's has no types
        except SeamlessError as error:
            if self.full_tracebacks or any("--debug" in each for each in lines):
                raise
            raise CommandFailed(error) from error
        return None if lines and _silent(lines[-1]) and not self._assigned() else result

    def _assigned(self) -> bool:
        """Whether the cell has `x = %seamless … ;`, where the semicolon must not take the value away."""
        history = self._shell.history_manager
        cells: Sequence[str] = history.input_hist_raw if history is not None else ()
        return bool(cells) and _ASSIGNED.search(cells[-1]) is not None

    def _one(self, line: str, names: Mapping[str, object], query: str | None) -> object:
        text = line.strip().removesuffix(";").rstrip()
        binding = _bound(text)
        split = words(binding["rest"] if binding else text, names)
        if query is not None:  # as it is: nothing in SQL is a Python value
            split += ["--", query]
        asked = parse(split, program=PROGRAM, version=__version__)
        if isinstance(asked, Shown):
            print(asked.text)  # noqa: T201  # help is printed where output goes
            return None
        result = self._run(asked)
        if binding is None:
            return result
        self._names[binding["name"]] = result
        return None

    def _kernel(self) -> Kernel:
        replayed = bool(os.environ.get(REPLAY))
        return Kernel(self._session.journal, this_notebook(os.environ, self._names), replayed)

    def _run(self, asked: Invocation) -> object:
        from seamless_lab.notebook.progress import CellProgress

        static = os.environ.get("SEAMLESS_RENDER", "") == "static"
        progress = CellProgress(silent=asked.quiet or static)
        try:
            call = NotebookCall(asked.place, self._session, self._kernel(), progress.note)
            result = asked.command.run(call, **asked.values).at(asked.place.options())
        except SeamlessError as error:
            error.rehint(placed(error.hint, asked.place.options()))
            raise
        finally:
            progress.end()
        if asked.command.name in _CHANGING:
            self._session.list_soon()
        return result.to_dict() if asked.json else result


def documented() -> None:
    """Put the overview where `%seamless?` looks for it."""
    overview = parse([], program=PROGRAM, version=__version__)
    assert isinstance(overview, Shown)  # no words: the overview
    SeamlessMagics.seamless.__doc__ = overview.text + HOW


def _bound(text: str) -> re.Match[str] | None:
    """`name << command`; None for a line that binds nothing."""
    found = _BINDING.fullmatch(text)
    if found is None:
        return None
    name = found["name"]
    if keyword.iskeyword(name):
        raise CommandLineError(f"{name!r} is a keyword of Python, which nothing can be bound to.", hint="Rename it.")
    if not found["rest"].strip():
        raise CommandLineError(
            f"Nothing stands behind {name} <<.", hint=f"Write a command: %seamless {name} << fetch NODE --start 2024-03"
        )
    return found


def _silent(line: str) -> bool:
    return line.rstrip().endswith(";")


def _continued(line: str, cell: str) -> tuple[str, str]:
    """A command's line with those that a backslash joins to it, and the rest of the cell."""
    while line.rstrip().endswith("\\"):
        more, _, cell = cell.partition("\n")
        line = f"{line.rstrip()[:-1]} {more}"
    return line, cell


def _lines(cell: str) -> list[str]:
    """The commands of a cell: comment lines and blank ones left out, lines that end in a backslash joined."""
    joined = re.sub(r"\\\s*\n", " ", cell)
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
