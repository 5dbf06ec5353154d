"""One byte changed in what people commit beside a store: it says the same, or it is refused or found to differ."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import TypeVar

import pytest

from seamless_lab import crossover
from seamless_lab.app.lock.disk import load
from seamless_lab.app.receipts.receipt import read_receipt
from seamless_lab.errors import SeamlessError
from tests.notebook.projects import BTC, ETH, new_project, opened

T = TypeVar("T")
PINS = {"btc": BTC, "eth": ETH}


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two pins in its lockfile, and a receipt of a backtest on them."""
    project = new_project(tmp_path_factory.mktemp("committed") / "project")
    with chdir(project), opened(project) as lab:
        for name, node in PINS.items():
            lab.pin(name, node, "2024-01-01", "2024-01-02")
        lab.backtest(crossover(5, 20), pins=["pin:btc", "pin:eth"])
        (project / "receipt.json").write_text(json.dumps(lab.receipt().to_json(project)))
    return project


@pytest.fixture
def project(pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(pinned, tmp_path / "copy", copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def flips(data: bytes, count: int | None, seed: int) -> list[tuple[int, bytes]]:
    """Copies with one bit changed: somewhere in every byte, or in some of them."""
    chance = random.Random(seed)
    places = range(len(data)) if count is None else sorted(chance.sample(range(len(data)), min(count, len(data))))
    return [(at, data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]) for at in places]


def said_by(work: Callable[[], T]) -> T | SeamlessError:
    try:
        return work()
    except SeamlessError as error:
        return error


def flip_the_lockfile(project: Path, count: int | None) -> None:
    """What stays unnoticed may be what no bars depend on: the names of pins, and what a pin was made with."""
    path = project / "seamless.lock"
    sound = path.read_bytes()
    meant = load(path)
    with opened(project) as lab:
        for at, damaged in flips(sound, count, seed=1):
            path.write_bytes(damaged)
            said = said_by(lab.check_lock)
            if isinstance(said, SeamlessError):
                assert "seamless.lock" in said.message, f"byte {at}: {said.message}"
                continue
            if said.exit_code:
                continue
            now = load(path)
            for old, new in zip(meant.pins.values(), now.pins.values(), strict=True):
                same = (new.node, new.window, new.content, new.rows)
                assert same == (old.node, old.window, old.content, old.rows), f"byte {at}"
        path.write_bytes(sound)
        assert lab.check_lock().exit_code == 0


def flip_the_receipt(project: Path, count: int | None) -> None:
    path = project / "receipt.json"
    sound = path.read_bytes()
    meant = read_receipt(path).to_dict()
    with opened(project) as lab:
        for at, damaged in flips(sound, count, seed=2):
            path.write_bytes(damaged)
            found = said_by(lambda: read_receipt(path))
            if isinstance(found, SeamlessError):
                assert "receipt.json" in found.message, f"byte {at}: {found.message}"
                continue
            assert found.to_dict() == meant, f"byte {at}"
        path.write_bytes(sound)
        assert lab.verify_receipt(path).exit_code == 0


def test_one_byte_of_a_lockfile_changed_changes_nothing_or_is_found(project: Path) -> None:
    flip_the_lockfile(project, count=150)


def test_one_byte_of_a_receipt_changed_changes_nothing_or_is_found(project: Path) -> None:
    flip_the_receipt(project, count=400)


@pytest.mark.soak
def test_every_byte_of_a_lockfile_and_a_receipt_counts(project: Path) -> None:
    flip_the_lockfile(project, count=None)
    flip_the_receipt(project, count=None)


def test_entries_of_a_lockfile_in_each_others_place_are_found(project: Path) -> None:
    path = project / "seamless.lock"
    text = path.read_text()
    pins = load(path).pins
    mark = "0" * 64
    swapped = text.replace(pins["btc"].content, mark).replace(pins["eth"].content, pins["btc"].content)
    path.write_text(swapped.replace(mark, pins["eth"].content))
    with opened(project) as lab:
        report = lab.check_lock()
    assert report.exit_code != 0
    assert all(check.findings for check in report.pins), "both are named"
