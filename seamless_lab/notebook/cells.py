"""Which cell runs, and of which notebook: told by IPython and by the front end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app import reads, result_records
from seamless_lab.app.cell_journal import CellJournal, source_digest
from seamless_lab.app.reads import CURRENT_CELL, Cell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell


def watch_cells(shell: InteractiveShell, journal: CellJournal) -> Callable[[], None]:
    """Tell the journal of every cell that starts, and of what it reads and makes; returns the function that ends it."""

    def begin(info: ExecutionInfo) -> None:
        if info.store_history:  # what a cell runs by run_cell is part of that cell
            _begin(shell, journal, info.cell_id, str(info.raw_cell))

    history = shell.history_manager
    if history is not None and (typed := history.input_hist_raw[-1]):  # the cell that loads the extension runs already
        _begin(shell, journal, _cell_id(shell), typed)
    shell.events.register("pre_run_cell", begin)
    ends = [reads.listen(journal.read), result_records.listen(journal.made)]

    def end() -> None:
        shell.events.unregister("pre_run_cell", begin)
        for each in ends:
            each()

    return end


def this_notebook(environment: Mapping[str, str], names: Mapping[str, object]) -> Path | None:
    """The file of the notebook that this kernel belongs to, as its front end tells; None when it does not tell."""
    told = names.get("__vsc_ipynb_file__") or environment.get("JPY_SESSION_NAME") or ""
    path = Path(os.fspath(told)) if isinstance(told, str | os.PathLike) and told else None
    return path if path is not None and path.suffix == ".ipynb" else None


def _begin(shell: InteractiveShell, journal: CellJournal, cell_id: str | None, source: str) -> None:
    cell = Cell(cell_id or "", shell.displayhook.prompt_count)  # the number that Out[…] will have
    CURRENT_CELL.set(cell)
    journal.begin(cell, source_digest(source))


def _cell_id(shell: InteractiveShell) -> str:
    """The id of the cell that runs now; only shells of a kernel have a message to ask."""
    parent: Mapping[str, Mapping[str, object]] = getattr(shell, "get_parent", dict)() or {}
    return str(parent.get("metadata", {}).get("cellId") or "")
