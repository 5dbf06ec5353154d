"""The demonstration, and the commands it shows: each can be copied, after its exchange has gone."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak  # most of a minute: a year of bars, twice


def said(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "seamless_lab.cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_command_that_the_demonstration_shows_works_as_it_stands(tmp_path: Path) -> None:
    shown = said("demo", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    commands = dict.fromkeys(re.findall(r"^ +(?:\$ )?seamless (.+)$", shown.stdout, re.MULTILINE))
    assert len(commands) >= 7
    for command in commands:
        assert "--home .seamless-demo" in command
        again = said(*shlex.split(command), folder=tmp_path)
        refused = command.endswith("--domain research") and "@sha256" not in command
        assert (again.returncode, "E-NOT-SEALED" in again.stderr) == (int(refused), refused), again.stderr
