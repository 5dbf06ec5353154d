"""Cached files that rotted are found, told and removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.lab import Lab
from tests.app.lock.pinned import HOURLY
from tests.app.rotting import rot


def test_a_cached_file_that_rotted_unseen_is_found_and_removed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))  # what rots here is read by no other test
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab:
        right = lab.sql(query).frame["s"][0]
    wrong = rot(tmp_path / "cache")
    with Lab() as lab:
        assert lab.sql(query).frame["s"][0] != right
        checked = lab.check_lock()
        assert checked.exit_code == 0  # the store holds what was pinned
        said = [note for check in checked.pins for note in check.notes]
        assert said == [wrong_files(wrong)]
        assert lab.sql(query).frame["s"][0] == right
        assert not any(check.notes for check in lab.check_lock().pins)


@pytest.mark.parametrize("check", [Lab.check_lock, Lab.verify, lambda lab: lab.verify("pin:btc")])
def test_a_fetch_after_a_check_gives_no_bars_that_were_kept_from_a_wrong_file(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[[Lab], object]
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    with Lab() as lab:
        right = lab.fetch("pin:btc").content
        close = lab.fetch("pin:btc").frame["close"].sum()
        assert rot(tmp_path / "cache")
        assert lab.fetch("pin:btc").frame["close"].sum() != close, "kept in memory, which is the file's"
        check(lab)
        again = lab.fetch("pin:btc")
        assert (again.content, again.frame["close"].sum()) == (right, close)


@pytest.mark.parametrize("ref", ["pin:btc", HOURLY, f"{HOURLY}@seq:1", None])
def test_verifying_finds_a_cached_file_that_rotted_too(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str | None
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab:
        right = lab.sql(query).frame["s"][0]
        wrong = rot(tmp_path / "cache")
        assert lab.verify(ref).dropped == tuple(wrong), "maps of this process show what the disk has"
        rot(tmp_path / "cache")
    with Lab() as lab:
        lab.sql(query)
        rot(tmp_path / "cache")
        report = lab.verify(ref)
        assert report.exit_code == 0  # the store holds what was sealed, and the cache is no part of it
        assert report.to_dict()["cached_files_removed"] == wrong
        assert wrong_files(wrong) in " ".join(report.to_text().split())
        assert lab.sql(query).frame["s"][0] == right
        assert lab.verify(ref).dropped == ()


def test_what_a_process_holds_of_a_cached_file_that_another_removed_is_found(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab, Lab() as other:
        right = lab.sql(query).frame["s"][0]
        wrong = rot(tmp_path / "cache")
        assert lab.sql(query).frame["s"][0] != right, "mapped, and shared with the file"
        assert other.verify("pin:btc").dropped == tuple(wrong)
        assert lab.verify("pin:btc").dropped == tuple(wrong)
        assert lab.sql(query).frame["s"][0] == right
