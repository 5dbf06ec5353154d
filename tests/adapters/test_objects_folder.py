import errno
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.errors import ConfigError, Corrupted, StoreUnavailable
from tests.engine.artifacts.making import PROCESSES
from tests.processes import told_by_all


def race(root: str, writer: int, rounds: int, results: Connection) -> None:
    """Create the same names as everybody else; send which ones were won."""
    objects = FolderObjects(root)
    results.send([number for number in range(rounds) if objects.create(f"race/{number}", str(writer).encode() * 2_000)])


def test_of_many_processes_exactly_one_creates_each_name(tmp_path: Path) -> None:
    won = told_by_all(PROCESSES, [(race, (str(tmp_path), writer, 60)) for writer in range(4)])
    assert sorted(number for numbers in won for number in numbers) == list(range(60))
    for writer, numbers in enumerate(won):
        for number in numbers:
            assert (tmp_path / "race" / str(number)).read_bytes() == str(writer).encode() * 2_000
    assert len(list((tmp_path / "race").iterdir())) == 60


def test_objects_are_read_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.create("a/b", b"1")
    objects.create("a/b", b"2")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "a" / "b").stat().st_nlink == 1


def test_what_a_killed_writer_leaves_is_listed_but_is_no_object(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.create("a/b", b"1")
    (tmp_path / "a" / ".0123.tmp").write_bytes(b"half")
    assert [path for path, _, _ in objects.list("")] == ["a/.0123.tmp", "a/b"]
    objects.delete("a/.0123.tmp")
    assert [path for path, _, _ in objects.list("")] == ["a/b"]


def test_opening_a_store_makes_nothing_and_its_url_is_absolute(tmp_path: Path) -> None:
    objects = FolderObjects(os.path.relpath(tmp_path / "new"))
    assert not objects.list("")
    assert not (tmp_path / "new").exists()
    assert objects.url == str(tmp_path / "new")


def test_a_folder_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.create("a/b", b"1")
    objects.delete("a/b")
    (tmp_path / "a").rmdir()
    assert objects.create("a/b", b"2")


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"cannot be written: (Not a directory|File exists)"):
        FolderObjects(tmp_path / "file").create("a/b", b"")


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda objects: objects.read("a/b"), id="read"),
        pytest.param(lambda objects: objects.list("a"), id="list"),
        pytest.param(lambda objects: objects.folders("a"), id="folders"),
    ],
)
def test_what_the_disk_cannot_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Callable[[FolderObjects], object]
) -> None:
    objects = FolderObjects(tmp_path)
    objects.create("a/b", b"1")

    def broken(*_: object, **__: object) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("builtins.open", broken)
    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(StoreUnavailable, match=f"^{tmp_path}/a.* cannot be read: Input/output error") as told:
        look(objects)
    assert told.value.hint


@pytest.mark.parametrize("lost", ["file", "folder"])
def test_a_link_to_a_file_is_an_object_until_the_file_is_lost(tmp_path: Path, lost: str) -> None:
    objects, there = FolderObjects(tmp_path / "store"), tmp_path / "there"
    (tmp_path / "store" / "a").mkdir(parents=True)
    (tmp_path / "store" / "a" / "b").symlink_to(there)
    there.write_bytes(b"1")
    assert objects.read("a/b") == b"1"
    assert not objects.create("a/b", b"2")
    there.unlink()
    if lost == "folder":
        there.mkdir()
    with pytest.raises(Corrupted, match=f"^{tmp_path}/store/a/b is a link that leads to no file"):
        objects.create("a/b", b"2")
    assert ["a/b"] * (lost == "file") == [path for path, _, _ in objects.list("a")]


def test_a_folder_with_the_name_of_an_object_is_named(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(Corrupted, match=f"^{tmp_path}/a/b is a folder"):
        objects.create("a/b", b"2")


def test_who_loses_a_race_at_the_last_moment_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, link = FolderObjects(tmp_path), os.link

    def later(source: str, target: str) -> None:
        Path(target).write_bytes(b"first")
        link(source, target)

    monkeypatch.setattr(os, "link", later)
    assert not objects.create("a/b", b"second")
    assert objects.read("a/b") == b"first"
