"""The published lists of statements: a statement a line, under headings."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
_HEADING = "-- category: "


def refused() -> list[str]:
    return [statement for statements in categories().values() for statement in statements]


def accepted() -> list[str]:
    return _lines("accepted.sql")


def categories() -> dict[str, list[str]]:
    """Refused statements by category."""
    found: dict[str, list[str]] = {}
    for line in _lines("refused.sql"):
        if line.startswith(_HEADING):
            current = found.setdefault(line.removeprefix(_HEADING), [])
        else:
            current.append(line)
    return found


def _lines(name: str) -> list[str]:
    return [line for line in (FOLDER / name).read_text().splitlines() if line.strip()]
