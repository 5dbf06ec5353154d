"""docs/time-travel.md is true; `python -m tests.test_time_travel_page` writes what its commands show again."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.test_pinning_page import ROOT, copied, run_through, surroundings

PAGE = ROOT / "docs" / "time-travel.md"


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_python_of_the_page_counts_as_the_command_does(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    project, environment = copied(tmp_path), surroundings(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "13 12 1.51%\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
