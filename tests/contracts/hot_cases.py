"""Building blocks of the hot store's tests: short ways to write windows, bars and asks, and a model to compare with."""

import numpy as np
import polars as pl
from hypothesis import strategies as st

from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid, grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Attempt, HotStore, HotWrite

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
HEADER = Header(NODE, grid_of("binance", "1m"))
T0 = 1_704_067_200  # 2024-01-01
DAY = TimeRange(T0, T0 + 86_400)


def minutes(first: int, last: int) -> TimeRange:
    return TimeRange(T0 + 60 * first, T0 + 60 * last)


def bars(slots: dict[int, float | None], header: Header = HEADER) -> Bars:
    """Bars at some slots of the grid, counted from T0; the value is the open and the volume (None: no volume)."""
    first = header.grid.ceil(T0)
    ordered = sorted(slots.items())
    price = [0.0 if value is None else value for _, value in ordered]
    columns = {
        "ts": [first + header.grid.step_s * slot for slot, _ in ordered],
        "open": price,
        "high": [value + 2 for value in price],
        "low": [value - 2 for value in price],
        "close": [value + 1 for value in price],
        "volume": [value for _, value in ordered],
    }
    return Bars.validated(header.node, header.grid, pl.DataFrame(columns, schema=SCHEMA))


def written(
    window: TimeRange,
    have: Bars,
    at_ms: int,
    *,
    header: Header = HEADER,
    answered: Ranges | None = None,
    unpriced: Ranges | None = None,
    before: Ranges | None = None,
    asked_at_ms: int | None = None,
) -> HotWrite:
    asked = Attempt(
        header.node, window, at_ms if asked_at_ms is None else asked_at_ms, "answered", len(have), 1, source="test"
    )
    nothing = Ranges.empty()
    return HotWrite(
        header,
        window,
        have,
        Ranges.single(window) if answered is None else answered,
        at_ms,
        asked,
        before or nothing,
        unpriced or nothing,
    )


def failing(window: TimeRange, at_ms: int, outcome: str = "failed", error: str = "timed out") -> Attempt:
    return Attempt(NODE, window, at_ms, outcome, 0, 3, error=error, source="test")


# -- against a dictionary ---------------------------------------------------------------------------------------------

COARSE = Header(
    parse_node("ohlcv:kraken:X/Y:8h"), Grid(28_800)
)  # leaves of a month: 90 slots, so that a few bars cross cells
SLOTS = st.integers(0, 220)


@st.composite
def writes(draw: st.DrawFn) -> HotWrite:
    first = draw(SLOTS)
    window = coarse(first, draw(st.integers(first + 1, 221)))
    inside = sorted(draw(st.sets(st.integers(first, (window.end - origin()) // 28_800 - 1), max_size=8)))
    answered = draw(
        st.one_of(st.just(Ranges.single(window)), st.just(Ranges.of([coarse(slot, slot + 1) for slot in inside])))
    )
    have = {slot: draw(st.sampled_from([None, 1.0, 2.0])) for slot in inside if draw(st.booleans())}
    unpriced = Ranges.of([coarse(slot, slot + 1) for slot in inside if slot not in have and draw(st.booleans())])
    before = Ranges.of([coarse(slot, slot + 1) for slot in inside if slot not in have and draw(st.booleans())]) & (
        answered - unpriced
    )
    at_ms = draw(st.integers(1, 6))
    asked_at_ms = draw(st.integers(1, at_ms))
    have_bars = bars(have, COARSE)
    return written(
        window, have_bars, at_ms, header=COARSE, answered=answered - unpriced, unpriced=unpriced, before=before,
        asked_at_ms=asked_at_ms,
    )  # fmt: skip


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    first = draw(SLOTS)
    window = coarse(first, draw(st.integers(first + 1, 221)))
    outcome = draw(st.sampled_from(["failed", "rejected", "answered"]))
    return Attempt(
        COARSE.node, window, draw(st.integers(1, 6)), outcome, 0, 1, error=draw(st.sampled_from(["", "reset"]))
    )


def origin() -> int:
    return COARSE.grid.ceil(T0)


def coarse(first: int, last: int) -> TimeRange:
    return TimeRange(origin() + 28_800 * first, origin() + 28_800 * last)


def slots_in(ranges: Ranges) -> set[int]:
    return {
        slot
        for window in ranges
        for slot in range((window.start - origin()) // 28_800, (window.end - origin()) // 28_800)
    }


Step = HotWrite | Attempt


class Model:
    """Slot -> what is known, spelled out."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, tuple[float | None, ...] | None, bool]] = {}
        self.asks: dict[int, tuple[int, int]] = {}  # rank of the last word: failed 0, asked 1, unpriced 2

    def ask(self, slots: set[int], at_ms: int, kind: int) -> None:
        for slot in slots:
            self.asks[slot] = max(self.asks.get(slot, (0, 0)), (at_ms, kind))

    def apply(self, step: Step) -> None:
        attempt = step.attempt if isinstance(step, HotWrite) else step
        self.ask(
            slots_in(Ranges.single(attempt.window)), attempt.asked_at_ms, 1 if attempt.outcome == "answered" else 0
        )
        if isinstance(step, HotWrite):
            rows = {(row[0] - origin()) // 28_800: row[1:] for row in step.bars.frame.rows()}
            listing = slots_in(step.before_listing)
            self.ask(slots_in(step.unpriced), step.observed_at_ms, 2)
            for slot in slots_in(step.answered):
                if step.observed_at_ms > self.known.get(slot, (0,))[0]:
                    self.known[slot] = (step.observed_at_ms, rows.get(slot), slot in listing)

    def failed(self) -> set[int]:
        return {slot for slot, (at, kind) in self.asks.items() if kind != 1 and self.known.get(slot, (0,))[0] < at}

    def check(self, store: HotStore, first: int, last: int) -> None:
        """Compare everything a load says about some slots."""
        state = store.load(COARSE, coarse(first, last))
        inside = set(range(first, last))
        assert [((row[0] - origin()) // 28_800, *row[1:]) for row in state.bars.frame.rows()] == [
            (slot, *row) for slot, (_, row, _) in sorted(self.known.items()) if row is not None and slot in inside
        ]
        at = state.observed.at_of(np.array([coarse(slot, slot + 1).start for slot in range(first, last)]))
        assert at.tolist() == [self.known.get(slot, (-1,))[0] for slot in range(first, last)]
        assert slots_in(state.before_listing) == {slot for slot, (_, _, early) in self.known.items() if early} & inside
        assert slots_in(state.failed) == self.failed() & inside


def apply(store: HotStore, step: Step) -> None:
    """Carry out one step."""
    if isinstance(step, HotWrite):
        store.write(step)
    else:
        store.record_attempts([step])
