"""Sleeves side by side: independent capital per symbol, added up slot by slot in the order of their names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seamless_lab.core.backtest.performance import DAY_S, Course
from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ints
from seamless_lab.core.time import TimeRange


@dataclass(frozen=True, slots=True)
class Calendar:
    """The slots of a window and the UTC days their closes fall into."""

    grid: Grid
    window: TimeRange

    @property
    def slots(self) -> int:
        """How many bars the window has room for."""
        return self.grid.slots(self.window)

    @property
    def days(self) -> Ints:
        """The window's UTC days, as epoch seconds of their midnights."""
        first, last = self.window.start // DAY_S, (self.window.end - 1) // DAY_S
        return np.arange(first, last + 1, dtype=np.int64) * DAY_S

    def spread(self, ts: Ints, equity: Floats, capital: float) -> Floats:
        """Equity at the close of every slot: where there is no bar, that of the last one."""
        if ts.size == self.slots:
            return equity
        places = self.places(ts)
        lengths = np.diff(np.concatenate((np.zeros(1, dtype=np.int64), places, np.array([self.slots]))))
        return np.repeat(np.concatenate((np.array([capital]), equity)), lengths)

    def places(self, ts: Ints) -> Ints:
        """The number of each bar's slot."""
        return (ts - self.window.start) // self.grid.step_s

    def at_days(self, equity: Floats, capital: float) -> Floats:
        """Equity at the end of each of `days`, from that of every slot: of the last close not after midnight."""
        last = np.minimum((self.days + DAY_S - self.window.start) // self.grid.step_s, self.slots) - 1
        return np.where(last >= 0, equity[np.maximum(last, 0)], capital)

    def course(self, spread: Floats, capital: float) -> Course:
        """Equity at every slot, with its days."""
        return Course(spread, self.at_days(spread, capital), capital, self.grid.step_s, self.window.seconds)


@dataclass(slots=True)
class Portfolio:
    """The sum of sleeves, added one by one; memory does not depend on how many there are.

    `capital` is added up as equity is, so that a portfolio that never trades keeps it to the last bit.
    """

    calendar: Calendar
    capital: float = 0.0
    equity: Floats = field(init=False)
    seen: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.equity = np.zeros(self.calendar.slots)
        self.seen = np.zeros(self.calendar.slots, dtype=np.bool_)

    def add(self, ts: Ints, spread: Floats, capital: float) -> None:
        """Add a sleeve: its bars' times, its equity at every slot, and what it began with."""
        self.capital += capital
        self.equity += spread
        if ts.size == self.calendar.slots:
            self.seen[:] = True
        else:
            self.seen[self.calendar.places(ts)] = True
