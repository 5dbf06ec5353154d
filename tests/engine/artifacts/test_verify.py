"""Damage of every kind is found when it is met, and verify names the offender."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.core.reference import Latest, Seq
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.artifacts.documents import commit_path
from seamless_lab.errors import Corrupted, NotFound
from tests.engine.artifacts.making import (
    DAY,
    NODE,
    T0,
    Ticking,
    candidate,
    days,
    files,
    header_of,
    open_store,
)

KINDS = {"pack file": 20_000, "leaf file": 20_000, "pack": 0, "tree": 0, "commit": 0}


def build(root: Path) -> SealedStore:
    """A folded month, an open month of three leaves, six commits."""
    clock = Ticking((T0 + 40 * DAY) * 1_000)
    store = open_store(root, cache=root.parent / "cache", clock=clock)
    store.publish(candidate(days(0, 30)))
    for day in (31, 32, 33):
        store.publish(candidate(days(day), at_ms=day))
    store.publish(candidate(days(33), at_ms=99, salt=3))
    store.publish(candidate(days(2), at_ms=99, salt=3))
    return store


def of_kind(store: SealedStore, root: Path, kind: str) -> list[Path]:
    """All files of a kind that the newest version is made of; of commits, all."""
    tree = store.resolve(NODE).tree
    folder = root / NODE.path
    packs = {ref.digest for ref in tree.packs}
    data = files(root, "data")
    match kind:
        case "pack file":
            return [folder / "data" / f"{tree.packs[0].digest}.parquet"]
        case "leaf file":
            store.forget()
            report = store.verify(NODE, Latest())
            assert report.ok
            sizes = sorted(data, key=lambda path: path.stat().st_size)
            return sizes[:2]
        case "pack":
            return [folder / "trees" / f"{digest}.json" for digest in sorted(packs)]
        case "tree":
            return [folder / "trees" / f"{tree.fingerprint}.json"]
        case _:
            return files(root, "commits")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << (at % 8)
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    for path, data in ((one, second), (other, first)):
        path.chmod(0o644)
        path.write_bytes(data)


def read_all_versions(root: Path) -> None:
    for seq in range(1, 7):
        fresh = open_store(root)
        fresh.read(fresh.resolve(NODE, seq=seq))


def offenders(root: Path) -> set[str]:
    return {offender.path for offender in open_store(root).verify(NODE).offenders}


def test_a_sound_store_has_no_offenders(tmp_path: Path) -> None:
    store = build(tmp_path / "store")
    report = store.verify(NODE)
    assert report.ok
    assert report.versions == 6
    assert report.objects == len([path for path in (tmp_path / "store").rglob("*") if path.is_file()])
    assert report.bytes_read == sum(path.stat().st_size for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert report.rows == (31 + 3 + 1 + 31) * 1_440


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_byte_anywhere_is_detected_and_named(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "store"
    store = build(root)
    chance = random.Random(kind)
    for path in of_kind(store, root, kind):
        sound = path.read_bytes()
        for at in {0, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(12))}:
            flip(path, at)
            assert str(path.relative_to(root)) in offenders(root), f"byte {at} of {path.name}"
            path.chmod(0o644)
            path.write_bytes(sound)
    assert not offenders(root)


@pytest.mark.parametrize("kind", KINDS)
def test_reading_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "store"
    store = build(root)
    path = of_kind(store, root, kind)[-1]
    if kind == "leaf file":  # of an older version: read that one
        path = next(leaf for leaf in files(root, "data") if leaf.stat().st_size < 100_000)
    flip(path, path.stat().st_size // 2)
    with pytest.raises(Corrupted) as caught:
        read_all_versions(root)
    assert caught.value.facts["path"] == str(path.relative_to(root))
    assert caught.value.message.startswith(str(path.relative_to(root)))


@pytest.mark.parametrize(
    "pair",
    [
        lambda store, root: of_kind(store, root, "commit")[:2],
        lambda store, root: of_kind(store, root, "pack")[:2],
        lambda store, root: [*of_kind(store, root, "tree"), of_kind(store, root, "pack")[0]],
        lambda store, root: files(root, "data")[:2],
        lambda store, root: sorted(files(root, "data"), key=lambda path: path.stat().st_size)[:2],
    ],
    ids=["commits", "packs", "tree and pack", "data", "leaves"],
)
def test_two_valid_files_swapped_are_both_named(
    tmp_path: Path, pair: Callable[[SealedStore, Path], list[Path]]
) -> None:
    root = tmp_path / "store"
    one, other = pair(build(root), root)
    swap(one, other)
    assert {str(path.relative_to(root)) for path in (one, other)} <= offenders(root)


def test_files_of_two_nodes_swapped_are_both_named(tmp_path: Path) -> None:
    other = header_of("1m", "ETH/USDT")
    store = open_store(tmp_path)
    for salt, header in enumerate((header_of(), other)):
        store.publish(candidate(days(0), header=header, salt=salt))
    for kind in ("commits", "trees", "data"):
        mine, theirs = files(tmp_path / NODE.path, kind)[0], files(tmp_path / other.node.path, kind)[0]
        swap(mine, theirs)
        fresh = open_store(tmp_path)
        for node, path in ((NODE, mine), (other.node, theirs)):
            assert str(path.relative_to(tmp_path)) in {offender.path for offender in fresh.verify(node).offenders}
        swap(mine, theirs)
        assert fresh.verify(NODE).ok


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_named(tmp_path: Path, kind: str, linked: bool) -> None:
    root = tmp_path / "store"
    store = build(root)
    path = of_kind(store, root, kind)[0]
    if kind == "pack file":  # of a month that never had leaf files
        path = max(files(root, "data"), key=lambda found: found.stat().st_size)
    path.unlink()
    if linked:  # as in a copy of a repository that keeps large files elsewhere
        path.symlink_to("nowhere")
    found = open_store(root).verify(NODE).offenders
    if kind == "pack file":
        assert any(path.name in f"{offender.path} {offender.problem}" for offender in found)
    else:
        assert str(path.relative_to(root)) in {offender.path for offender in found}


@pytest.mark.parametrize("kind", ["commits", "trees", "data"])
@pytest.mark.parametrize("instead, said", [("link", "is a link that leads to no file."), ("folder", "is a folder.")])
def test_what_has_the_name_of_a_file_is_named_and_not_called_missing(
    tmp_path: Path, kind: str, instead: str, said: str
) -> None:
    open_store(tmp_path).publish(candidate(days(0)))
    for path in files(tmp_path, kind):
        path.unlink()
        path.symlink_to("nowhere") if instead == "link" else path.mkdir()
        name = str(path.relative_to(tmp_path))
        assert f"{name} {said}" in [offender.problem for offender in open_store(tmp_path).verify(NODE).offenders]


@pytest.mark.parametrize("count", [1, 3])
def test_the_file_of_a_day_that_is_missing_is_named_and_no_file_that_never_was(tmp_path: Path, count: int) -> None:
    clock = Ticking()
    for day in range(count):
        clock.now = (T0 + (day + 1) * DAY) * 1_000
        open_store(tmp_path, clock=clock).publish(candidate(days(day), at_ms=day + 1))
    version = open_store(tmp_path).resolve(NODE)
    day = days(count // 2)
    lost = next(path for path in files(tmp_path, "data") if pl.read_parquet(path)["ts"][0] == day.start)
    lost.unlink()
    name, store = str(lost.relative_to(tmp_path)), open_store(tmp_path)
    assert [offender.path for offender in store.verify(NODE).offenders] == [name]
    assert [damage.path for damage in store.audit(version, day).damages] == [name]
    assert store.audit(version, day).only_missing


def test_documents_with_good_checksums_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    """A commit that somebody rewrote with a valid checksum breaks the chain."""
    from seamless_lab.engine.artifacts.documents import with_checksum, without_checksum

    root = tmp_path / "store"
    build(root)
    path = files(root, "commits")[2]
    name = str(path.relative_to(root))
    body = without_checksum(name, path.read_bytes()).replace(b'"as_of_ms":17', b'"as_of_ms":16')
    path.chmod(0o644)
    path.write_bytes(with_checksum(name, body))
    assert offenders(root) == {name, str(files(root, "commits")[3].relative_to(root))}


def test_one_version_is_verified_alone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = build(root)
    assert store.verify(NODE, Seq(1)).rows == 31 * 1_440
    restated = of_kind(store, root, "pack file")[0]  # only the newest version is made of it
    flip(restated, 5_000)
    assert store.verify(NODE, Seq(5)).ok
    assert [offender.path for offender in store.verify(NODE, Seq(6)).offenders] == [str(restated.relative_to(root))]


def test_a_damaged_cache_file_is_rebuilt_and_never_delivered(tmp_path: Path) -> None:
    root, cache = tmp_path / "store", tmp_path / "cache"
    store = build(root)
    sound = store.read(store.resolve(NODE)).bars.frame.clone()
    chance = random.Random(7)
    for segment in sorted(cache.glob("*.arrow")):
        for at in (8, *(chance.randrange(segment.stat().st_size) for _ in range(3))):
            data = bytearray(segment.read_bytes())
            data[at] ^= 0x10
            replacement = cache / "damaged"
            replacement.write_bytes(data)
            replacement.rename(segment)
            again = open_store(root, cache=cache)
            assert again.read(again.resolve(NODE)).bars.frame.equals(sound)
    assert FolderObjects(root).exists(f"{NODE.path}/commits/0000000006.json")


def test_verifying_a_node_that_is_not_there_is_no_clean_report(tmp_path: Path) -> None:
    build(tmp_path / "store")
    with pytest.raises(NotFound, match="has no sealed version"):
        open_store(tmp_path / "store").verify(header_of("1h").node)


class Meanwhile(FolderObjects):
    """A store's folder, which lists data before commits as some file systems do; something happens in between."""

    def __init__(self, root: Path, act: Callable[[], object]) -> None:
        super().__init__(root)
        self._act = act

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        if prefix != NODE.path:
            return super().list(prefix)
        data = super().list(f"{prefix}/data")
        self._act()
        return [*data, *super().list(f"{prefix}/trees"), *super().list(f"{prefix}/commits")]


