import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header, content_of
from seamless_lab.core.grid import Grid
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate
from seamless_lab.errors import ClockSkew, Corrupted, DataError, NotFound
from tests.engine.artifacts.making import (
    DAY,
    HEADER,
    HOUR,
    JANUARY,
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


def test_what_is_published_reads_back_and_its_fingerprint_is_its_content(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    made = store.publish(candidate(JANUARY))
    sealed = open_store(tmp_path).read(store.resolve(NODE))
    assert made.created
    assert sealed.bars.frame.equals(bars_of(HEADER, JANUARY).frame)
    assert sealed.content == made.version.tree.fingerprint == content_of(HEADER, sealed.bars, sealed.answered)


def test_the_layout_is_a_leaf_a_pack_a_tree_and_a_commit(tmp_path: Path) -> None:
    open_store(tmp_path, clock=Ticking((T0 + 5 * DAY) * 1_000)).publish(candidate(days(3)))
    folder = tmp_path / "ohlcv" / "exchange=binance" / "symbol=BTC%2FUSDT" / "timeframe=1m"
    assert [path.parent.name for path in sorted(folder.rglob("*.*"))] == ["commits", "data", "trees", "trees"]
    assert (folder / "commits" / "0000000001.json").is_file()


def test_equal_to_the_head_makes_no_commit_and_gives_the_same_pair(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first = store.publish(candidate(days(0), at_ms=1))
    for again in (
        candidate(days(0), at_ms=1),
        candidate(days(0), at_ms=2),
        candidate(TimeRange(T0, T0 + HOUR), at_ms=3),
    ):
        repeated = store.publish(again)
        assert not repeated.created
        assert repeated.version.commit.seq == first.version.commit.seq == 1
    assert len(files(tmp_path, "commits")) == 1


def test_equal_to_an_older_version_is_a_new_commit_of_the_old_fingerprint(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fingerprints = [
        store.publish(candidate(days(0), at_ms=at, salt=at % 2)).version.tree.fingerprint for at in (1, 2, 3)
    ]
    assert fingerprints[0] == fingerprints[2] != fingerprints[1]
    assert store.resolve(NODE).commit.seq == 3


def test_the_later_observation_wins_and_ties_go_to_the_head(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0), at_ms=5, salt=1))
    store.publish(candidate(days(0), at_ms=5, salt=2))
    store.publish(candidate(days(0), at_ms=4, salt=3))
    assert store.read(store.resolve(NODE)).bars.frame.equals(bars_of(HEADER, days(0), 1).frame)
    store.publish(candidate(days(0), at_ms=6, salt=4))
    assert store.read(store.resolve(NODE)).bars.frame.equals(bars_of(HEADER, days(0), 4).frame)


def test_a_later_quiet_answer_removes_the_bar(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0), at_ms=1))
    store.publish(candidate(days(0), at_ms=2, every=2))
    sealed = store.read(store.resolve(NODE))
    assert len(sealed.bars) == 720
    assert sealed.answered == Ranges.single(days(0))


def test_a_day_in_many_parts_equals_the_day_at_once(tmp_path: Path) -> None:
    whole = open_store(tmp_path / "whole").publish(candidate(days(0, 2)))
    parts = open_store(tmp_path / "parts")
    cuts = T0 + np.array([0, 7 * HOUR, 7 * HOUR + 60, DAY, DAY + 60, 2 * DAY + 11 * HOUR, 3 * DAY])
    for number in (3, 0, 5, 2, 4, 1):
        last = parts.publish(candidate(TimeRange(int(cuts[number]), int(cuts[number + 1])), at_ms=number + 1))
    assert last.version.tree.fingerprint == whole.version.tree.fingerprint
    assert parts.verify(NODE).ok


def test_as_of_grows_even_when_the_clock_stands_still_or_lags_a_little(tmp_path: Path) -> None:
    clock = Ticking(MARCH_MS, step_ms=0)
    store = open_store(tmp_path, clock=clock)
    for day in range(4):
        store.publish(candidate(days(day)))
        clock.now -= 1_000
    assert [commit.as_of_ms for commit in store.history(NODE)] == [MARCH_MS + 3, MARCH_MS + 2, MARCH_MS + 1, MARCH_MS]


