"""Knowledge time against a dict from slot to the moment it was observed."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.bars import Bars
from seamless_lab.core.observed import Observed, merge, overlay, standing
from seamless_lab.core.ranges import Ranges
from tests.core.models import SPAN, header_of, pairs, prices, ranges_of, seconds_of, set_of

Moments = dict[int, int]
known = st.dictionaries(st.integers(0, SPAN - 1), st.integers(0, 4), max_size=20)
HEADER = header_of("1s")


def observed_of(moments: Moments) -> Observed:
    whole = Observed.none()
    for slot, at in moments.items():
        whole = overlay(whole, Observed.at(ranges_of([(slot, slot + 1)]), at)).result
    return whole


def moments_of(observed: Observed) -> Moments:
    return {slot: at for start, end, at in observed.runs() for slot in range(start, end)}


def laid_over(base: Moments, newcomer: Moments) -> Moments:
    return {slot: max(base.get(slot, -1), newcomer.get(slot, -1)) for slot in {*base, *newcomer}}


@given(known)
def test_runs_are_maximal_and_survive_a_round_trip(moments: Moments) -> None:
    observed = observed_of(moments)
    assert moments_of(observed) == moments
    assert Observed.from_runs(observed.runs()) == observed
    assert seconds_of(observed.answered) == set(moments)
    for (_, end, at), (start, _, then) in zip(observed.runs(), observed.runs()[1:], strict=False):
        assert end < start or (end == start and at != then)
    asked = np.arange(-2, SPAN + 2)
    assert observed.at_of(asked).tolist() == [moments.get(int(slot), -1) for slot in asked]


@given(known, known)
def test_the_later_observation_wins_and_ties_go_to_the_base(base: Moments, newcomer: Moments) -> None:
    decided = overlay(observed_of(base), observed_of(newcomer))
    assert moments_of(decided.result) == laid_over(base, newcomer)
    assert seconds_of(decided.won) == {slot for slot, at in newcomer.items() if at > base.get(slot, -1)}


@given(known, known)
def test_what_was_withdrawn_counts_again_when_it_is_observed_later(moments: Moments, withdrawn: Moments) -> None:
    left = standing(observed_of(moments), observed_of(withdrawn))
    assert moments_of(left) == {slot: at for slot, at in moments.items() if at > withdrawn.get(slot, -1)}


@given(known, pairs)
def test_a_part_without_some_slots_keeps_its_times(moments: Moments, spans: list[tuple[int, int]]) -> None:
    left = observed_of(moments).without(ranges_of(spans))
    assert moments_of(left) == {slot: at for slot, at in moments.items() if slot not in set_of(spans)}


@given(known, known, known)
def test_overlay_is_associative_and_idempotent(a: Moments, b: Moments, c: Moments) -> None:
    x, y, z = observed_of(a), observed_of(b), observed_of(c)
    assert overlay(overlay(x, y).result, z).result == overlay(x, overlay(y, z).result).result
    assert overlay(x, x).result == x
    assert not overlay(x, x).won


@given(known, known, pairs)
def test_an_overlay_can_be_restricted(base: Moments, newcomer: Moments, only: list[tuple[int, int]]) -> None:
    decided = overlay(observed_of(base), observed_of(newcomer), only=ranges_of(only))
    expected = {slot: at for slot, at in laid_over(base, newcomer).items() if slot in set_of(only)}
    assert moments_of(decided.result) == expected
    assert moments_of(observed_of(base).within(ranges_of(only))) == {
        s: at for s, at in base.items() if s in set_of(only)
    }


def bars_of(moments: Moments, value: float, quiet: set[int]) -> Bars:
    opens = np.array(sorted(set(moments) - quiet), dtype=np.int64)
    return Bars(HEADER.node, HEADER.grid, prices(opens).with_columns(close=pl.lit(value)))


@given(known, known, st.sets(st.integers(0, SPAN - 1)))
def test_merged_bars_are_those_of_the_winner_slot_by_slot(base: Moments, newcomer: Moments, quiet: set[int]) -> None:
    bars, observed, won = merge(
        bars_of(base, 1.0, set()), observed_of(base), bars_of(newcomer, 2.0, quiet), observed_of(newcomer)
    )
    taken = {slot for slot, at in newcomer.items() if at > base.get(slot, -1)}
    expected = dict.fromkeys(set(base) - taken, 1.0) | dict.fromkeys(taken - quiet, 2.0)
    assert dict(zip(bars.ts.tolist(), bars.frame["close"].to_list(), strict=True)) == expected
    assert bars.ts.tolist() == sorted(expected)
    assert moments_of(observed) == laid_over(base, newcomer)
    assert seconds_of(won) == taken
    assert seconds_of(bars.slots) <= seconds_of(observed.answered)


@given(known, known, known)
def test_merging_is_associative(a: Moments, b: Moments, c: Moments) -> None:
    parts = [(bars_of(moments, float(place), set()), observed_of(moments)) for place, moments in enumerate((a, b, c))]
    first = merge(*merge(*parts[0], *parts[1])[:2], *parts[2])
    second = merge(*parts[0], *merge(*parts[1], *parts[2])[:2])
    assert first[0].frame.equals(second[0].frame)
    assert first[1] == second[1]


def test_clip_and_none() -> None:
    assert len(Observed.none()) == 0
    assert Observed.none().answered == Ranges.empty()
    assert observed_of({3: 1, 4: 1, 5: 2}).runs() == [[3, 5, 1], [5, 6, 2]]
