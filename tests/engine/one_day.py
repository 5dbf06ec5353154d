"""A lab with one sealed day, whose clock and source a test holds in its hands."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Published
from tests.engine.sources import ScriptedSource

NODE, DAY = "ohlcv:binance:BTC/USDT:1m", 86_400
BEGIN = 1_733_011_200  # 2024-12-01
FIRST = TimeRange(BEGIN, BEGIN + DAY)


def dearer(frame: pl.DataFrame, by: float) -> pl.DataFrame:
    return frame.with_columns(close=pl.col("close") + by, high=pl.col("high") + by)


@dataclass
class Home:
    """A lab with a sealed first of December, one clock and one source."""

    lab: Lab
    clock: ManualClock
    source: ScriptedSource
    header: Header = field(init=False)

    def __post_init__(self) -> None:
        self.header = self.lab.door.series(NODE)

    def closes(self, window: TimeRange) -> pl.Series:
        return self.lab.fetch(NODE, window.start, window.end).frame["close"]

    def restate(self, window: TimeRange, by: float) -> None:
        """The source now says something else, and is asked again."""
        self.clock.advance(60)
        self.source.spoil = lambda frame: dearer(frame, by)
        self.lab.backfill(NODE, window.start, window.end, refresh=True)
        self.source.spoil = lambda frame: frame
        self.clock.advance(60)

    def ask_without_sealing(self, *windows: TimeRange, by: float) -> None:
        """As a process does that dies before it publishes; a minute apart."""
        self.source.spoil = lambda frame: dearer(frame, by)
        fill = self.lab.wiring.backfiller.fill
        asked = [Ranges.single(window) for window in windows]

        async def run() -> None:
            for slots in asked:
                self.clock.advance(60)
                await fill(self.header, slots, sealed=Ranges.empty(), refresh=True)

        self.lab._portal.call(run)
        self.source.spoil = lambda frame: frame
        self.clock.advance(60)

    def version(self, seq: int | None = None) -> Version:
        return self.lab.wiring.sealed.resolve(self.header.node, seq=seq)

    def roll_back(self, seq: int) -> Published:
        target = self.version(seq)
        return self.lab._portal.call(lambda: self.lab.wiring.publisher.rollback(target))

    def waiting(self, window: TimeRange) -> int:
        """Slots that the hot store knows better than the sealed version."""
        return self.lab.wiring.stores.know(self.header, window).fresh.seconds // 60
