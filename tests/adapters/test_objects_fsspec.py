from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.errors import ConfigError


class LossyFileSystem(MemoryFileSystem):
    """A store that takes a second creation for an overwrite, as some S3 gateways do."""

    protocol = "lossy"
    store: dict[str, object] = {}  # noqa: RUF012  # as its base declares it

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: object) -> None:
        super().pipe_file(path, value, mode="overwrite")


class StrictFileSystem(MemoryFileSystem):
    """A store whose creation is conditional."""

    protocol = "strict"
    store: dict[str, object] = {}  # noqa: RUF012  # as its base declares it


class OldFileSystem(MemoryFileSystem):
    """A store that does not know conditional creation at all."""

    protocol = "old"
    store: dict[str, object] = {}  # noqa: RUF012  # as its base declares it

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: object) -> None:
        if mode == "create":
            raise NotImplementedError("exclusive creation")
        super().pipe_file(path, value, mode=mode)


for kind in (LossyFileSystem, StrictFileSystem, OldFileSystem):
    fsspec.register_implementation(kind.protocol, kind, clobber=True)


@pytest.mark.parametrize(
    "url, reason",
    [("lossy://bucket/a", "two writers of one new object both succeeded"), ("old://bucket/a", "exclusive creation")],
)
def test_a_store_without_atomic_creation_is_refused_and_left_as_it_was(url: str, reason: str) -> None:
    objects = FsspecObjects(url)
    for _ in range(2):
        with pytest.raises(ConfigError, match=reason) as caught:
            objects.create("x", b"1")
        assert "conditional PUT" in caught.value.hint
    assert not objects.list("")


def test_a_store_that_passes_the_probe_is_written_to() -> None:
    objects = FsspecObjects("strict://bucket/a")
    assert objects.create("x", b"1")
    assert not objects.create("x", b"2")
    assert [path for path, _, _ in objects.list("")] == ["x"]


def test_a_folder_is_read_through_a_url_but_written_by_its_path(tmp_path: Path) -> None:
    FolderObjects(tmp_path).create("a/b", b"1")
    objects = FsspecObjects(tmp_path.as_uri())
    assert objects.read("a/b") == b"1"
    assert [(path, size) for path, size, _ in objects.list("a")] == [("a/b", 1)]
    assert list(objects.folders("")) == ["a"]
    with pytest.raises(ConfigError, match="by its path"):
        objects.create("c", b"")


def test_a_url_shows_no_credentials() -> None:
    objects = FsspecObjects("memory://user:secret@host/folder?token=abc")
    assert "secret" not in objects.url
    assert "abc" not in objects.url
