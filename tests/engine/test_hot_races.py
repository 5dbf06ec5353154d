"""Two publishers of one home: what one seals and drops from the hot store, the other still knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.coverage import Cause
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.publish import Publisher
from tests.engine.sources import scripted_lab

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
