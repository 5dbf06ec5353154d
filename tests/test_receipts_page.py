"""docs/receipts.md is true; `python -m tests.test_receipts_page` writes what its commands show again."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient

from seamless_lab.cli import main
from tests.pages import ROOT, copied, surroundings

PAGE = ROOT / "docs" / "receipts.md"
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_STUDY = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def run_through(text: str, place: Path) -> str:
    """The page with the output of its commands as it is now."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with chdir(copied(place)), mock.patch.dict(os.environ, surroundings(place)):
            write_study(text)
            return _BLOCK.sub(shown, text)
    finally:
        signal.signal(signal.SIGTERM, before)  # a command line has its own


def write_study(text: str) -> None:
    """The page's notebook, run and saved."""
    (source,) = _STUDY.findall(text)
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in source.split("# %%\n")]
    for number, cell in enumerate(cells, 1):
        cell.id = f"cell-{number}"
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120).execute()
    nbformat.write(notebook, "study.ipynb")


def shown(block: re.Match[str]) -> str:
    return "".join(f"{line}\n{output(line[2:])}" for line in block[0].splitlines() if line.startswith("$ "))


def output(line: str) -> str:
    program, *words = shlex.split(line)
    if program != "seamless":
        return subprocess.run([program, *words], capture_output=True, encoding="utf-8", check=True).stdout
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        main(words)
    for stream in (out, err):
        stream.seek(0)
    return out.read() + err.read()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
