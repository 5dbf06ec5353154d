"""What is advised where a sealed file is damaged: the home's store is mended by asking again, others are restored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.home import FOLDER
from seamless_lab.app.lab import Lab
from seamless_lab.core.backtest.crossover import crossover
from seamless_lab.errors import Corrupted, Missing, NotFound
from tests.engine.sources import scripted_lab
from tests.sealed_market import seal, walk

NODE = "ohlcv:binance:BTC/USDT:1h"
HOUR = 3_600
RESTORE = f"Restore {Path('vendor/artifacts')} from where it comes from, such as version control."
READS: list[Callable[[Lab], object]] = [
    lambda lab: lab.fetch("pin:btc", domain="research"),
    lambda lab: lab.sql("SELECT count(close) AS n FROM btc", pins={"btc": "pin:btc"}),
    lambda lab: lab.backtest(crossover(2, 3), pins="pin:btc"),
    lambda lab: lab.history("pin:btc", "2024-01-02T05:00"),
    lambda lab: lab.pin("again", "pin:btc"),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FOLDER).mkdir()
    return tmp_path


def pinned(root: Path, monkeypatch: pytest.MonkeyPatch, home: str, store: str | None) -> None:
    """A pin of sealed bars, on a machine that has read none of them."""
    seal(root / home, "BTC/USDT", walk(60 * 24, HOUR, 1))
    with Lab() as lab:
        lab.pin("btc", NODE, "2024-01-01", "2024-03-01", store=store)
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(root / "cold"))


def damage(root: Path, kind: str) -> None:
    for path in root.rglob(kind):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("kind", ["data/*.parquet", "trees/*.json"])
def test_damage_of_a_pins_own_store_is_not_mended_by_a_backfill(root, monkeypatch, read, kind) -> None:
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    damage(root, kind)
    with Lab() as lab:
        with pytest.raises(Corrupted) as caught:
            read(lab)
        assert caught.value.hint == RESTORE
        assert lab.check_lock().pins[0].hint.startswith("Restore vendor/artifacts from where the lockfile comes from")


@pytest.mark.parametrize("read", READS)
def test_a_missing_file_of_a_pins_own_store_is_restored_too(root, monkeypatch, read) -> None:
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    for path in root.rglob("data/*.parquet"):
        path.unlink()
    with Lab() as lab, pytest.raises(Missing) as caught:
        read(lab)
    assert caught.value.hint == RESTORE


@pytest.mark.parametrize("read", READS)
def test_damage_of_the_homes_store_is_told_with_the_window_to_ask_for(root, monkeypatch, read) -> None:
    pinned(root, monkeypatch, FOLDER, None)
    damage(root, "data/*.parquet")
    with Lab() as lab, pytest.raises(Corrupted, match="does not match its checksum") as caught:
        read(lab)
    assert f"seamless backfill {NODE} --start 2024-01-01T00:00Z --end 2024-" in caught.value.hint
    assert "..." not in caught.value.hint


@pytest.mark.parametrize("kind", ["damaged", "missing"])
def test_what_a_pin_of_the_homes_store_is_mended_with_does_mend(root, kind) -> None:
    """A damaged file is written again only when it is out of the way, and the command can be copied."""
    clock = ManualClock(1_735_689_600_000)
    with scripted_lab(root / FOLDER, clock) as lab:
        lab.fetch(NODE, "2024-01", "2024-02")
        lab.pin("btc", NODE, "2024-01", "2024-02")
        if kind == "damaged":
            damage(root, "data/*.parquet")
        else:
            for path in root.rglob("data/*.parquet"):
                path.unlink()
        report = lab.check_lock()
        [check], [update] = report.pins, lab.update_lock().pins
        with pytest.raises(Corrupted) as refused:
            lab.pin("again", NODE, "2024-01", "2024-02")
        said, _, command = check.hint.partition(": ")
        assert check.hint == update.hint
        assert refused.value.hint.startswith(f"{said}: seamless backfill ")
        line = f"\n    {command} --home {root / FOLDER}\n"
        assert line in report.to_text()
        assert line in lab.update_lock().to_text()
        assert said.startswith("Move the damaged file") is (kind == "damaged")
        if kind == "damaged":
            damaged = [path.rename(path.with_suffix(".aside")) for path in root.rglob("data/*.parquet")]
            assert ("files" in said) is (len(damaged) > 1)
        clock.advance(60)
        words = command.split()
        lab.backfill(words[2], words[4], words[6], refresh=words[7] == "--refresh")
        assert lab.check_lock().exit_code == 0


@pytest.mark.parametrize("lost", [False, True])
def test_a_document_of_the_homes_store_is_not_mended_by_a_backfill(root, monkeypatch, lost: bool) -> None:
    pinned(root, monkeypatch, FOLDER, None)
    with Lab() as lab:
        fingerprint = lab.lock().pins["btc"].fingerprint
        for path in root.rglob("trees/*.json"):
            if fingerprint not in path.name:
                path.unlink() if lost else damage(path.parent, path.name)
        [check] = lab.check_lock().pins
        assert check.findings[0].path.endswith(".json")
        assert check.hint == "Restore the files from a copy."


def test_a_damaged_commit_of_a_pins_own_store_is_told_with_what_restores_it(root, monkeypatch) -> None:
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    damage(root, "commits/*.json")
    with Lab() as lab, pytest.raises(Corrupted) as caught:
        lab.artifacts("pin:btc")
    assert caught.value.hint == RESTORE


def test_a_version_that_the_home_lacks_is_told_with_the_lockfile_that_cannot_be_read(root, monkeypatch) -> None:
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    with Lab() as lab:
        ref = lab.manifest("pin:btc").ref
        with (root / "seamless.lock").open("a") as lock:
            lock.write("<<<<<<< HEAD\n")
        for read in (lab.verify, lab.manifest):
            with pytest.raises(NotFound) as caught:
                read(ref)
            assert "seamless.lock" in caught.value.hint


def test_an_update_that_meets_damage_of_a_pins_own_store_says_what_restores_it(root, monkeypatch) -> None:
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    damage(root, "data/*.parquet")
    with Lab() as lab:
        [found] = lab.update_lock().pins
    assert found.hint == RESTORE


def test_verify_says_what_mends_the_homes_store_and_what_another(root, monkeypatch) -> None:
    """Once for each run of damaged bars, with a command that can be copied."""
    pinned(root, monkeypatch, "vendor", "vendor/artifacts")
    with Lab() as lab:
        assert lab.verify("pin:btc").hints == ()
    damage(root, "*.parquet")
    with Lab() as lab:
        report = lab.verify("pin:btc")
        assert report.hints == (RESTORE,)
        assert RESTORE in report.to_text()
    with Lab("vendor") as lab:
        report = lab.verify()
        (command,) = report.to_dict()["hints"]
        assert command.startswith(f"seamless backfill {NODE} --start 2024-01-01T00:00Z --end 2024-")
        assert command.endswith(" --refresh --home vendor")
        assert command in report.to_text()
        assert "Move the damaged data files aside" in report.to_text()
        damage(root, "*.json")
        assert lab.verify().hints == (f"Restore the .json files of {NODE} that are named here from a copy.",)


def test_what_verify_advises_mends(tmp_path) -> None:
    clock = ManualClock(1_735_689_600_000)
    with scripted_lab(tmp_path, clock) as lab:
        lab.fetch(NODE, "2024-01", "2024-03")
        for file in tmp_path.rglob("data/*.parquet"):
            file.unlink()
        clock.advance(60)
        words = [hint.split() for hint in lab.verify(NODE).hints]
        for word in words:
            lab.backfill(word[2], word[4], word[6], refresh=word[7] == "--refresh")
        assert words
        assert lab.verify(NODE).exit_code == 0
        assert lab.verify(NODE).hints == ()
