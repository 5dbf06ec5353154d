import math
import shutil
from pathlib import Path

import pytest

from seamless_lab.adapters.objects_fsspec import FsspecObjects
from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Seq
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.artifacts.documents import commit_path
from seamless_lab.errors import Corrupted, InvalidReference, Missing, NotFound
from tests.engine.artifacts.making import (
    HEADER,
    MARCH_MS,
    NODE,
    T0,
    Counting,
    Ticking,
    candidate,
    days,
    header_of,
    open_store,
)


def filled(objects: Counting | Path, versions: int) -> SealedStore:
    """A store with some versions a second apart, the first as of MARCH_MS + 1000."""
    store = open_store(objects, clock=Ticking(MARCH_MS, step_ms=1_000))
    for number in range(versions):
        store.publish(candidate(TimeRange(T0 + 60 * number, T0 + 60 * number + 60), at_ms=number + 1))
    return store


@pytest.fixture
def objects() -> Counting:
    counting = Counting(FsspecObjects("memory://resolve"))
    for path, _, _ in counting.list(""):
        counting.delete(path)
    return counting


@pytest.mark.parametrize("versions", [1, 2, 3, 7, 8, 40])
def test_every_moment_resolves_to_the_newest_version_before_it(objects: Counting, versions: int) -> None:
    store = filled(objects, versions)
    for number in range(1, versions + 1):
        for offset in (0, 1, 999):
            assert store.resolve(NODE, as_of_ms=MARCH_MS + 1_000 * number + offset).commit.seq == number
            assert open_store(objects).resolve(NODE, as_of_ms=MARCH_MS + 1_000 * number + offset).commit.seq == number
    assert open_store(objects).resolve(NODE, as_of_ms=2**50).commit.seq == versions


