"""What every hot store must do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed, merge
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.engine.ports import Attempt, HotStore, HotWrite
from tests.contracts.hot_cases import (
    COARSE,
    DAY,
    HEADER,
    NODE,
    SLOTS,
    T0,
    Model,
    Step,
    apply,
    attempts,
    bars,
    coarse,
    failing,
    minutes,
    slots_in,
    writes,
    written,
)


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HotStore]:
    made = {"sqlite": lambda: SqliteHotStore(SqliteFile(tmp_path / "hot.db"))}[request.param]()
    yield made
    made.close()


def test_an_empty_store_knows_nothing(store: HotStore) -> None:
    state = store.load(HEADER, DAY)
    assert len(state.bars) == 0
    assert dict(state.bars.frame.schema) == SCHEMA
    assert state.observed == Observed.none()
    assert not len(state.failed)
    assert not len(state.before_listing)
    assert state.attempts.is_empty()
    assert store.bounds(HEADER) is None
    assert list(store.nodes()) == []


def test_a_write_is_read_back_exactly(store: HotStore) -> None:
    have = bars({0: 1.0, 1: None, 2: -0.0, 1439: 4.5, 1440: 1e-300, 1500: 1e300})
    window = minutes(0, 2_000)
    store.write(written(window, have, 1_000, asked_at_ms=900))
    state = store.load(HEADER, window)
    assert state.bars.frame.equals(have.frame)
    assert np.signbit(state.bars.frame["open"][2])
    Bars.validated(NODE, HEADER.grid, state.bars.frame)
    assert state.observed == Observed.at(Ranges.single(window), 1_000)
    assert state.attempts.rows() == [(window.start, window.end, 900, "answered", "", "test", 6, 1)]


def test_a_load_is_cut_to_its_window(store: HotStore) -> None:
    store.write(written(minutes(0, 2_000), bars({5: 1.0, 10: 2.0, 20: 3.0}), 1_000))
    store.record_attempts([failing(minutes(5_000, 5_001), 1)])
    state = store.load(HEADER, minutes(6, 20))
    assert state.bars.frame["open"].to_list() == [2.0]
    assert state.observed.runs() == [[T0 + 360, T0 + 1_200, 1_000]]
    assert state.attempts.height == 1
    assert len(store.load(HEADER, minutes(-100, 0)).bars) == 0


def test_a_later_observation_wins_and_a_tie_goes_to_what_is_stored(store: HotStore) -> None:
    window = minutes(0, 3)
    store.write(written(window, bars({0: 1.0, 1: 1.0}), 1_000))
    store.write(written(window, bars({0: 2.0, 1: 2.0, 2: 2.0}), 1_000))
    assert store.load(HEADER, window).bars.frame["open"].to_list() == [1.0, 1.0]
    store.write(written(window, bars({0: 3.0, 1: 3.0, 2: 3.0}), 999))
    assert store.load(HEADER, window).bars.frame["open"].to_list() == [1.0, 1.0]
    store.write(written(minutes(1, 3), bars({1: 4.0}), 1_001))
    state = store.load(HEADER, window)
    assert state.bars.frame["open"].to_list() == [1.0, 4.0]
    assert state.observed.runs() == [[T0, T0 + 60, 1_000], [T0 + 60, T0 + 180, 1_001]]


def test_a_later_quiet_answer_removes_a_bar(store: HotStore) -> None:
    store.write(written(minutes(0, 3), bars({0: 1.0, 1: 1.0, 2: 1.0}), 1_000))
    store.write(written(minutes(1, 2), bars({}), 2_000))
    state = store.load(HEADER, minutes(0, 3))
    assert state.bars.frame["ts"].to_list() == [T0, T0 + 120]
    assert state.observed.answered == Ranges.single(minutes(0, 3))


def test_slots_that_were_not_answered_stay_unknown(store: HotStore) -> None:
    answered = Ranges.of([minutes(0, 2), minutes(4, 5)])
    store.write(written(minutes(0, 10), bars({0: 1.0, 4: 2.0}), 1_000, answered=answered))
    assert store.load(HEADER, minutes(0, 10)).observed.answered == answered


def test_writing_the_same_again_changes_nothing(store: HotStore) -> None:
    write = written(minutes(0, 3), bars({0: 1.0}), 1_000)
    store.write(write)
    before = store.load(HEADER, DAY)
    store.write(write)
    after = store.load(HEADER, DAY)
    assert after.bars.frame.equals(before.bars.frame)
    assert after.observed == before.observed
    assert after.attempts.equals(before.attempts)


def test_asks_that_brought_nothing_are_recorded_all_or_none(store: HotStore) -> None:
    broken = replace(failing(minutes(4, 6), 1_000), error=object())
    with pytest.raises(Exception, match="object"):
        store.record_attempts([failing(minutes(0, 2), 1_000), broken])
    assert store.load(HEADER, minutes(0, 10)).attempts.is_empty()
    store.record_attempts([failing(minutes(0, 2), 1_000), failing(minutes(4, 6), 1_000)])
    assert store.load(HEADER, minutes(0, 10)).failed == Ranges.of([minutes(0, 2), minutes(4, 6)])


def test_a_slot_is_failed_while_its_latest_ask_failed(store: HotStore) -> None:
    store.record_attempts([failing(minutes(0, 10), 1_000)])
    assert store.load(HEADER, DAY).failed == Ranges.single(minutes(0, 10))
    assert store.load(HEADER, minutes(5, 20)).failed == Ranges.single(minutes(5, 10))
    store.write(written(minutes(0, 4), bars({0: 1.0}), 1_000))
    assert store.load(HEADER, DAY).failed == Ranges.single(minutes(4, 10))
    store.record_attempts([Attempt(NODE, minutes(4, 6), 1_001, "answered", 0, 1)])  # came back, proved nothing
    assert store.load(HEADER, DAY).failed == Ranges.single(minutes(6, 10))
    store.record_attempts([failing(minutes(8, 9), 2_000, "rejected")])
    store.record_attempts([Attempt(NODE, minutes(6, 10), 1_500, "answered", 0, 1)])
    assert store.load(HEADER, DAY).failed == Ranges.single(minutes(8, 9))


def test_an_unpriced_slot_is_failed_until_answered(store: HotStore) -> None:
    unpriced = Ranges.single(minutes(1, 2))
    store.write(written(minutes(0, 3), bars({0: 1.0}), 1_000, unpriced=unpriced))
    state = store.load(HEADER, DAY)
    assert state.failed == unpriced
    assert state.observed.answered == Ranges.of([minutes(0, 1), minutes(2, 3)])
    store.write(written(minutes(0, 3), bars({0: 1.0}), 2_000, answered=Ranges.single(minutes(0, 1))))
    assert not len(store.load(HEADER, DAY).failed), "asked again, and no row without a price came"
    store.write(written(minutes(0, 3), bars({0: 1.0}), 3_000, unpriced=unpriced))
    store.write(written(minutes(1, 2), bars({1: 5.0}), 4_000))
    assert not len(store.load(HEADER, DAY).failed)


def test_before_listing_goes_with_the_answer_that_said_so(store: HotStore) -> None:
    early = Ranges.single(minutes(0, 5))
    store.write(written(minutes(0, 10), bars({5: 1.0}), 1_000, before=early))
    assert store.load(HEADER, DAY).before_listing == early
    store.write(written(minutes(4, 5), bars({4: 1.0}), 2_000))
    assert store.load(HEADER, DAY).before_listing == Ranges.single(minutes(0, 4))
    store.write(written(minutes(0, 10), bars({}), 500, before=Ranges.single(minutes(0, 10))))
    assert store.load(HEADER, DAY).before_listing == Ranges.single(minutes(0, 4))


def test_bounds_and_nodes_name_what_is_held(store: HotStore) -> None:
    other = Header(parse_node("ohlcv:binance:BTC/USDT:USDT:1h"), grid_of("binance", "1h"))
    stricter = Header(NODE, HEADER.grid, "v3")
    store.write(written(minutes(3, 5), bars({3: 1.0}), 1_000))
    store.write(written(minutes(5_000, 5_001), bars({}), 1_000))
    window = parse_window("2024-03", None, now_s=0)
    store.write(written(window, bars({1_440: 7.0}, other), 1_000, header=other))
    store.write(written(minutes(0, 1), bars({}, stricter), 1_000, header=stricter))
    assert store.bounds(HEADER) == minutes(3, 5_001)
    assert store.bounds(other) == window
    assert list(store.nodes()) == [HEADER, stricter, other]


@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "1h", "1d", "1w"])
def test_every_leaf_size_holds_bars_at_its_edges(store: HotStore, timeframe: str) -> None:
    node = parse_node(f"ohlcv:kraken:ETH/USD:{timeframe}")
    header = Header(node, grid_of("kraken", timeframe))
    span = 4_000 if timeframe != "1w" else 200
    have = bars({slot: float(slot) for slot in range(0, span, 7)}, header)
    first = header.grid.ceil(T0)
    window = TimeRange(first, first + span * header.grid.step_s)
    store.write(written(window, have, 5, header=header))
    state = store.load(header, window)
    assert state.bars.frame.equals(have.frame)
    assert state.observed == Observed.at(Ranges.single(window), 5)


def test_evicting_drops_only_what_a_commit_holds_as_new(store: HotStore) -> None:
    store.write(written(minutes(0, 4), bars({0: 1.0, 1: 1.0, 2: 1.0}), 1_000))
    store.write(written(minutes(1, 2), bars({1: 2.0}), 3_000))
    store.write(written(minutes(1_440, 1_450), bars({1_440: 1.0}), 1_000))
    sealed = Observed.from_runs([[T0, T0 + 180, 2_000], [T0 + 86_400, T0 + 87_000, 1_000]])
    assert store.evict(HEADER, sealed, before_s=T0 + 90_000_000) == 2 + 10
    state = store.load(HEADER, minutes(0, 3_000))
    assert state.bars.frame["open"].to_list() == [2.0]
    assert state.observed.runs() == [[T0 + 60, T0 + 120, 3_000], [T0 + 180, T0 + 240, 1_000]]
    assert store.bounds(HEADER) == minutes(1, 4)


def test_evicting_leaves_recent_bars(store: HotStore) -> None:
    store.write(written(minutes(0, 10), bars(dict.fromkeys(range(10), 1.0)), 1_000))
    sealed = Observed.at(Ranges.single(minutes(0, 10)), 1_000)
    assert store.evict(HEADER, sealed, before_s=T0 + 5 * 60 + 59) == 5
    assert store.load(HEADER, DAY).bars.frame["ts"].to_list() == [T0 + 60 * slot for slot in range(5, 10)]
    assert store.evict(HEADER, Observed.none(), before_s=T0 * 2) == 0
    assert store.evict(HEADER, sealed, before_s=0) == 0


@given(steps=st.lists(st.one_of(writes(), attempts()), max_size=8), cut=st.tuples(SLOTS, SLOTS))
def test_any_history_reads_as_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], cut: tuple[int, int]
) -> None:
    file = SqliteFile(tmp_path_factory.mktemp("hot") / "hot.db")
    store, model = SqliteHotStore(file), Model()
    for step in steps:
        apply(store, step)
        model.apply(step)
    model.check(store, min(cut), max(cut) + 1)
    file.close()


@given(steps=st.lists(writes(), min_size=2, max_size=5))
def test_the_order_of_writes_observed_at_different_times_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, steps: list[HotWrite]
) -> None:
    distinct = [
        written(
            step.window,
            step.bars,
            place + 10,
            header=COARSE,
            answered=step.answered,
            unpriced=step.unpriced,
            before=step.before_listing,
        )
        for place, step in enumerate(steps)
    ]
    states = []
    for order in (distinct, distinct[::-1]):
        file = SqliteFile(tmp_path_factory.mktemp("hot") / "hot.db")
        store = SqliteHotStore(file)
        for step in order:
            store.write(step)
        states.append(store.load(COARSE, coarse(0, 221)))
        file.close()
    one, other = states
    assert one.bars.frame.equals(other.bars.frame)
    assert one.observed == other.observed
    assert one.failed == other.failed
    assert one.before_listing == other.before_listing


@given(steps=st.lists(writes(), min_size=1, max_size=4), sealed=writes(), until=SLOTS)
def test_evicting_never_changes_what_head_and_hot_say_together(
    tmp_path_factory: pytest.TempPathFactory, steps: list[HotWrite], sealed: HotWrite, until: int
) -> None:
    file = SqliteFile(tmp_path_factory.mktemp("hot") / "hot.db")
    store, window = SqliteHotStore(file), coarse(0, 221)
    for step in steps:
        store.write(step)
    state = store.load(COARSE, window)
    base, base_observed, _ = merge(
        sealed.bars, Observed.at(sealed.answered, sealed.observed_at_ms), state.bars, Observed.none()
    )  # a head that knows something else
    head, head_observed, _ = merge(base, base_observed, state.bars, state.observed.within(sealed.answered))
    joint, joint_observed, _ = merge(head, head_observed, state.bars, state.observed)
    dropped = store.evict(COARSE, head_observed, before_s=coarse(until, until + 1).start)
    left = store.load(COARSE, window)
    again, again_observed, _ = merge(head, head_observed, left.bars, left.observed)
    assert again.frame.equals(joint.frame)
    assert again_observed == joint_observed
    assert len(slots_in(state.observed.answered)) - len(slots_in(left.observed.answered)) == dropped
    file.close()
