"""README.md is true; `python -m tests.test_readme` writes what its commands show again."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from seamless_lab.cli import main
from tests.pages import ROOT, copied, run_through, surroundings

PAGE = ROOT / "README.md"
_COMMAND = re.compile(r"(?<=`)seamless [^`…]+(?=`)")
_PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_front_page_shows_what_its_commands_give(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_commands_that_the_front_page_names_run_in_a_clone(tmp_path: Path) -> None:
    named = _COMMAND.findall(section())
    assert len(named) == 6
    clone = copied(tmp_path)
    shutil.copytree(ROOT / "notebooks", clone / "notebooks")
    with chdir(clone), mock.patch.dict(os.environ, surroundings(tmp_path)):
        for command in named:
            said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with redirect_stdout(said), redirect_stderr(io.StringIO()):
                code = main([*shlex.split(command)[1:], "--json"])
            said.seek(0)
            assert "error" not in json.loads(said.read()), command
            assert code == (1 if "diff" in command else 0), command


def test_the_commands_of_the_front_page_run_from_top_to_bottom(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (block,) = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    programs = tmp_path / "project/.venv/bin"
    clone = copied(tmp_path)
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f"PATH={shlex.quote(str(programs))}:$PATH\n")
    (programs / "seamless").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m seamless_lab.cli "$@"\n')
    (programs / "seamless").chmod(0o755)
    ran = subprocess.run(
        ["bash", "-e", "-c", block.replace("8800", str(port))],
        cwd=clone, env=surroundings(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for said in ("44,640 bars  PASS", "no gaps", "482,400 in 1 gap", "1 version", "verified"):
        assert said in ran.stdout
    assert pl.read_parquet(clone / "btc.parquet").height == 44_640


def test_the_python_of_the_front_page_is_python() -> None:
    for program in _PROGRAM.findall(PAGE.read_text(encoding="utf-8")):
        compile(program, "README.md", "exec")


@pytest.mark.parametrize(
    "name", re.findall(r'\]\(([^):]+)\)|(?:src|srcset)="([^"]+)"', PAGE.read_text(encoding="utf-8"))
)
def test_what_the_front_page_links_to_is_there(name: tuple[str, str]) -> None:
    assert (ROOT / (name[0] or name[1])).exists()


def section() -> str:
    return PAGE.read_text(encoding="utf-8").split("## Research that can be repeated\n")[1].split("\n## ")[0]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
