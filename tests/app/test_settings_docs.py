"""The documentation of the configuration is run, and knows every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from seamless_lab.app.config.schema import ALIASES, ENVIRONMENT, KEYS, NOT_BUILT
from seamless_lab.app.config.sources import OTHER_ENVIRONMENT
from seamless_lab.app.secret import show
from seamless_lab.app.settings import validate_settings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
ENV = {"KRAKEN_API_KEY": "k", "KRAKEN_SECRET": "s"}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_every_snippet_loads(snippet: str, tmp_path: Path) -> None:
    path = tmp_path / "seamless.yaml"
    path.write_text(snippet)
    report = validate_settings(config_file=path, env=ENV)
    assert [finding for finding in report.findings if finding.level != "warning"] == []


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 4


def test_every_key_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w.*]+)` \| `(.*?)` \| ", DOCUMENT, flags=re.MULTILINE))
    defaults = {key.name: show(key.default) for key in KEYS}
    assert rows == {name: value if isinstance(value, str) else json.dumps(value) for name, value in defaults.items()}


def test_every_other_name_is_listed() -> None:
    for name in (*ENVIRONMENT, *ALIASES):
        assert f"| `{name}` | `" in DOCUMENT
    for section in NOT_BUILT:
        assert f"`{section}:`" in DOCUMENT
    for name in OTHER_ENVIRONMENT[:3]:
        assert f"`{name}`" in DOCUMENT
    for key in KEYS:
        assert key.works is None or f"| `{key.name}` | {key.instead} |" in DOCUMENT
