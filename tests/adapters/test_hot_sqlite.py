"""What the SQLite hot store does beyond the contract."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Attempt
from seamless_lab.errors import ConfigError, Corrupted, InvalidTime
from tests.adapters.hot_process import BLOCKS, EVERYTHING, stamped
from tests.adapters.hot_process import HEADER as STAMPED
from tests.contracts.hot_cases import (
    COARSE,
    DAY,
    HEADER,
    NODE,
    Model,
    Step,
    apply,
    bars,
    coarse,
    failing,
    minutes,
    written,
)


@pytest.fixture
def store(tmp_path: Path) -> SqliteHotStore:
    return SqliteHotStore(SqliteFile(tmp_path / "hot.db"))


def spans(ends: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair) + 1))


@given(
    asks=st.lists(
        st.tuples(spans(st.integers(0, 20)), st.sampled_from(["failed", "rejected", "answered", "write"])), max_size=25
    )
)
def test_forgetting_old_asks_never_changes_what_stands_as_failed(
    tmp_path_factory: pytest.TempPathFactory, asks: list[tuple[tuple[int, int], str]]
) -> None:
    file = SqliteFile(tmp_path_factory.mktemp("hot") / "hot.db")
    store, model = SqliteHotStore(file, attempts_kept=3), Model()
    for at_ms, (span, outcome) in enumerate(asks, start=1):
        window = coarse(*span)
        step: Step = Attempt(COARSE.node, window, at_ms, outcome, 0, 1)
        if outcome == "write":
            step = written(window, bars({}, COARSE), at_ms, header=COARSE)
        apply(store, step)
        model.apply(step)
    model.check(store, 0, 30)
    file.close()


def test_old_asks_are_forgotten(tmp_path: Path) -> None:
    store = SqliteHotStore(SqliteFile(tmp_path / "hot.db"), attempts_kept=16)
    store.record_attempts([failing(minutes(0, 100), 1, error="timed out")])
    for place in range(200):
        store.record_attempts([Attempt(NODE, minutes(10, 20), 10 + place, "answered", 0, 1)])
    state = store.load(HEADER, DAY)
    assert state.attempts.height <= 16 + 2 + 2
    assert state.attempts.rows()[:2] == [
        (minutes(0, 10).start, minutes(0, 10).end, 1, "failed", "timed out", "test", 0, 0),
        (minutes(20, 100).start, minutes(20, 100).end, 1, "failed", "timed out", "test", 0, 0),
    ]
    assert state.failed.pairs() == [[DAY.start, DAY.start + 600], [DAY.start + 1_200, DAY.start + 6_000]]


def test_old_asks_are_forgotten_also_by_processes_that_ask_little(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db")
    for place in range(300):
        if place % 3 == 0:
            store = SqliteHotStore(file, attempts_kept=64)
        store.record_attempts([Attempt(NODE, minutes(10, 20), 10 + place, "answered", 0, 1)])
    assert store.load(HEADER, DAY).attempts.height <= 64 + 16


def test_every_series_forgets_its_old_asks(tmp_path: Path) -> None:
    store = SqliteHotStore(SqliteFile(tmp_path / "hot.db"), attempts_kept=16)
    for place in range(100):
        for node in (NODE, COARSE.node):  # taking turns
            store.record_attempts([Attempt(node, minutes(10, 20), 10 + place, "answered", 0, 1)])
    for header in (HEADER, COARSE):
        assert store.load(header, DAY).attempts.height <= 16 + 4


def test_recording_an_ask_again_changes_nothing(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db")
    store = SqliteHotStore(file)
    write = replace(written(minutes(0, 10), bars({}), 1_000), unpriced=Ranges.single(minutes(3, 5)))

    def rows() -> list[tuple[object, ...]]:
        with file.reading() as connection:
            found: list[tuple[object, ...]] = connection.execute("SELECT * FROM attempt").fetchall()
        return found

    store.write(write)
    once = rows()
    store.write(write)
    assert rows() == once


def test_a_finished_day_is_compressed_and_a_growing_one_is_not(store: SqliteHotStore) -> None:
    values = {slot: float(slot % 7) for slot in range(1_440)}
    store.write(written(minutes(0, 1_439), bars({slot: values[slot] for slot in range(1_439)}), 1_000))
    growing = size(store)
    store.write(written(minutes(1_439, 1_440), bars({1_439: values[1_439]}), 2_000))
    assert size(store) < growing / 3
    assert store.load(HEADER, DAY).bars.frame.equals(bars(values).frame)


def size(store: SqliteHotStore) -> int:
    with store._file.reading() as connection:
        found: int = connection.execute("SELECT sum(length(bars)) FROM chunk").get
    return found


def test_a_chunk_that_does_not_match_its_checksum_is_never_read(tmp_path: Path) -> None:
    store = SqliteHotStore(SqliteFile(tmp_path / "hot.db"))
    store.write(written(minutes(0, 10), bars({0: 1.0, 5: 2.0}), 1_000))
    other = apsw.Connection(str(tmp_path / "hot.db"))
    payload = other.execute("SELECT bars FROM chunk").get
    other.execute("UPDATE chunk SET bars = ?", (payload[:-1] + bytes([payload[-1] ^ 1]),))
    for use in (
        lambda: store.load(HEADER, DAY),
        store.check,
        lambda: store.write(written(minutes(1, 2), bars({}), 2_000)),
    ):
        with pytest.raises(Corrupted, match="checksum"):
            use()
    other.close()


def test_a_flipped_bit_is_detected_or_harmless(tmp_path: Path) -> None:
    good = SqliteHotStore(SqliteFile(tmp_path / "good.db"))
    for number in range(BLOCKS):
        good.write(stamped(number, number + 1))
    before = good.load(STAMPED, EVERYTHING)
    good.close()
    data = (tmp_path / "good.db").read_bytes()
    places, detected = random.Random(3), 0
    for place in range(80):
        folder = tmp_path / str(place)
        folder.mkdir()
        changed = bytearray(data)
        changed[places.randrange(len(data) if place % 2 else 12 * 4_096)] ^= 1 << places.randrange(8)
        (folder / "hot.db").write_bytes(changed)
        store = SqliteHotStore(SqliteFile(folder / "hot.db"))
        try:
            state = store.load(STAMPED, EVERYTHING)
            assert state.bars.frame.equals(before.bars.frame)
            assert state.observed == before.observed
        except (Corrupted, ConfigError):
            detected += 1
        finally:
            store.close()
            shutil.rmtree(folder)
    assert detected > 5


def test_the_widest_window_can_be_asked(store: SqliteHotStore) -> None:
    state = store.load(HEADER, TimeRange(0, 4_000_000_020))
    assert len(state.bars) == 0


def test_times_before_1970_never_reach_into_the_series_before(store: SqliteHotStore) -> None:
    weekly = Header(replace(NODE, timeframe="1w"), grid_of("binance", "1w"))
    store.write(written(DAY, bars({0: 1.0}), 1_000))
    first = weekly.grid.floor(0)
    window = TimeRange(first, first + 10 * weekly.grid.step_s)
    with pytest.raises(InvalidTime, match="from 1970 on"):
        store.write(written(window, Bars.none(weekly.node, weekly.grid), 1_000, header=weekly))
    assert store.bounds(weekly) is None
    later = TimeRange(weekly.grid.ceil(0), window.end)
    store.write(written(later, Bars.none(weekly.node, weekly.grid), 1_000, header=weekly))
    assert store.bounds(HEADER) == DAY
    assert store.bounds(weekly) == later
    known = Observed.at(Ranges.single(later), 1_000)
    assert store.load(weekly, window).observed == store.observed(weekly, window) == known
    assert store.observed(weekly, TimeRange(first, later.start)) == Observed.none()
    assert store.evict(weekly, Observed.at(Ranges.single(window), 2_000), before_s=later.end) == 9
    assert store.bounds(weekly) is None
    assert store.bounds(HEADER) == DAY
