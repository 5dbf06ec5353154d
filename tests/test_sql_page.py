"""docs/sql.md is true; `python -m tests.test_sql_page` writes what its commands show, and its list, again."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from seamless_lab.app.sql.macros import MACROS
from tests.app.sql.lists import FOLDER
from tests.pages import ROOT, run_through

PAGE = ROOT / "docs" / "sql.md"
_LIST = re.compile(r"(?<=^```sql\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_page_has_the_list_that_is_tested() -> None:
    assert _LIST.findall(PAGE.read_text(encoding="utf-8")) == [published()]


def test_the_page_explains_every_macro() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}(" in text for name in MACROS)


def published() -> str:
    return (FOLDER / "refused.sql").read_text(encoding="utf-8")


if __name__ == "__main__":
    written = _LIST.sub(lambda _: published(), PAGE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(written, Path(folder)), encoding="utf-8")
