"""docs/time-travel.md is true; `python -m tests.test_time_travel_page` writes what its commands show again."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import tempfile
from contextlib import chdir, redirect_stdout
from pathlib import Path
from unittest import mock

from seamless_lab.cli import main
from tests.test_pinning_page import ROOT, copied, surroundings

PAGE = ROOT / "docs" / "time-travel.md"
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_python_of_the_page_counts_as_the_command_does(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    said = io.StringIO()
    with chdir(copied(tmp_path)), mock.patch.dict(os.environ, surroundings(tmp_path)), redirect_stdout(said):
        exec(program, {})
    assert said.getvalue() == "13 12 1.51%\n"


def run_through(text: str, place: Path) -> str:
    """The page with the output of its commands as it is now, all of them in this process."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with chdir(copied(place)), mock.patch.dict(os.environ, surroundings(place)):
            return _BLOCK.sub(shown, text)
    finally:
        signal.signal(signal.SIGTERM, before)  # a command line has its own


def shown(block: re.Match[str]) -> str:
    return "".join(f"{line}\n{output(line[2:])}" for line in block[0].splitlines() if line.startswith("$ "))


def output(line: str) -> str:
    program, *words = shlex.split(line)
    if program != "seamless":
        return subprocess.run([program, *words], capture_output=True, encoding="utf-8", check=True).stdout
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(said):
        main(words)
    said.seek(0)
    return said.read()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
