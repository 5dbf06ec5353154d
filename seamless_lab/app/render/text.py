"""A view as lines of text for a terminal, a log or a plain `repr`."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import groupby
from typing import TypeVar, cast

from seamless_lab.app.printable import printable
from seamless_lab.app.render.view import (
    Block,
    Code,
    Column,
    CoverageBar,
    Curve,
    Facts,
    Layer,
    Look,
    Note,
    Table,
    Timeline,
    Tone,
    View,
    answered,
    cells,
    front_layers,
    legend,
    visible,
)
from seamless_lab.core.coverage import Cause
from seamless_lab.core.time import format_time

_BLOCKS = {Cause.PRESENT: "█", Cause.QUIET: "▁", Cause.MISSING: "·", Cause.FAILED: "×", Cause.PENDING: "░"}
_ASCII = {Cause.PRESENT: "#", Cause.QUIET: "_", Cause.MISSING: ".", Cause.FAILED: "x", Cause.PENDING: "~"}
_TO_ASCII = str.maketrans({"·": "-", "…": "...", "–": "-", "×": "x", "→": "->", "≥": ">=", "≤": "<="})
_CAUSE_COLOR = {Cause.PRESENT: "36", Cause.QUIET: "34", Cause.MISSING: "33", Cause.FAILED: "31", Cause.PENDING: "90"}
_TONE_COLOR = {Tone.PLAIN: "", Tone.GOOD: "32", Tone.WARN: "33", Tone.BAD: "31"}
_SPARKS, _ASCII_SPARKS, SPARK_CELLS = "▁▂▃▄▅▆▇█", "_.-~=+*#", 60
_DIM, _BOLD = "90", "1"
_NOTHING = {True: "─", False: "."}
_MARKS = {Tone.PLAIN: "", Tone.GOOD: "ok ", Tone.WARN: "! ", Tone.BAD: "! "}


def render(view: View, look: Look | None = None) -> str:
    """The view as lines without a newline at the end; colours only where the look says so."""
    look = look or Look()
    lines = list(_head(_printable(replace(view, blocks=())), look))
    for block in visible(view, look):
        lines += _block(_printable(block), look)
    text = "\n".join(line.rstrip() for line in lines)
    return text if look.unicode else text.translate(_TO_ASCII).encode("ascii", "replace").decode()


T = TypeVar("T")


def _printable(part: T) -> T:
    """A part of a view whose texts command no terminal: whoever wrote a receipt or a lockfile wrote some of them."""
    if type(part) is str:
        return cast("T", printable(str(part)))
    if isinstance(part, tuple):
        return cast("T", tuple(_printable(each) for each in part))
    if is_dataclass(part) and type(part).__module__ == View.__module__:
        clean = {each.name: _printable(getattr(part, each.name)) for each in fields(part)}
        return cast("T", replace(cast("Block", part), **clean))
    return part


def paint(text: str, color: str, look: Look) -> str:
    """`text` in a colour (an SGR code) where the look has colours."""
    return f"\x1b[{color}m{text}\x1b[0m" if look.color and color and text else text


def _head(view: View, look: Look) -> Iterator[str]:
    parts = [paint(view.title, _BOLD, look)] if view.title else []
    if view.subtitle:
        parts.append(view.subtitle)
    if view.badge is not None:
        parts.append(paint(view.badge.text, _TONE_COLOR[view.badge.tone] or _BOLD, look))
    if parts:
        yield "  ".join(parts)


def _block(block: Block, look: Look) -> list[str]:
    match block:
        case Facts():
            return _facts(block, look)
        case CoverageBar():
            return _bar(block, look)
        case Timeline():
            return _timeline(block, look)
        case Curve():
            return _curve(block, look)
        case Table():
            return _table(block, look)
        case Note():
            mark = paint(_MARKS[block.tone], _TONE_COLOR[block.tone], look)
            body = textwrap.wrap(block.text, max(40, look.width - 4)) or [""]
            return [f"  {mark}{body[0]}", *(f"  {' ' * len(_MARKS[block.tone])}{line}" for line in body[1:])]
        case Code():
            return [f"    {line}" for line in block.lines]


def _facts(block: Facts, look: Look) -> list[str]:
    width = max((len(item.label) for item in block.items), default=0)
    return [f"  {paint(item.label.ljust(width), _DIM, look)}  {item.value}" for item in block.items]


def _bar(block: CoverageBar, look: Look) -> list[str]:
    coverage = block.coverage
    signs = _BLOCKS if look.unicode else _ASCII
    start, end = format_time(coverage.window.start), format_time(coverage.window.end)
    width = max(20, min(look.width, 120) - len(start) - len(end) - 4)
    runs = [(cause, len(list(run))) for cause, run in groupby(cells(coverage, width))]
    bar = "".join(paint(signs[cause] * length, _CAUSE_COLOR[cause], look) for cause, length in runs)
    key = [f"{paint(signs[cause], _CAUSE_COLOR[cause], look)} {cause} {count:,}" for cause, count in legend(coverage)]
    return [f"  {start} {bar} {end}", f"  {answered(coverage)}:  {'  '.join(key)}"]


def _timeline(block: Timeline, look: Look) -> list[str]:
    start, end = format_time(block.window.start), format_time(block.window.end)
    width = max(20, min(look.width, 120) - len(start) - len(end) - 4)
    runs = [(layer, len(list(run))) for layer, run in groupby(front_layers(block, width))]
    line = "".join(
        paint(_NOTHING[look.unicode] * length, _DIM, look) if layer is None else _sign(layer, look, length)
        for layer, length in runs
    )
    key = [f"{_sign(layer, look)} {layer.name} {layer.count:,}" for layer in block.layers if layer.count]
    return [f"  {start} {line} {end}", *([f"  {'  '.join(key)}"] if key else [])]


def _sign(layer: Layer, look: Look, length: int = 1) -> str:
    return paint(layer.signs[0 if look.unicode else 1] * length, _TONE_COLOR[layer.tone], look)


def _curve(block: Curve, look: Look) -> list[str]:
    signs = _SPARKS if look.unicode else _ASCII_SPARKS
    count = min(SPARK_CELLS, len(block.lasts))
    picked = (block.lasts[(place + 1) * len(block.lasts) // count - 1] for place in range(count))
    line = "".join(signs[round(value * (len(signs) - 1))] for value in picked)
    return [f"  {paint(block.label, _DIM, look)}  {line}  {block.bottom} … {block.top}"]


def _table(block: Table, look: Look) -> list[str]:
    columns, titles = block.columns, [column.title for column in block.columns]
    lines = ["", f"  {paint(block.title, _BOLD, look)}"] if block.title else [""]
    if block.rows:
        widths = [max(_width(text) for text in column) for column in zip(titles, *block.rows, strict=True)]
        lines.append(paint("  " + _row(titles, columns, widths), _DIM, look))
        lines += ["  " + _row(row, columns, widths) for row in block.rows]
    if block.left_out:
        lines.append(f"  … {block.left_out:,} more")
    return lines


def _row(texts: Iterable[str], columns: Iterable[Column], widths: list[int]) -> str:
    padded = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        space = " " * (width - _width(text))
        padded.append(space + text if column.right else text + space)
    return "  ".join(padded)


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
