"""Pages of the documentation as tests: their commands run in this process, on a copy of what the repository ships."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from unittest import mock

from seamless_lab.cli import main

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


@contextmanager
def project_at(place: Path) -> Iterator[Path]:
    """A project with the shipped store and lockfile as the working directory, and nothing else of this machine."""
    project = copied(place)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with chdir(project), mock.patch.dict(os.environ, surroundings(place)):
            yield project
    finally:
        signal.signal(signal.SIGTERM, before)  # a command line has its own


def copied(place: Path) -> Path:
    """The shipped store and lockfile in a folder of their own."""
    project = place / "project"
    project.mkdir()
    shutil.copytree(ROOT / "datasets", project / "datasets")
    shutil.copy(ROOT / "seamless.lock", project)
    return project


def surroundings(place: Path) -> dict[str, str]:
    """The environment of a page."""
    places = {"HOME": str(place), "SEAMLESS_CACHE_DIR": str(place / "cache"), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **places, "SEAMLESS_RENDER": "static", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}


def run_through(text: str, place: Path) -> str:
    """The page with the output of its commands as it is now."""
    with project_at(place):
        return _BLOCK.sub(lambda block: shown(block[0]), text)


def shown(lines: str) -> str:
    """The command lines among some lines, each with what it prints now."""
    return "".join(f"{line}\n{output(line[2:])}" for line in lines.splitlines() if line.startswith("$ "))


def output(line: str) -> str:
    """What a command line prints."""
    program, *words = shlex.split(line)
    if program != "seamless":
        return subprocess.run([program, *words], capture_output=True, encoding="utf-8", check=True).stdout
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(said):
        main(words)
    said.seek(0)
    return said.read()
