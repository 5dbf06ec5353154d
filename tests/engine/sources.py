"""A source that answers as it is told, and labs whose clock and source a test holds in its hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Event
from seamless_lab.engine.ports import Clock, Fetched, SourceTraits

Price = Callable[[pl.Expr], pl.Expr]


class ScriptedSource:
    """Serves a bar for every slot; `spoil` may change the frame of a window before it is handed over."""

    def __init__(self, clock: Clock, spoil: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame) -> None:
        self.clock, self.spoil = clock, spoil
        self.asked: list[TimeRange] = []
        self.behind_ms = 0
        self.error: Exception | None = None

    def require(self, node: NodeId) -> None:
        """Everything may be asked for."""

    async def traits(self, node: NodeId) -> SourceTraits:
        return SourceTraits(page_bars=1000)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        self.asked.append(window)
        if self.error is not None:
            raise self.error
        exchange_ms = self.clock.now_ms() - self.behind_ms
        end = min(window.end, grid.floor(min(exchange_ms, self.clock.now_ms()) // 1000))
        ts = pl.int_range(window.start, max(end, window.start), grid.step_s, eager=True).alias("ts")
        price = (ts // grid.step_s % 1000).cast(pl.Float64) + 1
        columns = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
        frame = self.spoil(pl.DataFrame({"ts": ts * 1000, **columns}))
        answered = Ranges.normalised([window.start], [end])
        return Fetched(RawBars(frame, TimeUnit.MILLISECONDS), answered, exchange_ms, 1)

    async def close(self) -> None:
        """Nothing is open."""


def scripted_lab(home: Path, clock: ManualClock, source: ScriptedSource | None = None, **overrides: object) -> Lab:
    """A lab on a scripted source. Overrides use `__` for the dots of a key."""
    lab = Lab(str(home), overrides={name.replace("__", "."): value for name, value in overrides.items()})
    lab.wiring.clock = clock
    lab.wiring.fetcher = source or ScriptedSource(clock)
    return lab


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]
