"""A restatement that the hot store holds is sealed before a commit rounds observation times up past it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts.coarsen import LIMIT_RUNS
from tests.engine.sources import ScriptedSource, scripted_lab

NODE, DAY = "ohlcv:binance:BTC/USDT:1m", 86_400
BEGIN = 1_733_011_200  # 2024-12-01
FIRST = TimeRange(BEGIN, BEGIN + DAY)
JANUARY = BEGIN + 31 * DAY


@dataclass
class Home:
    """A lab with a sealed first of December, one clock and one source."""

    lab: Lab
    clock: ManualClock
    source: ScriptedSource
    header: Header = field(init=False)

    def __post_init__(self) -> None:
        self.header = self.lab.door.series(NODE)

    def ask_without_sealing(self, *windows: TimeRange, refresh: bool = True) -> None:
        """As a process does that dies before it publishes; a minute apart."""
        fill = self.lab.wiring.backfiller.fill
        asked = [Ranges.single(window) for window in windows]

        async def run() -> None:
            for slots in asked:
                self.clock.advance(60)
                await fill(self.header, slots, sealed=Ranges.empty(), refresh=refresh)

        self.lab._portal.call(run)

    def waiting(self, window: TimeRange) -> int:
        return self.lab.wiring.stores.know(self.header, window).fresh.seconds // 60


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    clock = ManualClock((BEGIN + 40 * DAY) * 1000)
    source = ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.fetch(NODE, FIRST.start, FIRST.end)
        yield Home(lab, clock, source)


def test_a_restatement_outlives_a_commit_that_is_coarsened(home: Home) -> None:
    before = home.lab.fetch(NODE, FIRST.start, FIRST.end).frame["close"]
    home.source.spoil = lambda frame: frame.with_columns(close=frame["close"] + 0.5, high=frame["high"] + 1)
    home.ask_without_sealing(FIRST)
    home.source.spoil = lambda frame: frame
    home.clock.advance(60)
    home.lab.fetch(NODE, BEGIN + 2 * DAY, BEGIN + 3 * DAY)
    assert home.waiting(FIRST) == 1440, "a small commit costs what it seals"
    minutes = [TimeRange(JANUARY + 60 * row, JANUARY + 60 * row + 60) for row in range(LIMIT_RUNS + 20)]
    home.ask_without_sealing(*minutes)
    many = home.lab.fetch(NODE, JANUARY, minutes[-1].end)
    assert many.rows == len(minutes), "what is sealed along is no part of the answer"
    assert home.waiting(FIRST) == 0
    assert (home.lab.fetch(NODE, FIRST.start, FIRST.end).frame["close"] == before + 0.5).all()
