"""What a result shows, before it is text or HTML: a title, a badge and a few blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange


class Tone(StrEnum):
    """How good or bad a thing is. Always shown with words, never by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Badge:
    """One word on the state of the whole."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value; `volatile` ones depend on clocks or machines and are left out of static output."""

    label: str
    value: str
    volatile: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels and values, one a line."""

    items: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CoverageBar:
    """A window drawn by cause, with a legend."""

    coverage: Coverage


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One kind of thing on a timeline: its name, where it is, how many there are, and its sign, also in ASCII."""

    name: str
    slots: Ranges
    count: int
    tone: Tone
    signs: tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Where in a window things are, with a legend; later layers hide earlier ones."""

    window: TimeRange
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A number over time, in equally long stretches: its last value in each, and between which values it was.

    All are from 0 to 1, which stand for `bottom` and `top`.
    """

    label: str
    lasts: tuple[float, ...]
    spans: tuple[tuple[float, float], ...]
    bottom: str
    top: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `wrap`: long texts may be broken where the medium can; `volatile` as in `Fact`."""

    title: str
    right: bool = False
    code: bool = False
    wrap: bool = False
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text. `left_out`: how many more there are; `folded`: closed until asked for, where the medium can."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    left_out: int = 0
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy: commands (shown with `%` in notebooks) or a piece of a file. `volatile` as in `Fact`."""

    lines: tuple[str, ...]
    command: bool = False
    volatile: bool = False


Block = Facts | CoverageBar | Timeline | Curve | Table | Note | Code


@dataclass(frozen=True, slots=True)
class View:
    """What a result shows."""

    title: str
    badge: Badge | None = None
    subtitle: str = ""
    blocks: tuple[Block, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Look:
    """How a view is shown: characters a line, colours, block characters, and whether volatile facts are left out."""

    width: int = 100
    color: bool = False
    unicode: bool = True
    static: bool = False


def look_from(environment: Mapping[str, str]) -> Look:
    """The look of a `repr`.

    `SEAMLESS_RENDER=static` leaves out clocks, paths and timings, so that equal data look equal.
    """
    return Look(static=environment.get("SEAMLESS_RENDER", "") == "static")


def visible(view: View, look: Look) -> Iterator[Block]:
    """The blocks as they are shown: nothing volatile in a static look, and no fact or column without a value."""
    for block in view.blocks:
        match block:
            case Code(volatile=True) if look.static:
                pass
            case Facts():
                yield Facts(tuple(item for item in block.items if item.value and not (item.volatile and look.static)))
            case Table():
                yield _narrowed(block, look)
            case _:
                yield block


def _narrowed(table: Table, look: Look) -> Table:
    places = [
        place
        for place, column in enumerate(table.columns)
        if not (column.volatile and look.static) and any(row[place] for row in table.rows)
    ]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in table.rows),
    )


def cells(coverage: Coverage, count: int) -> list[Cause]:
    """The window cut into `count` equal cells, each with the cause to show.

    A cell that holds a failed, missing or pending slot shows it, so no gap is too short to be seen; else it is present
    or quiet, whichever is more. With more cells than slots, a slot spans several cells.
    """
    step, total = coverage.grid.step_s, coverage.total
    low = np.arange(count, dtype=np.int64) * total // count
    high = np.maximum((np.arange(count, dtype=np.int64) + 1) * total // count, low + 1)
    begins, ends = coverage.window.start + low * step, coverage.window.start + high * step
    seconds = {
        cause: coverage.of(cause).seconds_before(ends) - coverage.of(cause).seconds_before(begins) for cause in Cause
    }
    chosen = np.where(seconds[Cause.QUIET] > seconds[Cause.PRESENT], _QUIET, _PRESENT)
    for number, cause in ((_PENDING, Cause.PENDING), (_MISSING, Cause.MISSING), (_FAILED, Cause.FAILED)):
        chosen = np.where(seconds[cause] > 0, number, chosen)
    return [_CAUSES[number] for number in chosen.tolist()]


_CAUSES = list(Cause)
_PRESENT, _QUIET, _MISSING, _FAILED, _PENDING = range(len(_CAUSES))


def front_layers(timeline: Timeline, count: int) -> list[Layer | None]:
    """The window cut into `count` equal cells, each with the last layer that has anything in it, or None."""
    window = timeline.window
    edges = window.start + np.arange(count + 1, dtype=np.int64) * window.seconds // count
    chosen = np.full(count, -1, dtype=np.int64)
    for number, layer in enumerate(timeline.layers):
        inside = np.diff(layer.slots.seconds_before(edges)) > 0
        chosen = np.where(inside, number, chosen)
    return [timeline.layers[number] if number >= 0 else None for number in chosen.tolist()]


def percent(ratio: float) -> str:
    """A ratio in per cent, rounded down: 100 % means all of it."""
    if ratio >= 1:
        return "100 %"
    return f"{math.floor(ratio * 10_000 + 1e-9) / 100:.2f} %"


def answered(coverage: Coverage) -> str:
    """How much of what is old enough to be final was answered: `97.00 % answered of 100 bars`."""
    pending = coverage.slots(Cause.PENDING)
    if pending == coverage.total:
        return f"nothing of it is final yet, {plural(coverage.total, 'bar')}"
    final = plural(coverage.total - pending, "final bar" if pending else "bar")
    return f"{percent(coverage.ratio)} answered of {final}"


def legend(coverage: Coverage) -> list[tuple[Cause, int]]:
    """The causes to explain with their numbers of bars: `present`, and every other that occurs."""
    return [(cause, coverage.slots(cause)) for cause in Cause if cause is Cause.PRESENT or coverage.slots(cause)]


def plural(count: int, noun: str) -> str:
    """`1 bar`, `2,000 bars`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
