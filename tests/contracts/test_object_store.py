"""What every object store must do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.engine.ports import ObjectStore
from seamless_lab.errors import NotFound, RequestError

Opener = Callable[[], ObjectStore]


@pytest.fixture(params=["folder", "memory"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same empty store again and again."""
    if request.param == "folder":
        return lambda: FolderObjects(tmp_path / "store")
    memory = FsspecObjects(f"memory://contract{tmp_path}")
    for path, _, _ in memory.list(""):
        memory.delete(path)
    return lambda: FsspecObjects(f"memory://contract{tmp_path}")


@pytest.fixture
def objects(opener: Opener) -> ObjectStore:
    return opener()


def test_what_is_created_is_read_by_everybody(opener: Opener) -> None:
    for data in (b"", b"x", bytes(range(256)) * 5_000):
        path = f"a/b/{len(data)}"
        assert opener().create(path, data)
        assert opener().read(path) == data
        assert opener().exists(path)


def test_creating_again_changes_nothing_and_says_so(objects: ObjectStore) -> None:
    assert objects.create("a/b", b"first")
    assert not objects.create("a/b", b"second")
    assert not objects.create("a/b", b"first")
    assert objects.read("a/b") == b"first"


def test_of_many_creators_of_one_name_exactly_one_wins(opener: Opener) -> None:
    for number in range(20):
        with ThreadPoolExecutor(8) as pool:
            texts = [f"{writer}" * 1_000 for writer in range(8)]
            won = list(pool.map(lambda text, at=number: opener().create(f"race/{at}", text.encode()), texts))
        assert sum(won) == 1
        assert opener().read(f"race/{number}").decode() == texts[won.index(True)]


def test_what_is_absent_is_not_found_and_named(objects: ObjectStore) -> None:
    objects.create("a/b", b"")
    for path in ("nothing", "a/nothing", "a/b/nothing", "a"):
        assert not objects.exists(path)
        with pytest.raises(NotFound, match=path) as caught:
            objects.read(path)
        assert caught.value.facts["path"] == path


def test_a_listing_is_sorted_and_has_sizes_and_times(objects: ObjectStore) -> None:
    for path, data in (("a/b/2", b"22"), ("a/b/1", b"1"), ("a/c", b"333"), ("ab/x", b"4444")):
        objects.create(path, data)
    listed = objects.list("a")
    assert [(path, size) for path, size, _ in listed] == [("a/b/1", 1), ("a/b/2", 2), ("a/c", 3)]
    assert [path for path, _, _ in objects.list("")] == ["a/b/1", "a/b/2", "a/c", "ab/x"]
    times = [modified for _, _, modified in listed]
    assert min(times) > 1_700_000_000_000
    assert max(times) - min(times) < 60_000
    assert not objects.list("nothing")


def test_folders_are_those_directly_below(objects: ObjectStore) -> None:
    for path in ("b/x/1", "a/x/1", "a/y/2", "a/file"):
        objects.create(path, b"")
    assert list(objects.folders("")) == ["a", "b"]
    assert list(objects.folders("a")) == ["x", "y"]
    assert list(objects.folders("nothing")) == []


def test_a_deleted_object_is_gone_and_may_be_created_again(objects: ObjectStore) -> None:
    objects.create("a/b", b"1")
    objects.delete("a/b")
    objects.delete("a/b")
    objects.delete("nothing/at/all")
    assert not objects.exists("a/b")
    assert objects.create("a/b", b"2")
    assert objects.read("a/b") == b"2"


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/etc/passwd", "a//b", "./a", "a/./b", "a\\..\\b", ".."])
def test_no_path_leaves_the_store(objects: ObjectStore, path: str) -> None:
    for ask in (objects.read, objects.exists, objects.delete, objects.list, objects.folders):
        with pytest.raises(RequestError, match="no relative path"):
            ask(path)
    with pytest.raises(RequestError, match="no relative path"):
        objects.create(path, b"")


def test_names_that_stores_use_survive(objects: ObjectStore) -> None:
    path = "ohlcv/exchange=binance/symbol=BTC%2FUSDT%3AUSDT/timeframe=1m/commits/0000000001.json"
    objects.create(path, b"{}")
    assert [found for found, _, _ in objects.list("ohlcv")] == [path]
    assert list(objects.folders("ohlcv/exchange=binance")) == ["symbol=BTC%2FUSDT%3AUSDT"]
