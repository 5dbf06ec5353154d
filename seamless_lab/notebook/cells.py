"""Which cell runs, and of which notebook: told by IPython and by the front end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app.notebooks.journal import CellJournal, source_digest
from seamless_lab.app.reads import CURRENT_CELL, NO_CELL, Cell, ReadJournal
from seamless_lab.app.result_records import ResultJournal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell


class CellWatch:
    """Tells a journal of every cell that starts, and of what it reads and makes, until `end`."""

    def __init__(self, shell: InteractiveShell, journal: CellJournal) -> None:
        self._shell = shell
        self._journal = journal
        self._depth = 0
        self._count = max(1, shell.displayhook.prompt_count)
        history = shell.history_manager
        typed = history.input_hist_raw if history is not None else []
        journal.ran_before(typed)
        # The cell that loads the extension runs; runners that keep no history have told only the kernel what it is.
        self._begin(_cell_id(shell), str(_asked(shell).get("content", {}).get("code") or (typed or [""])[-1]))
        shell.events.register("pre_run_cell", self._before)
        shell.events.register("post_run_cell", self._after)
        self._ends = [ReadJournal.listen(journal.read), ResultJournal.listen(journal.made)]

    def end(self) -> None:
        """Hear no more."""
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        for each in self._ends:
            each()
        CURRENT_CELL.set(NO_CELL)

    def _before(self, info: ExecutionInfo) -> None:
        self._depth += 1
        if self._depth > 1:  # what a cell runs by run_cell is part of that cell
            return
        # Runners that keep no history (nbval) have no numbers: they are counted on as a front end would.
        self._count = self._shell.displayhook.prompt_count if info.store_history else self._count + 1
        self._begin(str(info.cell_id or ""), str(info.raw_cell))

    def _after(self, _result: object) -> None:
        self._depth = max(0, self._depth - 1)

    def _begin(self, cell_id: str, source: str) -> None:
        cell = Cell(cell_id, self._count)
        CURRENT_CELL.set(cell)
        self._journal.begin(cell, source_digest(source) if source else "")


def this_notebook(environment: Mapping[str, str], names: Mapping[str, object]) -> Path | None:
    """The file of the notebook that this kernel belongs to, as its front end tells.

    None when it does not tell, or tells of a file that is not there: a session without a name has its path in the
    server's own folders, a notebook that was renamed its old one.
    """
    told = names.get("__vsc_ipynb_file__") or environment.get("JPY_SESSION_NAME") or ""
    if not isinstance(told, str | os.PathLike) or not os.fspath(told).endswith(".ipynb"):
        return None
    path = Path(os.fspath(told))
    return next((place for place in (path, Path.cwd() / path.name) if place.is_file()), None)


def _cell_id(shell: InteractiveShell) -> str:
    """The id of the cell that runs now; only shells of a kernel are asked by message."""
    return str(_asked(shell).get("metadata", {}).get("cellId") or "")


def _asked(shell: InteractiveShell) -> Mapping[str, Mapping[str, object]]:
    """The message that asked for what runs now; empty where there is none."""
    return getattr(shell, "get_parent", dict)() or {}
