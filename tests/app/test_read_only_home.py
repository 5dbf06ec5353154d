"""A home that may not be written to: what is sealed in it is read as elsewhere, and nothing that changes it is lost."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seamless_lab import Lab
from seamless_lab.cli import main
from seamless_lab.engine.events import Event
from seamless_lab.errors import StoreUnavailable
from tests.sealed_market import seal, walk

NODE = "ohlcv:binance:BTC/USDT:1h"
NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp())  # everybody may enter it, as no folder of pytest's
    place.chmod(0o755)
    seal(place / "home", "BTC/USDT", walk(48, 3_600, 1), unanswered=[(30, 35)])
    yield place / "home"
    shutil.rmtree(place)


@contextmanager
def read_only(home: Path) -> Iterator[None]:
    """Nothing in the home may be written; root, who may everything, is nobody meanwhile."""
    paths, was = [home, *home.rglob("*")], os.geteuid()
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)
        for path in paths:
            path.chmod(stat.S_IRWXU)


def test_a_read_of_sealed_bars_needs_no_right_to_write(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(home.parent / "cache"))
    line = ["fetch", f"{NODE}@seq:1", "--start", "2024-01-02", "--domain", "research", "--home", str(home)]
    with read_only(home):
        assert main(line) == 0
    shown = capsys.readouterr()
    assert "5 bars missing" in shown.out, "which is an event of governance"
    assert shown.err == f"note: {home} may not be written to: its event file does not tell of what was read.\n"
    assert not (home / "events.jsonl").exists()
    assert main(line) == 0
    assert capsys.readouterr().err == ""
    assert "seamless.domain.partial" in (home / "events.jsonl").read_text()


@pytest.mark.parametrize("name", ["seamless.artifact.published", "seamless.world.as_of_advanced"])
def test_an_event_of_a_change_is_not_lost_silently(home: Path, name: str) -> None:
    lab = Lab(str(home))
    with read_only(home):
        for told in ("seamless.domain.partial", name):
            lab.wiring.events.emit(Event(told, 0, {}))
        with pytest.raises(StoreUnavailable, match=r"events\.jsonl cannot be appended to: Permission"):
            lab.close()


def test_what_else_is_wrong_with_the_event_file_is_told_after_a_read_too(home: Path) -> None:
    (home / "events.jsonl").mkdir()
    lab = Lab(str(home))
    assert lab.fetch(f"{NODE}@seq:1", "2024-01-02", domain="research").verdict == "PARTIAL"
    with pytest.raises(StoreUnavailable, match=r"events\.jsonl cannot be appended to: Is a directory"):
        lab.close()
