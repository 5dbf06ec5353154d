from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.core.digest import content_of
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import SealedStore
from tests.engine.artifacts.making import (
    DAY,
    HEADER,
    HOUR,
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


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> SealedStore:
    """Hours of 70 days with gaps between them, the first month folded, the last still open."""
    header = header_of("15m")
    store = open_store(tmp_path_factory.mktemp("ragged"), clock=Ticking((T0 + 71 * DAY) * 1_000))
    for number, (begin, end) in enumerate(((0, 3), (5, 9), (20, 40), (41, 58), (63, 70))):
        window = TimeRange(T0 + begin * DAY + 2 * HOUR, T0 + end * DAY + 7 * HOUR)
        store.publish(candidate(window, at_ms=number + 1, header=header, every=1 + number % 2))
    return store


@given(begin=st.integers(-5 * DAY, 75 * DAY), length=st.integers(1, 60 * DAY))
def test_a_window_holds_what_the_whole_holds_there_and_names_it_alike(
    ragged: SealedStore, begin: int, length: int
) -> None:
    header = header_of("15m")
    version = ragged.resolve(header.node)
    whole = ragged.read(version)
    window = header.grid.snap_outward(TimeRange(T0 + begin, T0 + begin + length))
    part = ragged.read(version, TimeRange(T0 + begin, T0 + begin + length))
    assert part.window == window
    assert part.bars.frame.equals(whole.bars.window(window).frame)
    assert part.answered == whole.answered.clip(window)
    assert part.content == content_of(header, part.bars, part.answered)


def test_a_window_around_everything_is_the_fingerprint(ragged: SealedStore) -> None:
    version = ragged.resolve(header_of("15m").node)
    assert ragged.read(version, TimeRange(T0 - DAY, T0 + 99 * DAY)).content == version.tree.fingerprint


def test_content_agrees_between_stores_with_different_history(tmp_path: Path) -> None:
    one, other = open_store(tmp_path / "one"), open_store(tmp_path / "other")
    one.publish(candidate(days(0, 20)))
    for day in (4, 3, 8, 5, 7, 6):
        other.publish(candidate(days(day), at_ms=day + 1))
    window = TimeRange(T0 + 3 * DAY + 5 * HOUR, T0 + 8 * DAY + 60)
    contents = {store.read(store.resolve(NODE), window).content for store in (one, other)}
    assert len(contents) == 1


def test_a_week_opens_only_the_months_it_touches(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path))
    open_store(objects).publish(candidate(days(0, 58)))
    store = open_store(objects, cache=tmp_path / "cache")
    version = store.resolve(NODE)
    objects.clear()
    assert len(store.read(version, days(3, 9)).bars) == 7 * 1_440
    assert sum(path.endswith(".parquet") for path in objects.reads) == 1
    assert len(objects.reads) == 2  # with the pack


def test_what_was_verified_on_this_machine_is_not_read_again(tmp_path: Path) -> None:
    objects = Counting(FolderObjects(tmp_path / "store"))
    store = open_store(objects, cache=tmp_path / "cache")
    store.publish(candidate(days(0, 58)))
    first = store.read(store.resolve(NODE))
    again = open_store(objects, cache=tmp_path / "cache")
    version = again.resolve(NODE)
    objects.clear()
    assert again.read(version).bars.frame.equals(first.bars.frame)
    assert not [path for path in objects.reads if path.endswith(".parquet")]


def test_the_cache_may_vanish_at_any_time(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", cache=tmp_path / "cache")
    store.publish(candidate(days(0, 40)))
    held = store.read(store.resolve(NODE)).bars
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    (tmp_path / "cache").rmdir()
    assert held.frame.equals(bars_of(HEADER, days(0, 40)).frame)
    assert (
        open_store(tmp_path / "store", cache=tmp_path / "cache").read(store.resolve(NODE)).bars.frame.equals(held.frame)
    )


def test_a_store_that_is_gone_is_readable_from_the_cache(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", cache=tmp_path / "cache")
    store.publish(candidate(days(0, 40)))
    version = store.resolve(NODE)
    store.read(version)
    for path in files(tmp_path / "store", "data"):
        path.unlink()
    again = open_store(tmp_path / "store", cache=tmp_path / "cache")
    assert len(again.read(again.resolve(NODE)).bars) == 41 * 1_440


def test_concurrent_reads_of_one_store_agree(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", cache=tmp_path / "cache")
    store.publish(candidate(days(0, 58)))
    starts = np.random.default_rng(1).integers(0, 50, 40).tolist()
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda day: store.read(store.resolve(NODE), days(day, day + 8)), starts))
    for day, part in zip(starts, parts, strict=True):
        assert part.content == content_of(HEADER, bars_of(HEADER, days(day, day + 8)), part.answered)