def test_a_clock_far_behind_the_head_cannot_publish(tmp_path: Path) -> None:
    open_store(tmp_path, clock=Ticking(MARCH_MS)).publish(candidate(days(0)))
    behind = open_store(tmp_path, clock=Ticking(MARCH_MS - 5_100))
    with pytest.raises(ClockSkew, match="local clock"):
        behind.publish(candidate(days(1)))
    assert not behind.publish(candidate(days(0))).created


def test_a_day_writes_four_objects_and_reads_no_rows_whatever_the_history(tmp_path: Path) -> None:
    reads = set()
    for history in (40, 250):
        clock = Ticking((T0 + (history + 1) * DAY) * 1_000)
        objects = Counting(FolderObjects(tmp_path / str(history)))
        store = open_store(objects, clock=clock)
        store.publish(candidate(days(0, history - 1), every=3))
        objects.clear()
        store.publish(candidate(days(history), at_ms=2))
        kinds = [path.split("/")[-2] for path, _ in objects.created]
        sizes = {path.split("/")[-2]: size for path, size in objects.created}
        assert sorted(kinds) == ["commits", "data", "trees", "trees"]
        assert kinds[-1] == "commits"
        assert sum(size for _, size in objects.created) <= 2 * sizes["data"] + 16_000
        assert not [path for path in objects.reads if path.endswith(".parquet")][1:]  # one existence check
        assert not objects.listed
        reads.add(len(objects.reads))
    assert reads == {4}


@pytest.mark.parametrize("refilled", [False, True])
def test_a_store_deleted_under_a_process_loses_nothing_that_is_published_later(tmp_path: Path, refilled: bool) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0)))
    shutil.rmtree(tmp_path / "ohlcv")
    if refilled:
        open_store(tmp_path, clock=Ticking(MARCH_MS + 1)).publish(candidate(days(1), at_ms=2))
    made = store.publish(candidate(days(2), at_ms=3))
    other = open_store(tmp_path)
    assert made.version.commit.seq == (2 if refilled else 1)
    assert other.resolve(NODE).tree.fingerprint == made.version.tree.fingerprint
    assert len(other.read(other.resolve(NODE)).bars) == (2 if refilled else 1) * 1_440
    assert other.verify(NODE).ok


def test_nothing_is_published_onto_a_newest_commit_that_was_damaged_under_a_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0), at_ms=1))
    (commit,) = files(tmp_path, "commits")
    text = commit.read_text()
    commit.chmod(0o644)
    commit.write_text(text.replace('"tests"', '"tasts"'))  # its checksum stays the one that is known
    assert commit.read_text() != text
    with pytest.raises(Corrupted):
        store.publish(candidate(days(1), at_ms=2))
    assert files(tmp_path, "commits") == [commit]


def test_a_store_deleted_under_a_process_has_no_newest_version(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0)))
    shutil.rmtree(tmp_path / "ohlcv")
    assert store.head(NODE) is None
    with pytest.raises(NotFound, match="no sealed version"):
        store.resolve(NODE)


def test_a_late_day_of_a_finished_month_keeps_the_month_readable(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0, 20)))  # the month is over: one file
    assert len(files(tmp_path, "data")) == 1
    store.publish(candidate(days(25), at_ms=2))
    store.publish(candidate(days(10), at_ms=3, salt=9))
    sealed = open_store(tmp_path).read(store.resolve(NODE))
    assert len(sealed.bars) == 22 * 1_440
    assert sealed.bars.window(days(10)).frame.equals(bars_of(HEADER, days(10), 9).frame)
    assert store.verify(NODE).ok


def test_an_open_month_grows_by_leaves_and_survives_its_end(tmp_path: Path) -> None:
    clock = Ticking(T0 * 1_000)
    store = open_store(tmp_path, clock=clock)
    for day in range(31):
        clock.now = (T0 + (day + 1) * DAY) * 1_000
        store.publish(candidate(days(day), at_ms=day + 1))
    clock.now = MARCH_MS
    store.publish(candidate(days(4), at_ms=99, salt=3))  # restated when the month is over, still by leaf
    assert len(files(tmp_path, "data")) == 32
    assert len(open_store(tmp_path).read(store.resolve(NODE)).bars) == 31 * 1_440
    assert store.verify(NODE).ok


