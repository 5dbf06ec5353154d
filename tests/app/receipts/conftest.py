"""A project with two pins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.notebook.projects import BTC, ETH, new_project
from tests.notebook.studies import seamless


@pytest.fixture(scope="module")
def pinned(tmp_path_factory) -> Path:
    project = new_project(tmp_path_factory.mktemp("receipts") / "project")
    for name, node in (("btc", BTC), ("eth", ETH)):
        window = ("--start", "2024-01-01", "--end", "2024-01-03")
        assert seamless(project, "pin", name, node, *window).returncode == 0
    return project


@pytest.fixture
def project(pinned: Path, tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(pinned, tmp_path / "copy", copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"
