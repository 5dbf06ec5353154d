"""A file that appears whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Never

import pytest

from seamless_lab.app.atomic_file import put, replace
from seamless_lab.errors import StoreUnavailable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_gets_the_rights_that_the_umask_leaves_and_nobody_changes_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> Never:
        raise AssertionError("asking for the umask changes it for every thread meanwhile")

    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", refuse)
            put(tmp_path / "new", b"bars")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o640
    assert (tmp_path / "new").read_bytes() == b"bars"


def test_the_rights_of_the_file_before_stay_also_where_the_umask_would_narrow_them(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o664)
    before = os.umask(0o077)
    try:
        put(tmp_path / "old", b"new")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "old"), (tmp_path / "old").read_bytes()) == (0o664, b"new")


def test_what_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with pytest.raises(StoreUnavailable, match="place cannot be written: Is a directory"):
        put(tmp_path / "place", b"bars")
    with pytest.raises(OSError, match="Is a directory"):
        replace(tmp_path / "place", b"bars", tmp_path / "temporary")
    assert [found.name for found in tmp_path.iterdir()] == ["place"]


def test_a_link_to_itself_is_told_as_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StoreUnavailable, match="loop cannot be written"):
        put(tmp_path / "loop", b"bars")


def test_a_name_that_no_system_takes_is_told_as_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="null byte"):
        put(tmp_path / "a\0b", b"bars")
