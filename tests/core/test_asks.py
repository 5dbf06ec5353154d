"""The last word on each slot, against slots painted one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.asks import ASKED, FAILED, UNPRICED, Asks, failed_slots, last_words
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange

ASKS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 9), st.sampled_from([FAILED, ASKED, UNPRICED])),
    max_size=20,
)


def columns(asks: list[tuple[int, int, int, int]]) -> Asks:
    table = np.array(asks, dtype=np.int64).reshape(-1, 4)
    return Asks(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


@given(asks=ASKS)
def test_the_highest_rank_covers_each_slot(asks: list[tuple[int, int, int, int]]) -> None:
    painted = [
        max([4 * at + kind for start, end, at, kind in asks if start <= slot < end], default=-1) for slot in range(41)
    ]
    assert last_words(columns(asks)).at_of(np.arange(41)).tolist() == painted


@given(asks=ASKS, answers=st.dictionaries(st.integers(0, 39), st.integers(1, 9)))
def test_a_slot_stands_as_failed_unless_answered_or_asked_later(
    asks: list[tuple[int, int, int, int]], answers: dict[int, int]
) -> None:
    observed = Observed.from_runs([[slot, slot + 1, at] for slot, at in sorted(answers.items())])
    expected = set()
    for slot in range(41):
        over = [(at, kind) for start, end, at, kind in asks if start <= slot < end]
        if over and max(over)[1] in {FAILED, UNPRICED} and answers.get(slot, 0) < max(over)[0]:
            expected.add(slot)
    lost = failed_slots(columns(asks), observed)
    assert set(np.flatnonzero(lost.contains(np.arange(41))).tolist()) == expected


def test_nothing_asked_is_nothing_failed() -> None:
    assert failed_slots(columns([]), Observed.at(Ranges.single(TimeRange(0, 9)), 5)) == Ranges.empty()
    assert last_words(columns([])) == Observed.none()