@pytest.mark.parametrize("versions", [1, 2, 10, 100])
def test_resolving_reads_a_logarithm_of_the_commits_and_lists_nothing(objects: Counting, versions: int) -> None:
    filled(objects, versions)
    for number in {1, 2, versions // 2 + 1, versions}:
        objects.clear()
        open_store(objects).resolve(NODE, as_of_ms=MARCH_MS + 1_000 * number)
        assert len(objects.reads) <= 2 * math.log2(versions) + 4 + 1  # and the tree
        assert not objects.listed
    objects.clear()
    assert open_store(objects).resolve(NODE).commit.seq == versions
    assert len(objects.reads) <= 2 * math.log2(versions) + 4 + 1


def test_a_held_index_answers_without_reading(objects: Counting) -> None:
    store = filled(objects, 30)
    store.resolve(NODE, as_of_ms=MARCH_MS + 7_000)
    objects.clear()
    assert store.resolve(NODE, as_of_ms=MARCH_MS + 7_000).commit.seq == 7
    assert not objects.reads
    assert store.resolve(NODE).commit.seq == 30
    assert len(objects.reads) == 3  # whether it is still there, whether somebody else committed, and one is missing


def test_a_moment_before_the_first_version_names_the_first(objects: Counting) -> None:
    store = filled(objects, 3)
    with pytest.raises(NotFound, match=r"had no version at .*its first is seq:1, as of 2024-03-01T00:00:01.000Z"):
        store.resolve(NODE, as_of_ms=MARCH_MS)


def test_a_sequence_number_out_of_reach_names_the_nearest(objects: Counting) -> None:
    store = filled(objects, 3)
    assert store.resolve(NODE, seq=2).commit.seq == 2
    for wrong, nearest in ((0, 1), (4, 3), (-1, 1), (99, 3)):
        with pytest.raises(NotFound, match="there are seq:1 to seq:3") as caught:
            store.resolve(NODE, seq=wrong)
        assert f"seq:{nearest}" in caught.value.hint


def test_a_fingerprint_prefix_finds_its_newest_commit(objects: Counting) -> None:
    store = open_store(objects)
    for at_ms in (1, 2, 3):
        store.publish(candidate(days(0), at_ms=at_ms, salt=at_ms % 2))
    fingerprint = store.resolve(NODE, seq=1).tree.fingerprint
    for prefix in (fingerprint, fingerprint[:8], f"sha256:{fingerprint[:12]}"):
        assert open_store(objects).resolve(NODE, fingerprint=prefix).commit.seq == 3


def test_an_unknown_fingerprint_names_the_newest(objects: Counting) -> None:
    store = filled(objects, 2)
    with pytest.raises(NotFound, match="starts with 00000000") as caught:
        store.resolve(NODE, fingerprint="00000000")
    assert store.resolve(NODE).tree.fingerprint[:12] in caught.value.hint


@pytest.mark.parametrize("prefix", ["", "sha256:", "zzzzzzzz", "../../etc", "a" * 65])
def test_a_malformed_fingerprint_is_refused(objects: Counting, prefix: str) -> None:
    with pytest.raises(InvalidReference, match="is no fingerprint"):
        filled(objects, 1).resolve(NODE, fingerprint=prefix)


def test_an_ambiguous_prefix_lists_its_candidates(objects: Counting) -> None:
    store = filled(objects, 40)
    fingerprints = [commit.fingerprint for commit in store.history(NODE)]
    digit = max("0123456789abcdef", key=[text[0] for text in fingerprints].count)
    with pytest.raises(InvalidReference, match=r"starts several fingerprints .*\(seq:\d+\), sha256"):
        store.resolve(NODE, fingerprint=digit)


def test_an_unknown_node_names_its_neighbours(objects: Counting) -> None:
    store = filled(objects, 1)
    for selector in ({}, {"seq": 1}, {"as_of_ms": 1}, {"fingerprint": "0" * 8}):
        with pytest.raises(NotFound, match="has no sealed version") as caught:
            store.resolve(header_of("1h").node, **selector)
        assert str(NODE) in caught.value.hint
    assert store.head(header_of("1h").node) is None
    assert store.head_commit(header_of("1h").node) is None


def test_selectors_and_keywords_agree(objects: Counting) -> None:
    store = filled(objects, 3)
    fingerprint = store.resolve(NODE, seq=2).tree.fingerprint
    for selector in (Latest(), AsOf(2**50), Seq(2), Fingerprint(fingerprint)):
        assert store.verify(NODE, selector).ok
    with pytest.raises(ValueError, match="one selector"):
        store.resolve(NODE, seq=1, as_of_ms=1)


def test_another_publisher_is_seen_at_once(tmp_path: Path) -> None:
    one, other = open_store(tmp_path), open_store(tmp_path)
    assert one.head(NODE) is None
    for day in range(5):
        (one, other)[day % 2].publish(candidate(days(day)))
        assert one.resolve(NODE).commit.seq == other.resolve(NODE).commit.seq == day + 1


def test_a_store_that_was_replaced_is_seen_at_once(tmp_path: Path) -> None:
    known = open_store(tmp_path)
    known.publish(candidate(days(0)))
    shutil.rmtree(tmp_path / NODE.path)
    other = open_store(tmp_path).publish(candidate(days(0), salt=1)).version
    assert known.resolve(NODE).tree.fingerprint == other.tree.fingerprint
    assert known.resolve(NODE, seq=1).tree.fingerprint == other.tree.fingerprint


def test_a_digest_is_looked_for_in_the_store_that_is_there_now(tmp_path: Path) -> None:
    known = open_store(tmp_path)
    gone = known.publish(candidate(days(0))).version.tree.fingerprint
    shutil.rmtree(tmp_path / NODE.path)
    there = open_store(tmp_path).publish(candidate(days(0), salt=1)).version.tree.fingerprint
    assert known.resolve(NODE, fingerprint=there).commit.seq == 1
    with pytest.raises(NotFound, match="has no version whose fingerprint"):
        known.resolve(NODE, fingerprint=gone)


def test_a_version_is_read_by_its_digest_behind_two_commits_that_are_lost(tmp_path: Path) -> None:
    last = filled(tmp_path, 5).resolve(NODE)
    for seq in (3, 4):
        (tmp_path / commit_path(NODE, seq)).unlink()
    assert open_store(tmp_path).resolve(NODE, fingerprint=last.tree.fingerprint[:12]).commit.seq == 5
    with pytest.raises(Missing, match=r"0000000003\.json is missing"):
        open_store(tmp_path).resolve(NODE, fingerprint="0" * 12)


@pytest.mark.parametrize("seq", [3, 5])
def test_a_damaged_commit_keeps_nobody_from_a_version_that_is_whole(tmp_path: Path, seq: int) -> None:
    store = filled(tmp_path, 5)
    whole, damaged = (store.resolve(NODE, seq=number).tree.fingerprint for number in (2, seq))
    path = tmp_path / commit_path(NODE, seq)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])
    assert open_store(tmp_path).resolve(NODE, fingerprint=whole).commit.seq == 2
    with pytest.raises(Corrupted, match=path.name):
        open_store(tmp_path).resolve(NODE, fingerprint=damaged)


def test_history_is_newest_first_and_nodes_are_those_with_a_version(objects: Counting) -> None:
    store = filled(objects, 3)
    store.publish(candidate(days(0), header=header_of("1h", "ETH/USDT:USDT")))
    objects.create(f"{header_of('1d').node.path}/data/{'0' * 64}.parquet", b"left by somebody who was killed")
    objects.create("README/exchange=x/symbol=y/timeframe=1m/commits/0000000001.json", b"no node")
    assert [commit.seq for commit in store.history(NODE)] == [3, 2, 1]
    assert [str(node) for node in store.nodes()] == [str(HEADER.node), "ohlcv:binance:ETH/USDT:USDT:1h"]
