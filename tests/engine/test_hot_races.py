"""Two publishers of one home: what one seals and drops from the hot store, the other still knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.coverage import Cause
from seamless_lab.core.digest import Header
from seamless_lab.core.policy import OnViolation, SLAPolicy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.fetch import OVERTAKEN_TRIES
from seamless_lab.engine.ports import WorldLedger
from seamless_lab.engine.publish import Publisher
from seamless_lab.errors import SeamlessSLAExceeded
from tests.engine.sources import ScriptedSource, scripted_lab

NODE, DAY = "ohlcv:binance:BTC/USDT:1m", 86_400
BEGIN = 1_733_011_200
WINDOW = TimeRange(BEGIN, BEGIN + DAY)


@dataclass
class Pair:
    """Two labs of one home, with a day that was filled three days ago and never sealed."""

    mine: Lab
    other: Lab
    header: Header

    def seal_and_drop(self) -> None:
        self.other.publish(NODE)
        assert self.other.wiring.hot.bounds(self.header) is None


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    clock = ManualClock((BEGIN + 10 * DAY) * 1000)
    with scripted_lab(tmp_path, clock) as mine, scripted_lab(tmp_path, clock) as other:
        header, backfiller = mine.door.series(NODE), mine.wiring.backfiller
        mine._portal.call(lambda: backfiller.fill(header, Ranges.single(WINDOW), sealed=Ranges.empty()))
        clock.advance(3 * DAY)
        yield Pair(mine, other, header)


class Interrupted:
    """A store that lets others act once, before or after its first call of `method`."""

    def __init__(self, store: object, method: str, act: Callable[[], None], *, after: bool) -> None:
        self._store, self._method, self._act, self._after = store, method, act, after
        self._done = False

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name != self._method or self._done:
            return found
        self._done = True

        def interrupted(*args: object, **options: object) -> object:
            if not self._after:
                self._act()
            result = found(*args, **options)
            if self._after:
                self._act()
            return result

        return interrupted


def test_bars_that_another_publisher_drops_between_two_looks_are_not_quiet(pair: Pair) -> None:
    stores = pair.mine.wiring.stores
    known = stores.know(pair.header, WINDOW)
    pair.seal_and_drop()
    now_known, coverage = stores.covered(known)
    assert coverage.slots(Cause.PRESENT) == 1440
    assert now_known.head is not None


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("store, method", [("hot", "load"), ("sealed", "head")])
def test_a_look_in_the_middle_of_another_publish_loses_nothing(
    pair: Pair, store: str, method: str, after: bool
) -> None:
    stores = pair.mine.wiring.stores
    broken = Interrupted(getattr(stores, store), method, pair.seal_and_drop, after=after)
    stores = replace(stores, **{store: broken})
    known = stores.know(pair.header, WINDOW)
    assert known.answered.pairs() == [[WINDOW.start, WINDOW.end]]
    assert stores.classify(known).slots(Cause.PRESENT) == 1440


def test_a_publish_that_another_one_overtakes_returns_the_head(pair: Pair) -> None:
    wiring = pair.mine.wiring
    hot = Interrupted(wiring.hot, "load", pair.seal_and_drop, after=True)
    publisher = Publisher(replace(wiring.stores, hot=hot), lambda event: None, wiring.publisher._producer)
    version = pair.mine._portal.call(lambda: publisher.publish(pair.header, WINDOW))
    assert version is not None
    assert version.tree.rows == 1440
    assert version.commit.seq == 1


class Overtaken:
    """A ledger before whose calls of `advance` another publisher seals and tells the world, up to `times`."""

    def __init__(self, ledger: WorldLedger, overtake: Callable[[int], object], times: int) -> None:
        self._ledger, self._overtake, self._times = ledger, overtake, times
        self.calls = 0

    def advance(self, world: str, node: str, as_of_ms: int) -> int:
        self.calls += 1
        if self.calls <= self._times:
            self._overtake(self.calls)
        return self._ledger.advance(world, node, as_of_ms)

    def floor(self, world: str, node: str) -> int:
        return self._ledger.floor(world, node)


class Counting:
    """A store that counts the calls of one method."""

    def __init__(self, store: object, method: str) -> None:
        self._store, self._method, self.calls = store, method, 0

    def __getattr__(self, name: str) -> object:
        self.calls += name == self._method
        return getattr(self._store, name)


@pytest.mark.parametrize("times", [0, 1, 2, OVERTAKEN_TRIES])
def test_a_live_answer_that_another_publisher_overtakes_is_read_again(pair: Pair, times: int) -> None:
    mine, other = pair.mine, pair.other
    restated = ScriptedSource(other.wiring.clock, lambda frame: frame.with_columns(pl.col("high") + 1))
    other.wiring.fetcher = restated

    def overtake(nth: int) -> None:
        other.backfill(NODE, WINDOW.start, WINDOW.start + nth * 600, refresh=True)
        assert other.fetch(NODE, WINDOW.start, WINDOW.end, domain="live").verdict == "PASS"

    mine.wiring.ledger = ledger = Overtaken(mine.wiring.ledger, overtake, times)
    answer = mine.fetch(NODE, WINDOW.start, WINDOW.end, domain="live")
    never = times == OVERTAKEN_TRIES
    assert [reason.code for reason in answer.reasons] == (["as_of_regressed"] if never else [])
    assert ledger.calls == min(times + 1, OVERTAKEN_TRIES)
    assert answer.provenance.seq == ledger.calls
    named = mine.fetch(f"{NODE}@seq:{answer.provenance.seq}", WINDOW.start, WINDOW.end, domain="research")
    assert answer.bars.frame.equals(named.bars.frame), "the bars are those of the version it names"
    assert answer.content == named.content


@pytest.mark.parametrize("on_violation", list(OnViolation))
def test_a_live_answer_that_cannot_be_read_again_in_time_is_held_and_not_lost(
    pair: Pair, on_violation: OnViolation
) -> None:
    mine, other = pair.mine, pair.other
    other.wiring.fetcher = ScriptedSource(other.wiring.clock, lambda frame: frame.with_columns(pl.col("high") + 1))

    def overtake(_: int) -> None:
        other.backfill(NODE, WINDOW.start, WINDOW.start + 600, refresh=True)
        other.fetch(NODE, WINDOW.start, WINDOW.end, domain="live")

    mine.wiring.ledger = ledger = Overtaken(mine.wiring.ledger, overtake, 1)
    engine, know = mine.wiring.engine, mine.wiring.engine._know

    async def slow(work: object) -> object:
        if ledger.calls:
            await asyncio.Event().wait()
        return await know(work)

    engine._know = slow  # type: ignore[method-assign]
    sla = SLAPolicy(max_wait_storage_ms=1_500, on_violation=on_violation)
    if on_violation is OnViolation.FAIL_FAST:
        with pytest.raises(SeamlessSLAExceeded):
            mine.fetch(NODE, WINDOW.start, WINDOW.end, domain="live", sla=sla)
        return
    answer = mine.fetch(NODE, WINDOW.start, WINDOW.end, domain="live", sla=sla)
    assert [reason.code for reason in answer.reasons] == ["as_of_regressed"]
    assert answer.rows == 1440


def test_a_live_answer_that_nobody_overtakes_reads_the_head_no_more_often_than_another(pair: Pair) -> None:
    heads: dict[str, int] = {}
    for domain in ("dryrun", "live"):
        pair.mine.fetch(NODE, WINDOW.start, WINDOW.end, domain=domain)
        counting = Counting(pair.mine.wiring.sealed, "head")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pair.mine.wiring.engine, "_stores", replace(pair.mine.wiring.stores, sealed=counting))
            pair.mine.fetch(NODE, WINDOW.start, WINDOW.end, domain=domain)
        heads[domain] = counting.calls
    assert heads["live"] == heads["dryrun"] > 0
