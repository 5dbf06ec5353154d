"""A project with two pins."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

import pytest

from seamless_lab.app.home import FOLDER
from seamless_lab.app.lab import Lab
from tests.app.lock.pinned import HOUR, HOURLY, MINUTES
from tests.sealed_market import START, seal, walk


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose lockfile pins fourteen months of hours and five days of minutes."""
    root = tmp_path_factory.mktemp("original") / "project"
    home = root / FOLDER
    home.mkdir(parents=True)
    seal(home, "BTC/USDT", walk(426 * 24, HOUR, 1))
    seal(home, "ETH/USDT", walk(5 * 1_440, 60, 2, start=START + 28 * 86_400), timeframe="1m")
    with chdir(root), Lab() as lab:
        lab.pin("btc", HOURLY)
        lab.pin("eth", MINUTES)
    return root


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    shutil.copytree(original, root)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def lab(project: Path):
    with Lab() as opened:
        yield opened
