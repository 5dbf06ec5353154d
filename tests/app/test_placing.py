"""Commands that are shown carry the place of their line, and can be copied."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import seamless_lab
from seamless_lab.app.commands import COMMANDS
from seamless_lab.app.placing import placed

PACKAGE = Path(seamless_lab.__file__).parent
COMMAND = re.compile(rf"seamless (?:{'|'.join(command.name for command in COMMANDS)})\b")


def written() -> Iterator[str]:
    """All texts of the package; {} stands for what is filled in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_a_text_that_begins_with_a_command_is_one_and_no_sentence() -> None:
    found = [text for text in written() if COMMAND.match(text)]
    assert len(found) > 10
    assert not [text for text in found if text.endswith(".")], "options of a place would stand behind the sentence"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("seamless gaps NODE", "seamless gaps NODE --home sh"),
        ("See all pins: seamless pin", "See all pins: seamless pin --home sh"),
        ("Get it: seamless backfill NODE", "Get it: seamless backfill --home sh NODE"),
        ("seamless backfill NODE --home other", "seamless backfill NODE --home other"),
        ("Name it with --home FOLDER: seamless fetch NODE", "Name it with --home FOLDER: seamless fetch NODE"),
    ],
)
def test_options_stand_where_the_command_takes_them(text: str, expected: str) -> None:
    assert placed(text, "--home sh") == expected


def test_a_command_with_a_home_of_its_own_asks_the_same_exchange_by_the_same_configuration() -> None:
    place = "--home 'my home' --config 'c d.yaml' --exchange-url http://127.0.0.1:8800"
    expected = "seamless gaps NODE --home other --config 'c d.yaml' --exchange-url http://127.0.0.1:8800"
    assert placed("seamless gaps NODE --home other", place) == expected
