"""What shells complete."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seamless_lab.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_script(shell: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("_SEAMLESS_COMPLETE", f"{shell}_source")
    assert main([]) == 0
    assert "seamless" in capsys.readouterr().out


@pytest.fixture
def completing(tmp_path: Path):
    """A folder with files, and a shell's environment in which `seamless` is this one."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/seamless").write_text(f'#!/bin/sh\nexec {sys.executable} -m seamless_lab.cli "$@"\n')
    (tmp_path / "bin/seamless").chmod(0o755)
    files = tmp_path / "files"
    (files / "studies").mkdir(parents=True)
    for name in (
        "study.ipynb",
        "my study.ipynb",
        "crossover.json",
        "notes.txt",
        "bars.csv",
        "conf.yaml",
        ".hidden.json",
    ):
        (files / name).touch()
    added = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SEAMLESS_HOME": str(tmp_path / "home")}

    def run(shell: list[str], script: str) -> list[str]:
        ran = subprocess.run(
            [*shell, "-c", script], capture_output=True, text=True, env={**os.environ, **added}, cwd=files, check=True
        )
        return ran.stdout.splitlines()

    return run


def test_bash_completes_nodes_past_their_colons_and_files(completing) -> None:
    lines = {
        "fetch ohlcv:kr": ["kraken:"],
        "fetch ohlcv:binance:BTC/USDT:1m@se": ["@seq:"],
        "fetch x --domain=l": ["live"],
        "sql --pin b=ohlcv:kr": ["kraken:"],
        "lock --check st": ["studies", "study.ipynb"],
        "verify .hi": [".hidden.json"],
        "fetch x --out=b": ["bars.csv"],
        "--config c": ["conf.yaml"],
        r"seal my\ st": [],  # left to the shell, which knows quotes
    }
    script = """
        eval "$(_SEAMLESS_COMPLETE=bash_source seamless)"
        compopt() { :; }
        COMP_WORDBREAKS=$' \\t\\n"><=;|&(:@'
        complete_line() {
            COMP_LINE="seamless $1"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("${1#* }"); COMP_CWORD=0
            _seamless_completion seamless
            (IFS=,; echo "${COMPREPLY[*]}")
        }
    """
    asked = "".join(f"complete_line {shlex.quote(line)}\n" for line in lines)
    answers = completing(["bash"], script + asked)
    assert [sorted(filter(None, answer.split(","))) for answer in answers] == list(lines.values())


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    "line, found",
    [
        ("fetch ohlcv:kr", ["ohlcv:kraken:"]),
        ("fetch x --domain=l", ["--domain=live"]),
        ("sql --pin b=ohlcv:kr", ["b=ohlcv:kraken:"]),
        ("lock --check st", ["studies/", "study.ipynb"]),
        ("verify cr", ["crossover.json"]),
        ("fetch x --out=b", ["--out=bars.csv"]),
    ],
)
def test_fish_completes_words_and_files(completing, line: str, found: list[str]) -> None:
    script = f"_SEAMLESS_COMPLETE=fish_source seamless | source; complete -C 'seamless {line}'"
    assert sorted(completing(["fish", "--no-config"], script)) == found