def test_slots_that_are_only_quiet_need_no_data_file(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    quiet = Candidate(HEADER, Bars.none(NODE, HEADER.grid), Observed.at(Ranges.single(days(0, 40)), 1))
    version = store.publish(quiet).version
    sealed = open_store(tmp_path).read(version)
    assert not files(tmp_path, "data")
    assert (len(sealed.bars), sealed.answered) == (0, Ranges.single(days(0, 40)))
    store.publish(candidate(days(3), at_ms=2))
    assert len(open_store(tmp_path).read(store.resolve(NODE)).bars) == 1_440
    assert store.verify(NODE).ok


@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "1h", "4h", "1d", "1w"])
def test_every_timeframe_is_cut_into_its_cells(tmp_path: Path, timeframe: str) -> None:
    header = header_of(timeframe)
    start = header.grid.ceil(T0)
    end = start + 9_000 * header.grid.step_s if timeframe in ("1s", "1m") else header.grid.ceil(T0 + 500 * DAY)
    middle = header.grid.floor((start + end) // 2)
    store = open_store(tmp_path, clock=Ticking((end + DAY) * 1_000))
    store.publish(candidate(TimeRange(middle, end), header=header))
    version = store.publish(candidate(TimeRange(start, middle), header=header, at_ms=2)).version
    assert version.tree.fingerprint == content_of(header, bars_of(header, TimeRange(start, end)), version.tree.answered)
    assert store.verify(header.node).ok


def test_the_commit_archives_the_evidence(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.publish(
        Candidate(
            HEADER,
            bars_of(HEADER, days(0)),
            Observed.at(Ranges.single(days(0)), 77),
            conformance={"version": "v2", "flags": {"gap": 3}, "report": {"rows": 1_440}},
            producer={"identity": "me"},
            provenance={"window": [1, 2]},
            watermark_ms=123,
        )
    )
    stored = json.loads(files(tmp_path, "commits")[0].read_bytes())
    assert stored["conformance"]["flags"] == {"gap": 3}
    assert stored["producer"] == {"identity": "me"}
    assert (stored["publication_watermark_ms"], stored["provenance"]) == (123, {"window": [1, 2]})
    assert stored["observed_at_ms"] == [[T0, T0 + DAY, 77]]


def test_evidence_never_changes_a_fingerprint(tmp_path: Path) -> None:
    one = open_store(tmp_path / "one").publish(candidate(days(0), at_ms=1, report=1))
    other = open_store(tmp_path / "other", clock=Ticking(MARCH_MS + 12_345)).publish(
        candidate(days(0), at_ms=9, report=2)
    )
    assert one.version.tree.fingerprint == other.version.tree.fingerprint


def test_a_bar_in_an_unanswered_slot_cannot_be_sealed(tmp_path: Path) -> None:
    bad = Candidate(HEADER, bars_of(HEADER, days(0)), Observed.at(Ranges.single(TimeRange(T0, T0 + HOUR)), 1))
    with pytest.raises(DataError, match="1380 bars open in slots that are not answered"):
        open_store(tmp_path).publish(bad)


def test_answers_off_the_grid_cannot_be_sealed(tmp_path: Path) -> None:
    off = Observed.at(Ranges.single(TimeRange(T0, T0 + 90)), 1)
    with pytest.raises(DataError, match="off the grid"):
        open_store(tmp_path).publish(Candidate(HEADER, bars_of(HEADER, TimeRange(T0, T0 + 60)), off))


def test_nothing_cannot_be_sealed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    nothing = Candidate(HEADER, Bars.none(NODE, HEADER.grid), Observed.none())
    with pytest.raises(DataError, match="nothing answered"):
        store.publish(nothing)
    store.publish(candidate(days(0)))
    assert not store.publish(nothing).created


@pytest.mark.parametrize("other", [Header(NODE, Grid(60, 30)), Header(NODE, HEADER.grid, "v9")])
def test_another_grid_or_conformance_is_refused(tmp_path: Path, other: Header) -> None:
    store = open_store(tmp_path)
    store.publish(candidate(days(0)))
    window = other.grid.snap_outward(days(1))
    with pytest.raises(DataError, match="is sealed with the grid"):
        store.publish(candidate(window, header=other, at_ms=2))


def test_stored_documents_keep_their_bytes(tmp_path: Path) -> None:
    """Format 1 on disk. A change needs a new format number and a line in the CHANGELOG."""
    open_store(tmp_path, clock=Ticking((T0 + DAY) * 1_000, step_ms=0)).publish(
        candidate(TimeRange(T0, T0 + 180), at_ms=5)
    )
    stored = {
        f"{path.parent.name}/{path.stem[:12]}": hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for kind in ("commits", "trees")
        for path in files(tmp_path, kind)
    }
    assert stored == {
        "commits/0000000001": "119183576c5f6ae0",
        "trees/34dc2fc08c76": "2a2d55f56023d124",
        "trees/d952c248fdb2": "8e934d2f52bab1bb",
    }


@pytest.mark.parametrize("month_is_over", [True, False])
def test_a_data_file_that_was_moved_aside_comes_back_when_its_bars_are_published_again(
    tmp_path: Path, month_is_over: bool
) -> None:
    now_ms = MARCH_MS if month_is_over else (T0 + 4 * DAY) * 1_000
    made = open_store(tmp_path, clock=Ticking(now_ms)).publish(candidate(days(0, 3), at_ms=1)).version
    kept = {path: path.read_bytes() for path in files(tmp_path, "data")}
    assert len(kept) == (1 if month_is_over else 4)
    for path, data in kept.items():
        path.chmod(0o644)
        path.write_bytes(data[:-50] + bytes(50))
    with pytest.raises(Corrupted, match=r"checksum|Parquet") as damaged:
        open_store(tmp_path).read(made)
    assert "Move it aside" in damaged.value.hint
    again = candidate(days(0, 3), at_ms=2)
    open_store(tmp_path).publish(again)
    assert not open_store(tmp_path).verify(NODE).ok  # what is there is never overwritten
    for path in kept:
        path.rename(path.with_suffix(".damaged"))
    with pytest.raises(Corrupted, match="is missing") as missing:
        open_store(tmp_path).read(made)
    assert f"backfill {NODE} --start 2024-01-01T00:00Z --end 2024-01-05T00:00Z --refresh" in missing.value.hint
    repeated = open_store(tmp_path, clock=Ticking(now_ms + 99)).publish(again)
    assert not repeated.created
    for path, data in kept.items():
        path.with_suffix(".damaged").unlink()
        assert path.read_bytes() == data
    assert open_store(tmp_path).verify(NODE).ok
    assert open_store(tmp_path).read(made).bars.frame.equals(bars_of(HEADER, days(0, 3)).frame)


def test_days_that_are_published_again_mend_a_month_bit_by_bit(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    made = store.publish(candidate(TimeRange(days(28).start, days(34).end), at_ms=1)).version
    for path in files(tmp_path, "data"):
        path.unlink()
    open_store(tmp_path).publish(candidate(days(28, 29), at_ms=2))
    assert not open_store(tmp_path).verify(NODE).ok
    restated = open_store(tmp_path)
    bars = pl.concat([bars_of(HEADER, days(30)).frame, bars_of(HEADER, days(31, 34), 7).frame])
    observed = Observed.at(Ranges.single(days(30, 34)), 3)
    restated.publish(Candidate(HEADER, Bars(NODE, HEADER.grid, bars), observed))
    sealed = open_store(tmp_path).read(open_store(tmp_path).resolve(NODE))
    assert len(sealed.bars) == 7 * 1_440
    with pytest.raises(Corrupted, match="is missing"):  # the exchange no longer says what it said
        open_store(tmp_path).read(made)


def test_what_is_rolled_back_to_is_verified_in_its_files_not_in_what_this_machine_has_cached(tmp_path: Path) -> None:
    root, cache = tmp_path / "store", tmp_path / "cache"
    older = open_store(root, cache=cache).publish(candidate(days(0))).version
    [data] = files(root, "data")
    open_store(root, cache=cache).publish(candidate(days(0), at_ms=2, salt=1))
    store = open_store(root, cache=cache)
    store.read(older)
    data.chmod(0o644)
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(Corrupted, match=data.name):
        store.restore(older)
    assert open_store(root).resolve(NODE).commit.seq == 2