def test_leftovers_that_are_swept_meanwhile_are_no_damage(tmp_path: Path) -> None:
    open_store(tmp_path).publish(candidate(days(0)))
    leftover = tmp_path / NODE.path / "data" / f"{'1' * 64}.parquet"
    leftover.write_bytes(b"")
    assert open_store(Meanwhile(tmp_path, leftover.unlink)).verify(NODE).offenders == ()


def test_rows_that_are_published_meanwhile_are_no_damage_and_are_verified(tmp_path: Path) -> None:
    open_store(tmp_path).publish(candidate(days(0)))
    objects = Meanwhile(tmp_path, lambda: open_store(tmp_path).publish(candidate(days(1), at_ms=2)))
    found = open_store(objects).verify(NODE)
    assert found.offenders == ()
    assert (found.versions, found.rows) == (2, open_store(tmp_path).verify(NODE).rows)


def test_a_first_commit_that_is_gone_is_missed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    build(root)
    gone = files(root, "commits")[0]
    gone.unlink()
    assert offenders(root) == {str(gone.relative_to(root))}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_numbered_but_no_commit_makes_no_commit_missing(tmp_path: Path, kind: str) -> None:
    store = build(tmp_path / "root")
    beside = tmp_path / "root" / NODE.path / "commits" / "20240101"
    if kind == "folder":
        beside.mkdir()
    else:
        beside.write_text("kept")
    assert {offender.path for offender in store.verify(NODE).offenders} <= {f"{NODE.path}/commits/20240101"}


def test_a_newest_commit_that_is_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    store = build(tmp_path / "root")
    path = tmp_path / "root" / commit_path(NODE, store.resolve(NODE).commit.seq)
    path.unlink()
    path.symlink_to("nowhere")
    found = open_store(tmp_path / "root").verify(NODE).offenders
    assert f"{NODE.path}/commits/{path.name}" in {offender.path for offender in found}


def test_a_file_among_the_commits_that_only_looks_numbered_is_named(tmp_path: Path) -> None:
    store = build(tmp_path / "root")
    (tmp_path / "root" / NODE.path / "commits" / "².json").write_text("{}")
    assert [offender.path for offender in store.verify(NODE).offenders] == [f"{NODE.path}/commits/².json"]
