"""Moving what is pinned: shown before, and nothing moves by itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.app.home import FOLDER
from seamless_lab.app.lock import disk, update
from seamless_lab.app.lock.disk import load
from tests.app.lock.pinned import HOUR, HOURLY, data_files, rewrite
from tests.sealed_market import START, seal, walk


def restated(home: Path, slots: range) -> None:
    """Seal BTC again with another close in some slots."""
    frame = walk(426 * 24, HOUR, 1)
    moved = pl.when(pl.int_range(pl.len()).is_in(list(slots))).then(pl.col("close") + 0.01).otherwise(pl.col("close"))
    seal(home, "BTC/USDT", frame.with_columns(close=moved), at_ms=1_718_000_000_000)


def test_an_update_shows_what_would_change_and_writes_nothing(lab, project) -> None:
    before = (project / "seamless.lock").read_text()
    restated(project / FOLDER, range(100, 107))
    shown = lab.update_lock()
    assert [str(one.move) for one in shown.pins] == ["changes", "unchanged"]
    assert (shown.pins[0].restated, shown.pins[0].added, shown.pins[0].removed) == (7, 0, 0)
    assert (shown.exit_code, shown.written) == (0, False)
    assert "seamless lock --update --yes" in shown.to_text()
    assert (project / "seamless.lock").read_text() == before


def test_an_update_with_yes_moves_what_changed_and_nothing_else(lab, project) -> None:
    before = load(project / "seamless.lock").pins
    restated(project / FOLDER, range(100, 107))
    moved = lab.update_lock(write=True)
    after = load(project / "seamless.lock").pins
    assert moved.written
    assert after["eth"] == before["eth"]
    assert after["btc"] == moved.pins[0].now != before["btc"]
    assert after["btc"].window == before["btc"].window
    assert lab.check_lock().exit_code == 0
    assert lab.update_lock(write=True).written is False


def test_only_the_named_pins_move(lab, project) -> None:
    before = (project / "seamless.lock").read_text()
    restated(project / FOLDER, range(3, 5))
    assert not lab.update_lock(["eth"], write=True).written
    assert (project / "seamless.lock").read_text() == before
    assert "seamless lock --update btc --yes" in lab.update_lock(["btc"]).to_text()


def test_a_restatement_outside_a_pin_moves_nothing(lab, project) -> None:
    lab.pin("week", HOURLY, "2024-01-01", "2024-01-08")
    restated(project / FOLDER, range(1_000, 1_001))
    assert [str(one.move) for one in lab.update_lock(["week"]).pins] == ["unchanged"]


def test_a_pin_whose_series_is_gone_cannot_move(lab, project) -> None:
    shutil.rmtree(next(project.glob("**/symbol=ETH*")))
    shown = lab.update_lock()
    assert shown.exit_code == 1
    assert "no sealed version" in shown.pins[1].said


def test_pins_whose_store_is_gone_are_no_reason_to_say_that_nothing_is_to_be_updated(lab, project) -> None:
    lock = project / "seamless.lock"
    lock.write_text(re.sub(r"^(rows = .*)$", r'\1\nstore = "gone"', lock.read_text(), flags=re.MULTILINE))
    shown = lab.update_lock()
    assert shown.exit_code == 1
    head, *lines = shown.to_text().splitlines()
    assert head == "seamless.lock  2 pins of 2  cannot move"
    for told in (lines, lab.check_lock().to_text().splitlines()):
        assert [line.split(" is read ")[0] for line in told if "is read from" in line] == ["  ! pin:btc", "  ! pin:eth"]


@pytest.mark.parametrize("gone", ["damaged", "missing", "unknown"])
def test_a_pin_whose_version_cannot_be_compared_stays_and_the_others_move(lab, project, gone: str) -> None:
    before = load(project / "seamless.lock").pins
    restated(project / FOLDER, range(100, 107))
    minutes = walk(5 * 1_440, 60, 2, start=START + 28 * 86_400).with_columns(close=pl.col("close") + 0.01)
    seal(project / FOLDER, "ETH/USDT", minutes, timeframe="1m", at_ms=1_718_000_000_000)
    [tree] = project.rglob(f"trees/{before['btc'].fingerprint}*")
    if gone == "damaged":
        rewrite(tree, tree.read_bytes()[:-9] + b"000000000")
    elif gone == "missing":
        tree.unlink()
    else:
        lock = project / "seamless.lock"
        for digest in {before["btc"].content, before["btc"].fingerprint}:
            lock.write_text(lock.read_text().replace(digest, "0" * 64))
        before = load(lock).pins
    shown = lab.update_lock(write=True)
    assert (shown.exit_code, shown.written) == (1, True)
    assert [str(one.move) for one in shown.pins] == ["cannot move", "changes"]
    assert shown.pins[0].said.endswith("So nobody can say what would change.")
    after = load(project / "seamless.lock").pins
    assert after == {"btc": before["btc"], "eth": shown.pins[1].now}
    anew = f"seamless pin btc {HOURLY} --start 2024-01-01T00:00Z --end 2025-03-02T00:00Z --replace"
    assert "cannot move" in shown.to_text()
    assert shown.pins[0].anew == shown.to_dict()["pins"][0]["anew"] == anew
    assert f"To pin the newest version all the same:\n    {anew}\n" in shown.to_text(), "in one line, to be copied"


@pytest.mark.parametrize("kind", ["damaged", "missing"])
def test_a_pin_moves_only_if_its_files_can_be_compared_whatever_this_machine_remembers(lab, project, kind: str) -> None:
    text, files = (project / "seamless.lock").read_text(), [path for path in data_files(project) if "BTC" in str(path)]
    lab.fetch("pin:btc", domain="research")
    restated(project / FOLDER, range(100, 107))
    version = lab.wiring.sealed.head(lab.lock().pins["btc"].node)
    needed = {path.name for path in data_files(project)} - {path.name for path in files}
    assert version.commit.seq == 2
    assert needed
    [path] = [path for path in files if path.name == max(files, key=lambda one: one.stat().st_size).name]
    if kind == "damaged":
        rewrite(path, path.read_bytes()[:-40] + bytes(40))
    else:
        path.unlink()
    assert lab.check_lock(["btc"]).exit_code == (1 if kind == "damaged" else 3)
    shown = lab.update_lock(["btc"], write=True)
    assert (str(shown.pins[0].move), shown.exit_code, shown.written) == ("cannot move", 1, False)
    assert path.name in shown.pins[0].said
    assert (project / "seamless.lock").read_text() == text


def test_a_pin_that_somebody_else_changes_meanwhile_is_not_told_as_updated(lab, project, monkeypatch) -> None:
    restated(project / FOLDER, range(100, 107))
    lock, put = project / "seamless.lock", update.edit

    def late(path: Path, change):
        disk.edit(path, lambda lock: lock.without("btc"))
        return put(path, change)

    monkeypatch.setattr(update, "edit", late)
    shown = lab.update_lock(["btc"], write=True)
    assert (shown.written, shown.exit_code, str(shown.pins[0].move)) == (False, 1, "cannot move")
    assert "somebody else" in shown.to_text()
    assert list(disk.load(lock).pins) == ["eth"]


def test_a_content_that_was_edited_by_hand_is_not_told_as_a_version_that_is_gone(lab, project) -> None:
    lock, pinned = project / "seamless.lock", lab.lock().pins["btc"]
    text = lock.read_text().replace(f'content = "sha256:{pinned.content}', f'content = "sha256:{"0" * 64}')
    lock.write_text(text)
    shown = lab.update_lock(write=True)
    assert (shown.exit_code, shown.written, lock.read_text()) == (1, False, text)
    assert f"has the content sha256:{pinned.content[:16]}" in shown.pins[0].said
    assert shown.pins[0].said.endswith("and the lockfile says sha256:0000000000000000.")
    assert shown.pins[0].hint.startswith("Restore the lockfile from version control")


def test_a_pin_does_not_move_to_files_that_are_damaged_though_this_machine_remembers_them(lab, project) -> None:
    old = {path.name for path in data_files(project)}
    text = (project / "seamless.lock").read_text()
    restated(project / FOLDER, range(100, 107))
    lab.fetch(f"{HOURLY}@latest", "2024-01-01", "2025-03-02")
    [path] = [path for path in data_files(project) if path.name not in old]
    rewrite(path, path.read_bytes()[:-40] + bytes(40))
    shown = lab.update_lock(write=True)
    assert (str(shown.pins[0].move), shown.exit_code) == ("cannot move", 1)
    assert path.name in shown.pins[0].said
    assert (project / "seamless.lock").read_text() == text
