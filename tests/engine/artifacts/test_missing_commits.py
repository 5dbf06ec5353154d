"""Commits that are missing, or whose names something else has: nothing is written over them, and nothing is deleted."""

from contextlib import suppress
from pathlib import Path

import pytest

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.engine.artifacts.documents import commit_path
from seamless_lab.errors import Corrupted, DataError, Missing, NotFound
from tests.engine.artifacts.making import (
    DAY,
    MARCH_MS,
    NODE,
    Counting,
    Ticking,
    candidate,
    days,
    files,
    open_store,
)


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_nothing_is_published_or_rolled_back_onto_a_commit_that_others_follow_and_that_is_missing(
    tmp_path: Path, lost: int
) -> None:
    clock = Ticking(MARCH_MS)
    for day in range(5):
        open_store(tmp_path, clock=clock).publish(candidate(days(day), clock.now))
    newest = open_store(tmp_path).resolve(NODE, seq=5)
    path = next(tmp_path.rglob(f"commits/{lost:010d}.json"))
    path.unlink()
    there = set(files(tmp_path, "commits"))
    for write in (lambda store: store.publish(candidate(days(7), clock.now)), lambda store: store.restore(newest)):
        with suppress(Missing):  # or else it was written on top of the newest, which was found past the hole
            write(open_store(tmp_path, clock=clock))
        new = set(files(tmp_path, "commits")) - there
        assert all(int(commit.stem) > 5 for commit in new)
    kept = files(tmp_path, "data") + files(tmp_path, "trees") + files(tmp_path, "commits")
    with pytest.raises(DataError, match="is missing, though later commits are there"):
        open_store(tmp_path, clock=Ticking(MARCH_MS + 400 * DAY * 1_000)).sweep(NODE)
    assert kept == files(tmp_path, "data") + files(tmp_path, "trees") + files(tmp_path, "commits")
    for moment in range(MARCH_MS, MARCH_MS + 40, 3):
        try:
            found = open_store(tmp_path).resolve(NODE, as_of_ms=moment).commit
        except DataError:  # a later one may be what is lost, or all are later
            continue
        assert found.as_of_ms <= moment
        assert found.seq != lost - 1, "the one that is missing may be newer, and as old"
    whole = open_store(tmp_path).resolve(NODE, fingerprint=newest.tree.fingerprint)
    assert whole.tree.fingerprint == newest.tree.fingerprint, "what is lost is no part of it"
    store = open_store(tmp_path)
    assert [node for node in store.nodes() if not store.verify(node).ok] == [NODE]
    for read in (
        lambda: store.resolve(NODE, seq=lost),
        lambda: list(store.history(NODE)),
        lambda: list(store.changes(NODE, days(0, 4))),
    ):
        with pytest.raises(Missing, match="later commits are there"):
            read()


@pytest.mark.parametrize("opened", ["before", "after"])
@pytest.mark.parametrize("taken", ["link", "folder"])
def test_a_next_commit_whose_name_something_else_has_is_named_and_not_tried_for_ever(
    tmp_path: Path, taken: str, opened: str
) -> None:
    store = open_store(tmp_path)
    first = store.publish(candidate(days(0))).version
    head = store.publish(candidate(days(1))).version
    path = tmp_path / commit_path(NODE, 3)
    if taken == "link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    store = store if opened == "before" else open_store(tmp_path)
    for write in (lambda: store.publish(candidate(days(2))), lambda: store.restore(first)):
        with pytest.raises(Corrupted, match=path.name):
            write()
    assert store.resolve(NODE).tree.fingerprint == head.tree.fingerprint


def test_a_sweep_by_a_process_that_runs_for_long_deletes_nothing_past_a_commit_that_is_missing(tmp_path: Path) -> None:
    clock = Ticking(MARCH_MS)
    old = open_store(tmp_path, clock=clock)
    old.publish(candidate(days(0), clock.now))
    for day in range(1, 5):
        open_store(tmp_path, clock=clock).publish(candidate(days(day), clock.now))
    next(tmp_path.rglob("commits/0000000002.json")).unlink()
    next(tmp_path.rglob("commits/0000000003.json")).unlink()
    kept = files(tmp_path, "data") + files(tmp_path, "trees") + files(tmp_path, "commits")
    clock.now += 400 * DAY * 1_000
    for write in (lambda: old.sweep(NODE), lambda: open_store(tmp_path, clock=clock).sweep(NODE)):
        with pytest.raises(Missing):
            write()
    assert kept == files(tmp_path, "data") + files(tmp_path, "trees") + files(tmp_path, "commits")


@pytest.mark.parametrize("ask", ["latest", "seq", "as_of", "fingerprint"])
def test_what_is_published_while_it_is_looked_for_is_not_missing(tmp_path: Path, ask: str) -> None:
    """Another publishes the first commit between the look for it and the listing for the error."""
    clock = Ticking(MARCH_MS)

    class Late(Counting):
        def list(self, prefix: str):
            open_store(tmp_path, clock=clock).publish(candidate(days(0), clock.now))
            return super().list(prefix)

    selectors = {"latest": {}, "seq": {"seq": 1}, "as_of": {"as_of_ms": MARCH_MS}, "fingerprint": {"fingerprint": "ab"}}
    store = open_store(Late(FolderObjects(tmp_path)))
    if ask == "seq":
        assert store.resolve(NODE, **selectors[ask]).commit.seq == 1
    else:
        with pytest.raises(NotFound, match="has no sealed version"):
            store.resolve(NODE, **selectors[ask])


def test_commits_that_others_make_while_commits_are_listed_are_no_hole(tmp_path: Path) -> None:
    clock = Ticking(MARCH_MS)
    open_store(tmp_path, clock=clock).publish(candidate(days(0), clock.now))

    class Late(Counting):
        """Shows the commits that two others make while it lists."""

        def list(self, prefix: str):
            for day in (1, 2):
                open_store(tmp_path, clock=clock).publish(candidate(days(day), clock.now))
            return super().list(prefix)

    made = open_store(Late(FolderObjects(tmp_path)), clock=clock).publish(candidate(days(3), clock.now))
    assert made.version.commit.seq == 4


def test_a_newest_commit_that_is_a_link_to_no_file_is_not_said_to_be_followed(tmp_path: Path) -> None:
    clock = Ticking(MARCH_MS)
    for day in range(2):
        open_store(tmp_path, clock=clock).publish(candidate(days(day), clock.now))
    newest = next(tmp_path.rglob("commits/0000000002.json"))
    newest.unlink()
    newest.symlink_to("nowhere")
    said = r"0000000002\.json is missing, though its name is there"
    with pytest.raises(Missing, match=said):
        open_store(tmp_path, clock=clock).publish(candidate(days(7), clock.now))
    with pytest.raises(Missing, match=said):
        open_store(tmp_path, clock=clock).sweep(NODE)
