"""A notebook as an editor has it: cells with ids, a real kernel that runs them, and a file that is saved when asked."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import nbformat
from jupyter_client.manager import KernelManager

WAIT_S = 120


class CellFailed(AssertionError):
    """A cell ended in an error."""


class Editor:
    """One open notebook. `named`: whether the front end tells the kernel its path, as Jupyter's server does."""

    def __init__(self, path: Path, *, named: bool = True, **environment: str) -> None:
        self.path = path
        self.notebook = nbformat.v4.new_notebook()
        self.save()  # as Jupyter does when it opens a new one
        self._manager = KernelManager(kernel_name="python3")
        session = {"JPY_SESSION_NAME": str(path)} if named else {}
        self._manager.start_kernel(cwd=str(path.parent), env={**os.environ, **session, **environment})
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def add(self, name: str, source: str) -> None:
        """A new cell at the end, or another source for one that is there."""
        for cell in self.notebook.cells:
            if cell.id == name:
                cell.source = source
                return
        cell = nbformat.v4.new_code_cell(source)
        cell.id = name
        self.notebook.cells.append(cell)

    def run(self, name: str, source: str | None = None) -> nbformat.NotebookNode:
        """Run a cell, as an editor does: with its id; the cell with its outputs. Raises `CellFailed`."""
        if source is not None:
            self.add(name, source)
        cell = next(cell for cell in self.notebook.cells if cell.id == name)
        content = {
            "code": cell.source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        }  # fmt: skip
        message = self._client.session.msg("execute_request", content, metadata={"cellId": name})
        self._client.shell_channel.send(message)
        cell.outputs = []
        while True:
            told = self._client.get_iopub_msg(timeout=WAIT_S)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, said = told["header"]["msg_type"], told["content"]
            if kind == "execute_input":
                cell.execution_count = said["execution_count"]
            elif kind in ("execute_result", "display_data", "stream", "error"):
                cell.outputs.append(nbformat.v4.output_from_msg(told))
            elif kind == "status" and said["execution_state"] == "idle":
                break
        for output in cell.outputs:
            if output.output_type == "error":
                raise CellFailed("\n".join(output.traceback))
        return cell

    def save(self) -> Path:
        """Write the file."""
        nbformat.write(self.notebook, self.path)
        return self.path


def shown(cell: nbformat.NotebookNode, mime: str = "text/plain") -> str:
    """What a cell shows."""
    parts = [output.get("text", "") or output.get("data", {}).get(mime, "") for output in cell.outputs]
    return "\n".join(map(str, parts))
