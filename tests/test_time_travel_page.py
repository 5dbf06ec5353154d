"""docs/time-travel.md is true; `python -m tests.test_time_travel_page` writes what its commands show again."""

from __future__ import annotations

import io
import re
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from tests.pages import ROOT, project_at, run_through

PAGE = ROOT / "docs" / "time-travel.md"


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_python_of_the_page_counts_as_the_command_does(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    said = io.StringIO()
    with project_at(tmp_path), redirect_stdout(said):
        exec(program, {})
    assert said.getvalue() == "13 12 1.51%\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
