"""Comparing two states of knowledge, against dictionaries of slots."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.bars import SCHEMA, VALUES, Bars
from seamless_lab.core.comparison import MOVES, RESTATED, Comparison, State, compare
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges

NODE, GRID = parse_node("ohlcv:binance:BTC/USDT:1m"), Grid(60)
Row = tuple[float, float, float, float, float | None]
Known = dict[int, Row | None]
"""Per answered slot its bar, or None where it is quiet."""

prices = st.sampled_from([1.0, 2.0, 0.0, -0.0, 1e-9])
bars = st.tuples(prices, prices, prices, prices, st.none() | prices)
states = st.dictionaries(st.integers(0, 40).map(lambda number: 60 * number), st.none() | bars)


def as_bars(known: Known) -> tuple[Bars, Ranges]:
    rows = [(slot, *row) for slot, row in sorted(known.items()) if row is not None]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return Bars(NODE, GRID, frame), Ranges.of_slots(np.array(sorted(known), dtype=np.int64), 60)


def comparison(old: Known, new: Known) -> Comparison:
    return compare(*as_bars(old), *as_bars(new))


def state_of(known: Known, slot: int) -> State:
    return State.UNANSWERED if slot not in known else State.QUIET if known[slot] is None else State.BAR


def applied(old: Known, change: Comparison) -> Known:
    """The earlier state with every change made to it."""
    result = dict(old)
    for (_, after), slots in change.moves.items():
        for slot in [slot for slot in range(0, 2_460, 60) if slots.contains(np.array([slot]))[0]]:
            if after is State.UNANSWERED:
                del result[slot]
            elif after is State.QUIET:
                result[slot] = None
    for row in change.added.frame.rows():
        result[row[0]] = row[1:]
    for row in change.restated.select("ts", *(f"{name}_new" for name in VALUES)).rows():
        result[row[0]] = row[1:]
    return result


@given(old=states, new=states)
def test_every_slot_is_told_by_what_was_known_and_what_is_known(old: Known, new: Known) -> None:
    found = comparison(old, new)
    for slot in range(0, 2_460, 60):
        before, after = state_of(old, slot), state_of(new, slot)
        changed = before is not after or (before is State.BAR and old[slot] != new[slot])
        told = [move for move, slots in found.moves.items() if slots.contains(np.array([slot]))[0]]
        assert told == ([(before, after)] if changed else [])
    assert set(found.moves) == set(MOVES)
    assert found.equal == (old == new)


@given(old=states, new=states)
def test_bars_are_added_removed_or_restated_with_both_values(old: Known, new: Known) -> None:
    found = comparison(old, new)
    was = {slot: row for slot, row in old.items() if row is not None}
    now = {slot: row for slot, row in new.items() if row is not None}
    assert found.added.frame.rows() == [(slot, *now[slot]) for slot in sorted(now.keys() - was.keys())]
    assert found.removed.frame.rows() == [(slot, *was[slot]) for slot in sorted(was.keys() - now.keys())]
    restated = found.restated.select("ts", *(f"{name}_old" for name in VALUES), *(f"{name}_new" for name in VALUES))
    common = sorted(slot for slot in was.keys() & now.keys() if was[slot] != now[slot])
    assert restated.rows() == [(slot, *was[slot], *now[slot]) for slot in common]


@given(old=states, new=states)
def test_the_mirrored_comparison_is_the_comparison_of_the_mirrored(old: Known, new: Known) -> None:
    forth, back = comparison(old, new), comparison(new, old)
    assert back.added.frame.equals(forth.removed.frame)
    assert back.removed.frame.equals(forth.added.frame)
    swapped = {f"{name}_{one}": f"{name}_{other}" for name in VALUES for one, other in (("old", "new"), ("new", "old"))}
    assert back.restated.equals(forth.restated.rename(swapped).select(back.restated.columns))
    assert all(back.moves[after, before] == slots for (before, after), slots in forth.moves.items())
    assert (back.answered, back.changed) == (forth.unanswered, forth.changed)


@given(old=states, new=states)
def test_the_changes_applied_to_the_old_give_the_new(old: Known, new: Known) -> None:
    assert applied(old, comparison(old, new)) == new


@given(old=states, new=states)
def test_stretches_are_the_moves_in_time_order(old: Known, new: Known) -> None:
    found = comparison(old, new)
    stretches = found.stretches
    assert stretches["start"].is_sorted()
    for (before, after), slots in found.moves.items():
        mine = stretches.filter((pl.col("before") == str(before)) & (pl.col("after") == str(after)))
        assert Ranges.normalised(mine["start"].to_numpy(), mine["end"].to_numpy()) == slots
        assert mine.height == len(slots)


def test_a_volume_that_becomes_known_restates_the_bar() -> None:
    found = comparison({0: (1.0, 1.0, 1.0, 1.0, None)}, {0: (1.0, 1.0, 1.0, 1.0, 5.0)})
    assert found.restated.height == 1
    assert found.moves[RESTATED].pairs() == [[0, 60]]
