"""What every live feed must do, on an exchange whose clock moves only while the feed waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.live_polling import PollingFeed, PollingSettings
from seamless_lab.core.bars import VALUES
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId, parse_node
from seamless_lab.core.proof import quiet_until
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Event
from seamless_lab.engine.ports import Fetched, SourceTraits
from seamless_lab.errors import SourceRejected, SourceUnavailable

NODE, GRID = parse_node("ohlcv:binance:BTC/USDT:1m"), Grid(60)
START = 1_700_000_040  # a whole minute


@dataclass
class Venue:
    """A source with bars at `opens`, published `late_ms` after their end; `down` lists the errors of the next asks."""

    clock: ManualClock
    opens: set[int]
    late_ms: dict[int, int] = field(default_factory=dict)
    down: list[Exception] = field(default_factory=list)
    asks: list[TimeRange] = field(default_factory=list)

    async def traits(self, node: NodeId) -> SourceTraits:
        return SourceTraits(1000)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        self.asks.append(window)
        if self.down:
            raise self.down.pop(0)
        now_ms = self.clock.now_ms()
        there = sorted(
            ts
            for ts in self.opens
            if window.start <= ts < window.end and (ts + 60) * 1000 + self.late_ms.get(ts, 0) <= now_ms
        )
        ts = np.array(there, dtype=np.int64)
        quiet = Ranges.normalised([window.start], [min(window.end, quiet_until(now_ms // 1000, grid))])
        frame = pl.DataFrame({"ts": ts * 1000, **dict.fromkeys(VALUES, np.ones(ts.size))})
        return Fetched(RawBars(frame, TimeUnit.MILLISECONDS), Ranges.of_slots(ts, 60) | quiet, now_ms, 1)

    async def close(self) -> None:
        pass


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START * 1000)


@pytest.fixture
def venue(clock: ManualClock) -> Venue:
    return Venue(clock, {START + 60 * k for k in range(-5000, 5000)})


def feed_of(venue: Venue, **settings: int) -> PollingFeed:
    return PollingFeed(venue, venue.clock, PollingSettings(**settings), sleep=venue.clock.sleep)


def opens_of(answers: list[Fetched]) -> list[int]:
    return [ts // 1000 for answer in answers for ts in answer.rows.frame["ts"].to_list()]


async def take(answers: AsyncIterator[Fetched], count: int) -> list[Fetched]:
    taken: list[Fetched] = []
    async with aclosing(answers) as running:
        async for answer in running:
            taken.append(answer)
            if len(taken) == count:
                break
    return taken


async def test_bars_come_one_by_one_as_they_close(venue: Venue) -> None:
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START), 5)
    assert opens_of(answers) == [START + 60 * k for k in range(5)]
    assert [answer.answered for answer in answers] == [
        Ranges.single(TimeRange(START + 60 * k, START + 60 * k + 60)) for k in range(5)
    ]
    assert len(venue.asks) == 5
    assert venue.clock.now_ms() == (START + 300) * 1000 + 250


async def test_what_has_closed_already_comes_first_and_in_pieces(venue: Venue) -> None:
    answers = await take(feed_of(venue, bars_per_ask=1000).bars(NODE, GRID, from_s=START - 60 * 2500), 4)
    assert opens_of(answers) == [START + 60 * k for k in range(-2500, 1)]
    assert [answer.rows.frame.height for answer in answers] == [1000, 1000, 500, 1]


async def test_a_start_off_the_grid_begins_with_the_next_bar(venue: Venue) -> None:
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START + 7), 1)
    assert opens_of(answers) == [START + 60]


async def test_a_start_in_the_future_is_waited_for(venue: Venue) -> None:
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START + 600), 1)
    assert opens_of(answers) == [START + 600]
    assert len(venue.asks) == 1


async def test_a_late_bar_is_asked_for_again_and_comes_once(venue: Venue) -> None:
    venue.late_ms = {START + 60: 2_000}
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START), 4)
    assert opens_of(answers) == [START + 60 * k for k in range(4)]
    assert 5 <= len(venue.asks) <= 7


async def test_a_very_late_bar_does_not_hold_up_the_next_ones(venue: Venue) -> None:
    venue.late_ms = {START: 90_000}
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START), 3)
    assert [opens_of([answer]) for answer in answers] == [[START + 60], [START, START + 120], [START + 180]]


async def test_a_quiet_slot_is_answered_when_it_is_proven_and_bars_go_on(venue: Venue) -> None:
    venue.opens -= {START + 60, START + 120}
    answers = await take(feed_of(venue).bars(NODE, GRID, from_s=START), 12)
    answered = Ranges.empty()
    for answer in answers:
        assert not len(answered & answer.answered), "a slot was answered twice"
        answered = answered | answer.answered
    assert answered.covers(TimeRange(START, START + 600))
    assert opens_of(answers) == sorted(opens_of(answers))
    assert START + 60 not in opens_of(answers)


async def test_a_quiet_market_is_not_asked_all_the_time(venue: Venue) -> None:
    venue.opens = {START, START + 1200}
    await take(feed_of(venue).bars(NODE, GRID, from_s=START), 10)
    minutes = (venue.clock.now_ms() // 1000 - START) // 60
    assert len(venue.asks) <= 6 * minutes


async def test_a_source_that_is_down_is_waited_for(venue: Venue) -> None:
    events: list[Event] = []
    venue.down = [SourceUnavailable("down"), SourceUnavailable("busy", retry_after_s=30.0)]
    feed = PollingFeed(venue, venue.clock, emit=events.append, sleep=venue.clock.sleep)
    answers = await take(feed.bars(NODE, GRID, from_s=START), 2)
    assert opens_of(answers) == [START, START + 60]
    assert [event.fields["error"] for event in events] == ["down", "busy"]
    assert venue.clock.now_ms() >= (START + 60 + 30) * 1000


async def test_a_source_that_refuses_ends_the_feed(venue: Venue) -> None:
    venue.down = [SourceRejected("no")]
    with pytest.raises(SourceRejected, match="no"):
        await take(feed_of(venue).bars(NODE, GRID, from_s=START), 1)


async def test_a_slot_that_is_never_answered_is_skipped_at_last(venue: Venue) -> None:
    class Forgetful(Venue):
        async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
            fetched = await super().fetch(node, grid, window)
            hole = Ranges.single(TimeRange(START, START + 60))
            kept = fetched.rows.frame.filter(pl.col("ts") != START * 1000)
            return Fetched(RawBars(kept, TimeUnit.MILLISECONDS), fetched.answered - hole, fetched.server_time_ms, 1)

    forgetful = Forgetful(venue.clock, venue.opens)
    answers = await take(feed_of(forgetful, patience_s=120).bars(NODE, GRID, from_s=START), 20)
    assert START not in opens_of(answers)
    assert forgetful.asks[-1].start > START
    assert forgetful.asks[0].start == START


async def test_an_answer_is_stamped_with_the_moment_before_it_was_asked_for(venue: Venue) -> None:
    class Slow(Venue):
        ahead_ms = 0

        async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
            fetched = await super().fetch(node, grid, window)
            self.clock.advance(400)
            return replace(fetched, server_time_ms=self.clock.now_ms() + self.ahead_ms)

    for ahead_ms in (0, 5_000, -600_000):
        slow = Slow(ManualClock(START * 1000), venue.opens)
        slow.ahead_ms = ahead_ms
        answers = await take(feed_of(slow).bars(NODE, GRID, from_s=START), 1)
        asked_ms = (START + 60) * 1000 + 250
        assert answers[0].server_time_ms == min(asked_ms, asked_ms + 400_000 + ahead_ms)
