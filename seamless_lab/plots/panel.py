"""What a figure shows, before it is known how it is drawn: panels above each other on one time axis."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

INK = "#808080"
"""Of text and axes: as far from white as from black."""

BLUE, ORANGE, TEAL, PURPLE, ROSE, OLIVE = COLOURS = ("#3a86d0", "#e07b1f", "#1a9e78", "#9a6ad6", "#d1508f", "#8a8f1d")
"""Middle tones that are read on white and on black, and told apart by colour-blind readers in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A curve. `x` in epoch seconds, ascending; `filled`: the area between it and zero too."""

    name: str
    x: Ints
    y: Floats
    colour: str
    filled: bool = False
    dashed: bool = False
    legend: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Bars as candles: filled where the price fell, hollow where it rose."""

    name: str
    x: Ints
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Points of interest. `symbol`: `up`, `down`, `dot` or `cross`."""

    name: str
    x: Ints
    y: Floats
    colour: str
    symbol: str


@dataclass(frozen=True, slots=True, eq=False)
class Stems:
    """Values as upright lines from zero."""

    name: str
    x: Ints
    y: Floats
    colour: str


Item = Line | Candles | Marks | Stems


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One pair of axes. `share`: of the height, in proportion to the others; `percent`: values are shares of one."""

    label: str
    items: tuple[Item, ...]
    share: float = 1.0
    percent: bool = False

    @property
    def y_range(self) -> tuple[float, float]:
        """Lowest and highest value, with a little room; zero belongs to what is measured from zero."""
        values = [value for item in self.items for value in _heights(item)]
        if any(isinstance(item, Stems) or (isinstance(item, Line) and item.filled) for item in self.items):
            values.append(np.zeros(1))
        finite = np.concatenate([value[np.isfinite(value)] for value in values] or [np.zeros(1)])
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        room = (high - low) * 0.04 or abs(high) * 0.04 or 1.0
        return low - room, high + room


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Panels under one title; `height` in pixels."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 440
    bounds: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        ends = [item.x[[0, -1]] for panel in self.panels for item in panel.items if item.x.size]
        both = np.concatenate(ends) if ends else np.array([0, 1])
        object.__setattr__(self, "bounds", (int(both.min()), max(int(both.max()), int(both.min()) + 1)))


def _heights(item: Item) -> tuple[Floats, ...]:
    return (item.lows, item.highs) if isinstance(item, Candles) else (item.y,)
