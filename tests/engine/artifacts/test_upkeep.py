"""Compaction, sweeping and the bound on what a commit says about observation times."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.core.observed import Observed
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.artifacts.coarsen import LIMIT_RUNS, coarsened
from seamless_lab.errors import Corrupted
from tests.engine.artifacts.making import (
    DAY,
    HEADER,
    HOUR,
    MARCH_MS,
    NODE,
    T0,
    Counting,
    Ticking,
    bars_of,
    candidate,
    days,
    files,
    header_of,
    open_store,
)


def daily(root: Path, last: int, clock: Ticking) -> None:
    """Publish day after day, each when it is over."""
    store = open_store(root, clock=clock)
    for day in range(last + 1):
        clock.now = (T0 + (day + 1) * DAY) * 1_000
        store.publish(candidate(days(day), at_ms=day + 1))


def test_compaction_folds_finished_packs_and_changes_no_digest(tmp_path: Path) -> None:
    clock = Ticking()
    daily(tmp_path / "store", 40, clock)
    before = {path.name for path in (tmp_path / "store").rglob("*.*")}
    objects = Counting(FolderObjects(tmp_path / "store"))
    store = open_store(objects, clock=clock)
    version = store.resolve(NODE)
    assert len(store.compact(NODE)) == 1
    assert store.compact(NODE) == ()
    added = {path.name for path in (tmp_path / "store").rglob("*.*")} - before
    assert added == {f"{version.tree.packs[0].digest}.parquet"}
    assert store.resolve(NODE).tree.fingerprint == version.tree.fingerprint

    fresh = open_store(objects)
    objects.clear()
    assert fresh.read(fresh.resolve(NODE), days(0, 30)).bars.frame.equals(bars_of(HEADER, days(0, 30)).frame)
    assert sum(path.endswith(".parquet") for path in objects.reads) == 1
    for seq in (1, 17, 30):  # sealed while the month was open
        assert len(open_store(objects).read(store.resolve(NODE, seq=seq)).bars) == seq * 1_440
    assert store.verify(NODE).ok


def test_a_restated_day_after_compaction_reads_back(tmp_path: Path) -> None:
    clock = Ticking()
    daily(tmp_path, 33, clock)
    store = open_store(tmp_path, clock=clock)
    store.compact(NODE)
    store.publish(candidate(days(5), at_ms=99, salt=8))
    assert store.read(store.resolve(NODE), days(5)).bars.frame.equals(bars_of(HEADER, days(5), 8).frame)
    assert len(open_store(tmp_path).read(store.resolve(NODE)).bars) == 34 * 1_440
    assert store.verify(NODE).ok


def test_the_newest_pack_is_compacted_too_once_its_time_is_over(tmp_path: Path) -> None:
    clock = Ticking()
    daily(tmp_path, 3, clock)
    store = open_store(tmp_path, clock=clock)
    assert store.compact(NODE) == ()
    clock.now = MARCH_MS
    assert len(store.compact(NODE)) == 1
    for path in files(tmp_path, "data"):  # only the folded file is left
        if path.stem != store.resolve(NODE).tree.packs[0].digest:
            path.unlink()
    assert len(open_store(tmp_path).read(store.resolve(NODE)).bars) == 4 * 1_440


def test_nothing_to_compact_is_fine(tmp_path: Path) -> None:
    assert open_store(tmp_path).compact(NODE) == ()


# -- sweeping -----------------------------------------------------------------------------------------------------


def age(path: Path, now_ms: int, seconds: int) -> None:
    os.utime(path, (now_ms / 1_000 - seconds, now_ms / 1_000 - seconds))


def test_a_sweep_deletes_old_leftovers_and_nothing_else(tmp_path: Path) -> None:
    store = open_store(tmp_path, clock=Ticking(MARCH_MS))
    for day in range(3):
        store.publish(candidate(days(day), at_ms=day))
    kept = {path for path in tmp_path.rglob("*") if path.is_file()}
    folder = tmp_path / NODE.path
    leftovers = [
        folder / "data" / f"{'1' * 64}.parquet",
        folder / "trees" / f"{'2' * 64}.json",
        folder / "commits" / ".3.tmp",
    ]
    young = folder / "data" / f"{'4' * 64}.parquet"
    foreign = folder / "data" / "README"
    for path in (*leftovers, young, foreign):
        path.write_bytes(b"12345")
    for path in (*kept, *leftovers, foreign):
        age(path, MARCH_MS, 90_000)
    age(young, MARCH_MS, 80_000)
    swept = store.sweep(NODE)
    assert {tmp_path / path for path in swept.paths} == set(leftovers)
    assert swept.size_bytes == 15
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {*kept, young, foreign}
    assert store.sweep(NODE).paths == ()


def test_a_sweep_keeps_what_was_published_into_a_store_that_replaced_the_one_it_knew(tmp_path: Path) -> None:
    known = open_store(tmp_path, clock=Ticking(MARCH_MS))
    known.publish(candidate(days(0)))
    known.compact(NODE)
    shutil.rmtree(tmp_path / NODE.path)
    open_store(tmp_path, clock=Ticking(MARCH_MS)).publish(candidate(days(0), salt=1))
    for path in tmp_path.rglob("*"):
        age(path, MARCH_MS, 90_000)
    assert known.sweep(NODE).paths == ()
    assert open_store(tmp_path).verify(NODE).ok


def test_a_damaged_store_is_not_swept(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0)))
    leftover = tmp_path / NODE.path / "data" / f"{'1' * 64}.parquet"
    leftover.write_bytes(b"")
    age(leftover, MARCH_MS, 90_000)
    tree = tmp_path / NODE.path / "trees" / f"{store.resolve(NODE).tree.fingerprint}.json"
    tree.unlink()
    with pytest.raises(Corrupted, match="missing"):
        open_store(tmp_path).sweep(NODE)
    assert leftover.exists()


class Interrupting(Counting):
    """An object store in which something happens right before or after a deletion."""

    def __init__(self, inner: FolderObjects) -> None:
        super().__init__(inner)
        self.before_delete = self.after_delete = lambda: None

    def delete(self, path: str) -> None:
        before, self.before_delete = self.before_delete, lambda: None
        before()
        super().delete(path)
        after, self.after_delete = self.after_delete, lambda: None
        after()


def with_leftovers(root: Path, objects: Interrupting) -> tuple[SealedStore, str]:
    """A store to sweep, with all that a killed publisher wrote, and the fingerprint of it."""
    abandoned = open_store(root / "other").publish(candidate(days(7), at_ms=2)).version
    sweeper = open_store(objects, clock=Ticking(MARCH_MS + 10**9))
    sweeper.publish(candidate(header_of("1h").grid.snap_outward(days(0)), header=header_of("1h")))
    for path in [*files(root / "other", "data"), *files(root / "other", "trees")]:
        target = root / "store" / path.relative_to(root / "other")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        age(target, MARCH_MS, 0)
    return sweeper, abandoned.tree.fingerprint


@pytest.mark.parametrize("moment", ["before_delete", "after_delete"])
def test_a_leftover_taken_up_while_it_is_swept_is_put_back(tmp_path: Path, moment: str) -> None:
    """A publisher finds its objects there already, and commits while the sweep deletes them."""
    objects = Interrupting(FolderObjects(tmp_path / "store"))
    sweeper, abandoned = with_leftovers(tmp_path, objects)
    publisher = open_store(tmp_path / "store", clock=Ticking(MARCH_MS + 10**9))
    setattr(objects, moment, lambda: publisher.publish(candidate(days(7), at_ms=2)))
    sweeper.sweep(NODE)
    fresh = open_store(tmp_path / "store")
    assert fresh.resolve(NODE).tree.fingerprint == abandoned
    assert fresh.verify(NODE).ok
    assert not list(tmp_path.rglob("*.swept"))


def test_what_a_killed_sweep_took_from_a_commit_is_put_back_by_the_next(tmp_path: Path) -> None:
    objects = Interrupting(FolderObjects(tmp_path / "store"))
    sweeper, abandoned = with_leftovers(tmp_path, objects)
    publisher = open_store(tmp_path / "store", clock=Ticking(MARCH_MS + 10**9))
    objects.before_delete = lambda: publisher.publish(candidate(days(7), at_ms=2))
    objects.after_delete = killed
    with pytest.raises(KeyboardInterrupt):
        sweeper.sweep(NODE)
    assert not open_store(tmp_path / "store").verify(NODE).ok
    copies = list(tmp_path.rglob("*.swept"))
    assert len(copies) == 1
    sweeper.sweep(NODE)
    fresh = open_store(tmp_path / "store")
    assert fresh.verify(NODE).ok
    assert fresh.resolve(NODE).tree.fingerprint == abandoned
    age(copies[0], MARCH_MS, 0)
    sweeper.sweep(NODE)
    assert not copies[0].exists()
    assert fresh.verify(NODE).ok


def killed() -> None:
    raise KeyboardInterrupt


# -- observation times ---------------------------------------------------------------------------------------------


@given(
    times=st.lists(st.integers(0, 50), min_size=1, max_size=120),
    hours=st.integers(1, 40),
    limit=st.integers(1, 40),
    spare=st.integers(0, 4),
)
def test_coarse_times_answer_the_same_slots_never_earlier(times: list[int], hours: int, limit: int, spare: int) -> None:
    edges = T0 + np.arange(len(times) + 1) * hours * HOUR
    known = [(int(edges[n]), int(edges[n + 1]), at) for n, at in enumerate(times) if at]
    observed = Observed.from_runs(known)
    months = {int(np.datetime64(f"2024-0{spare + 1}").astype("datetime64[s]").astype(int))}
    coarse = coarsened(observed, HEADER.grid, spare=months, limit_runs=limit)
    slots = np.array([start for start, _, _ in known], dtype=np.int64)
    assert coarse.answered == observed.answered
    assert (coarse.at_of(slots) >= observed.at_of(slots)).all()
    inside = slots.astype("datetime64[s]").astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)
    kept = np.isin(inside, list(months))
    assert np.array_equal(coarse.at_of(slots[kept]), observed.at_of(slots[kept]))
    if len(observed) <= limit:
        assert coarse == observed


def test_a_commit_stays_small_however_often_slots_are_observed(tmp_path: Path) -> None:
    header = header_of("1h")
    clock = Ticking((T0 + 3_000 * DAY) * 1_000)
    store = open_store(tmp_path, clock=clock)
    runs = [[T0 + n * 6 * HOUR, T0 + (n + 1) * 6 * HOUR, n + 1] for n in range(4 * 1_500)]
    window = TimeRange(T0, T0 + 1_500 * DAY)
    store.publish(type(candidate(window, header=header))(header, bars_of(header, window), Observed.from_runs(runs)))
    late = TimeRange(window.end, window.end + DAY)
    version = store.publish(candidate(late, at_ms=10**6, header=header)).version
    assert len(version.commit.observed) <= LIMIT_RUNS + 400  # the packs just touched stay exact
    version = store.publish(
        candidate(TimeRange(late.end, late.end + 400 * DAY), at_ms=10**6 + 1, header=header)
    ).version
    assert files(tmp_path, "commits")[-1].stat().st_size <= 16_000
    assert store.verify(header.node).ok
