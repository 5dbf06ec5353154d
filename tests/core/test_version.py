"""Trees, packs and commits: bytes that read back to the same, and refuse to read as anything else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.digest import PackRef, leaves_of, packs_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.version import (
    Commit,
    Tree,
    Version,
    commit_from_bytes,
    pack_from_bytes,
    pack_to_bytes,
    tree_from_bytes,
)
from seamless_lab.errors import Corrupted
from tests.core.models import series

HEADER, BARS, ANSWERED = series("1m", 1_709_164_800 - 7_200, 3_000)
PACKS = packs_of(HEADER, leaves_of(HEADER, BARS, ANSWERED))
TREE = Tree.of(HEADER, tuple(PackRef(pack.cell, pack.digest, pack.rows, pack.answered) for pack in PACKS))
TREE_BYTES = TREE.to_bytes()
PACK_BYTES = pack_to_bytes(HEADER, PACKS[0])
COMMIT = Commit(
    seq=1,
    previous="",
    as_of_ms=1_717_200_000_000,
    fingerprint=TREE.fingerprint,
    bounds=TREE.bounds,
    rows=TREE.rows,
    observed=Observed.at(ANSWERED, 1_717_100_000_000),
    conformance={"version": "v2", "flags": {}},
)


def test_a_tree_reads_back() -> None:
    tree = tree_from_bytes(TREE_BYTES, fingerprint=TREE.fingerprint, path="t")
    assert tree.to_bytes() == TREE_BYTES
    assert tree.header == HEADER
    assert tree.answered == ANSWERED
    assert tree.rows == len(BARS)
    assert tree.bounds == ANSWERED.bounds
    assert Version(COMMIT, tree).header == HEADER


def test_a_pack_reads_back() -> None:
    pack = pack_from_bytes(PACK_BYTES, digest=PACKS[0].digest, path="p")
    assert pack_to_bytes(HEADER, pack) == PACK_BYTES
    assert pack.answered == PACKS[0].answered
    assert pack.rows == PACKS[0].rows


def test_a_commit_reads_back() -> None:
    commit = commit_from_bytes(COMMIT.to_bytes(), path="c")
    assert commit.to_bytes() == COMMIT.to_bytes()
    assert commit.observed == COMMIT.observed
    assert commit.bounds == COMMIT.bounds


def test_what_a_rollback_withdrew_reads_back_and_is_not_written_where_there_is_nothing() -> None:
    withdrawn = Observed.from_runs([[0, 60, 5], [120, 240, 7]])
    data = replace(COMMIT, withdrawn=withdrawn).to_bytes()
    assert commit_from_bytes(data, path="c").withdrawn == withdrawn
    assert json.loads(data)["withdrawn_at_ms"] == withdrawn.runs()
    assert b"withdrawn" not in COMMIT.to_bytes()
    assert not len(commit_from_bytes(COMMIT.to_bytes(), path="c").withdrawn)


def test_the_empty_tree_and_commit_read_back() -> None:
    empty = Tree.of(HEADER, ())
    tree = tree_from_bytes(empty.to_bytes(), fingerprint=empty.fingerprint, path="t")
    assert tree.answered == Ranges.empty()
    assert tree.bounds is None
    commit = Commit(seq=0, previous="", as_of_ms=0, fingerprint="", bounds=None, rows=0, observed=Observed.none())
    assert commit_from_bytes(commit.to_bytes(), path="c").bounds is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"7", b"\xff\xfe", b'{"format":"seamless.tree/1"}', TREE_BYTES[:-1]]
)
def test_what_is_none_of_them_is_corrupted(data: bytes) -> None:
    with pytest.raises(Corrupted, match=r"x\.json"):
        tree_from_bytes(data, fingerprint=TREE.fingerprint, path="x.json")
    with pytest.raises(Corrupted, match=r"x\.json"):
        pack_from_bytes(data, digest=PACKS[0].digest, path="x.json")
    with pytest.raises(Corrupted, match=r"x\.json"):
        commit_from_bytes(data, path="x.json")


@pytest.mark.parametrize(
    "name, value",
    [
        ("node", "nonsense"),
        ("node", 7),
        ("grid", [0, 0]),
        ("grid", [60]),
        ("grid", "60"),
        ("packs", 7),
        ("packs", [[1, 2]]),
        ("packs", [[1, "zz", 1, []]]),
    ],
)
def test_a_malformed_field_is_corrupted(name: str, value: object) -> None:
    data = json.dumps({**json.loads(TREE_BYTES), name: value}).encode()
    with pytest.raises(Corrupted):
        tree_from_bytes(data, fingerprint=TREE.fingerprint, path="t")


@pytest.mark.parametrize(
    "change", [{"range": [5, 5]}, {"range": 7}, {"observed_at_ms": [[1]]}, {"format": "x"}, {"observed_at_ms": "x"}]
)
def test_a_malformed_commit_is_corrupted(change: dict[str, object]) -> None:
    with pytest.raises(Corrupted):
        commit_from_bytes(json.dumps({**json.loads(COMMIT.to_bytes()), **change}).encode(), path="c")


@given(st.integers(0, len(TREE_BYTES) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_tree_or_pack_never_passes_for_other_content(place: int, flip: int) -> None:
    for data, key, read in (
        (TREE_BYTES, TREE.fingerprint, lambda d: tree_from_bytes(d, fingerprint=TREE.fingerprint, path="t")),
        (PACK_BYTES, PACKS[0].digest, lambda d: pack_from_bytes(d, digest=PACKS[0].digest, path="p")),
    ):
        at = place % len(data)
        changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
        try:
            found = read(changed)
        except Corrupted:
            continue
        # Answered slots and rows are repeated here for reading; the digests of the leaves are what commits to them.
        assert getattr(found, "fingerprint", None) == key or getattr(found, "digest", None) == key


def test_swapped_files_are_told_apart() -> None:
    if len(PACKS) > 1:
        with pytest.raises(Corrupted):
            pack_from_bytes(pack_to_bytes(HEADER, PACKS[1]), digest=PACKS[0].digest, path="p")
    other = Tree.of(HEADER, TREE.packs[:1])
    with pytest.raises(Corrupted):
        tree_from_bytes(other.to_bytes(), fingerprint=TREE.fingerprint, path="t")
