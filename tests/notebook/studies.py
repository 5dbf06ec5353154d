"""Notebooks that ran without an editor, and the terminal beside them."""

from __future__ import annotations

import io
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from seamless_lab.cli import main

LOAD = "%load_ext seamless_lab"


def fetch(name: str, ref: str, day: str, *options: str) -> str:
    return f"{name} = %seamless fetch {ref} --start {day} {' '.join(options)}"


def study(folder: Path, *sources: str, name: str = "study.ipynb") -> Path:
    """A notebook that loads the extension first and is sealed last, and that nbclient ran in a project, and saved."""
    return executed(folder, LOAD, *sources, "%seamless seal", name=name)


def executed(folder: Path, *sources: str, name: str = "study.ipynb", skipped: int | None = None) -> Path:
    """A notebook that nbclient ran in a project, but for the cell tagged to be skipped, and saved."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        cell.metadata["tags"] = ["skip-execution"] * (number == skipped)
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, folder / name)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / name)
    return folder / name


def seamless(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The terminal command in a folder, in this process: starting one takes longer than what it does."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
