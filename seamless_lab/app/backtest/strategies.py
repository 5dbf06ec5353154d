"""What a strategy may be, brought to one form: bars of one symbol in, one target position a bar out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from seamless_lab.app.backtest.positions import POSITION, aligned
from seamless_lab.app.backtest.source import name_of, source_of
from seamless_lab.app.backtest.sql import FromSql
from seamless_lab.app.results import with_time
from seamless_lab.core.backtest.crossover import Crossover
from seamless_lab.core.numbers import seen
from seamless_lab.errors import RequestError

PositionsLike = pl.Expr | pl.Series | pl.DataFrame
PolarsFunction = Callable[[pl.DataFrame], PositionsLike]
StrategyLike = Crossover | PolarsFunction | str

_RAISED = "The strategy"
_LONGEST = 60


class Strategy(Protocol):
    """Target positions of one symbol."""

    @property
    def label(self) -> str:
        """What is shown of it, on one line."""
        ...

    @property
    def text(self) -> str:
        """What is hashed of it: its source or its parameters."""
        ...

    @property
    def recipe(self) -> dict[str, object] | None:
        """What makes it again, as JSON values; None when only its author can."""
        ...

    @property
    def proved_causal(self) -> bool:
        """Whether tests of this package prove that it does not look ahead, so that no run has to."""
        ...

    def positions(self, name: str, bars: pl.DataFrame) -> pl.Series:
        """One position a bar; `bars` in canonical columns, `name` its symbol's, for messages."""
        ...


@dataclass(frozen=True, slots=True)
class Shipped:
    """A strategy that comes with the package."""

    crossover: Crossover

    @property
    def label(self) -> str:
        """As one writes it."""
        short = ", short=True" if self.crossover.short else ""
        return f"crossover({self.crossover.fast}, {self.crossover.slow}{short})"

    @property
    def text(self) -> str:
        """Its parameters."""
        return self.crossover.text

    @property
    def recipe(self) -> dict[str, object]:
        """Its parameters."""
        return {
            "kind": "crossover",
            "fast": self.crossover.fast,
            "slow": self.crossover.slow,
            "short": self.crossover.short,
        }

    @property
    def proved_causal(self) -> bool:
        """Yes."""
        return True

    def positions(self, name: str, bars: pl.DataFrame) -> pl.Series:
        """Exact, on ticks."""
        return self.crossover.positions(bars)


@dataclass(frozen=True, slots=True)
class FromPolars:
    """A function of one symbol's frame (`ts`, `time`, prices, `volume`), with its name and its source.

    Both are looked up once and by `of`: Python 3.11 cannot parse on two threads at a time.
    """

    function: PolarsFunction
    label: str
    text: str

    @classmethod
    def of(cls, function: PolarsFunction) -> FromPolars:
        """The strategy of a function."""
        name = name_of(function)
        return cls(function, f"{name[:_LONGEST]}…" if len(name) > _LONGEST else name, source_of(function))

    @property
    def recipe(self) -> None:
        """None: a function is code, not a value."""
        return

    @property
    def proved_causal(self) -> bool:
        """No."""
        return False

    def positions(self, name: str, bars: pl.DataFrame) -> pl.Series:
        """Call it. What it raises is its author's to see, with the symbol added."""
        frame = with_time(bars)
        try:
            found = self.function(frame)
            if isinstance(found, pl.Expr):
                # beside the frame's own columns, so that a constant becomes one position a bar
                return frame.with_columns(found.alias(POSITION))[POSITION]
        except Exception as error:  # whatever its author raises goes on to them
            error.add_note(f"{_RAISED} {self.label} raised this on {name}, {bars.height:,} bars.")
            raise
        if isinstance(found, pl.DataFrame):
            return aligned(name, bars, found)
        if not isinstance(found, pl.Series):
            raise RequestError(
                f"The strategy {self.label} gave a value of type {type(found).__name__}; it gives a polars expression, "
                "series or frame of positions.",
                hint="For example: lambda bars: pl.col('close') > pl.col('close').rolling_mean(100)",
            )
        if found.len() != bars.height:
            raise RequestError(
                f"The strategy {self.label} gave {found.len():,} positions for the {bars.height:,} bars of {name}.",
                hint="Give one position a bar, null where there is no signal; or a frame with ts and position.",
                symbol=name,
            )
        return found


def strategy_of(given: StrategyLike) -> Strategy:
    """The strategy that a user gave.

    Raises
    ------
    RequestError
        For anything else than a shipped strategy, a function or SQL text.
    """
    if isinstance(given, Crossover):
        return Shipped(given)
    if isinstance(given, str):
        return FromSql(given)
    if callable(given):
        return FromPolars.of(given)
    raise RequestError(
        f"{seen(given)} is no strategy.",
        hint="Give crossover(20, 100), a function of a polars frame of bars, or SQL text that selects ts and position.",
    )


def raised_by_strategy(error: Exception) -> str:
    """Which strategy an error comes from, and on which bars; empty when it comes from elsewhere."""
    return next((note for note in getattr(error, "__notes__", ()) if note.startswith(_RAISED)), "")
