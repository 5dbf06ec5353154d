"""A drawing as one SVG: static, without script or style sheet, the same bytes for the same drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from seamless_lab.plots.panel import INK, Candles, Drawing, Floats, Ints, Item, Line, Marks, Panel, Stems
from seamless_lab.plots.thin import coarsened, thinned

WIDTH, LEFT, RIGHT, TOP, BOTTOM, GAP = 900, 62, 12, 40, 26, 22
COLUMNS = 220
_HOUR, _DAY = 3_600, 86_400
_STEPS_S = (300, 900, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 10 * _DAY)
_STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_MOST_TICKS = 9


@dataclass(frozen=True, slots=True)
class _Frame:
    """The pixels of one panel, and the values that they stand for."""

    top: float
    height: float
    x: tuple[int, int]
    y: tuple[float, float]

    def across(self, seconds: Ints) -> Floats:
        """Pixels from the left."""
        share: Floats = (seconds - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(self, values: Floats) -> Floats:
        """Pixels from the top."""
        return self.top + (self.y[1] - values) / (self.y[1] - self.y[0]) * self.height


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG document, readable on a light and on a dark page."""
    frames = _frames(drawing)
    size = f'width="{WIDTH}" height="{drawing.height}" viewBox="0 0 {WIDTH} {drawing.height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="{INK}">',
        f"<title>{escape(drawing.title)}</title>" if drawing.title else "",
        _text(LEFT, 16, drawing.title, 'font-size="14"') if drawing.title else "",
        _legend(drawing),
    ]
    ticks = _moments(drawing.bounds)
    for panel, frame in zip(drawing.panels, frames, strict=True):
        parts += [_axes(panel, frame, ticks), *(_item(item, frame) for item in panel.items)]
    foot = drawing.height - 8
    across = frames[0].across(np.array([second for second, _ in ticks], dtype=np.int64))
    parts += [_text(at, foot, label, _MIDDLE) for at, (_, label) in zip(across, ticks, strict=True)]
    return "\n".join(part for part in (*parts, "</svg>") if part)


_MIDDLE = 'text-anchor="middle"'
_END = 'text-anchor="end"'


def _frames(drawing: Drawing) -> list[_Frame]:
    free = drawing.height - TOP - BOTTOM - GAP * (len(drawing.panels) - 1)
    total = sum(panel.share for panel in drawing.panels)
    top, frames = float(TOP), []
    for panel in drawing.panels:
        height = free * panel.share / total
        frames.append(_Frame(top, height, drawing.bounds, panel.y_range))
        top += height + GAP
    return frames


def _axes(panel: Panel, frame: _Frame, ticks: list[tuple[int, str]]) -> str:
    values = _levels(*frame.y)
    grid = f'stroke="{INK}" stroke-opacity="0.22"'
    heights = frame.down(np.array(values))
    lines = [f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" {grid}/>' for at in heights]
    labels = [_text(LEFT - 6, at + 4, _value(v, panel.percent), _END) for at, v in zip(heights, values, strict=True)]
    across = frame.across(np.array([second for second, _ in ticks], dtype=np.int64))
    posts = [f'<path d="M{at:.1f} {frame.top:.1f}v{frame.height:.1f}" {grid}/>' for at in across]
    return "".join((*lines, *posts, *labels)) + _text(LEFT + 4, frame.top + 12, panel.label, 'opacity="0.8"')


def _item(item: Item, frame: _Frame) -> str:
    match item:
        case Line():
            return _line(thinned(item, COLUMNS), frame)
        case Candles():
            return _candles(coarsened(item, COLUMNS), frame)
        case Marks():
            spots = zip(frame.across(item.x), frame.down(item.y), strict=True)
            shape = _SHAPES[item.symbol]
            path = "".join(f"M{x:.1f} {y:.1f}{shape}" for x, y in spots)
            return f'<path d="{path}" fill="{item.colour}" stroke="{item.colour}"/>'
        case Stems():
            zero = float(frame.down(np.zeros(1))[0])
            tops = zip(frame.across(item.x), frame.down(item.y), strict=True)
            path = "".join(f"M{x:.1f} {zero:.1f}V{y:.1f}" for x, y in tops)
            return f'<path d="{path}" fill="none" stroke="{item.colour}" stroke-width="2"/>'


_SHAPES = {
    "up": "m0 -5l4 8h-8z",
    "down": "m0 5l4 -8h-8z",
    "dot": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0",
    "cross": "m-3 -3l6 6m0 -6l-6 6",
}


def _line(line: Line, frame: _Frame) -> str:
    if not line.x.size:
        return ""
    points = zip(frame.across(line.x), frame.down(line.y), strict=True)
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    style = f'stroke="{line.colour}" stroke-width="1.3"' + (' stroke-dasharray="3 3"' if line.dashed else "")
    drawn = f'<path d="{path}" fill="none" {style}/>'
    if not line.filled:
        return drawn
    zero, first, last = float(frame.down(np.zeros(1))[0]), *frame.across(line.x[[0, -1]])
    under = f"{path}L{last:.1f} {zero:.1f}L{first:.1f} {zero:.1f}Z"
    return f'<path d="{under}" fill="{line.colour}" fill-opacity="0.18"/>{drawn}'


def _candles(candles: Candles, frame: _Frame) -> str:
    if not candles.x.size:
        return ""
    width = max((WIDTH - LEFT - RIGHT) / candles.x.size * 0.6, 1.0)
    across, high, low = frame.across(candles.x), frame.down(candles.highs), frame.down(candles.lows)
    upper = frame.down(np.maximum(candles.opens, candles.closes))
    lower = np.maximum(frame.down(np.minimum(candles.opens, candles.closes)), upper + 0.5)
    wicks = "".join(f"M{x:.1f} {top:.1f}V{bottom:.1f}" for x, top, bottom in zip(across, high, low, strict=True))
    bodies = [
        f"M{x - width / 2:.1f} {top:.1f}h{width:.1f}V{bottom:.1f}h{-width:.1f}z"
        for x, top, bottom in zip(across, upper, lower, strict=True)
    ]
    fell = "".join(body for body, falls in zip(bodies, candles.closes < candles.opens, strict=True) if falls)
    rose = "".join(body for body, falls in zip(bodies, candles.closes < candles.opens, strict=True) if not falls)
    return (
        f'<path d="{wicks}" fill="none" stroke="{INK}"/><path d="{fell}" fill="{INK}" stroke="{INK}"/>'
        f'<path d="{rose}" fill="{INK}" fill-opacity="0.15" stroke="{INK}"/>'
    )


def _legend(drawing: Drawing) -> str:
    """Names from the right edge leftwards, as there is no way to measure text here."""
    named = [
        (item.name, item.colour)
        for panel in drawing.panels
        for item in panel.items
        if isinstance(item, Marks) or (isinstance(item, Line) and item.legend)
    ]
    at, parts = float(WIDTH - RIGHT), []
    for name, colour in reversed(named):
        parts.append(_text(at, 32, name, f'{_END} fill="{colour}"'))
        at -= 6.2 * len(name) + 18
    return "".join(parts)


def _levels(low: float, high: float) -> list[float]:
    """Round values between two: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
    return [round(number * step, 12) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _moments(bounds: tuple[int, int]) -> list[tuple[int, str]]:
    """Round moments between two, and what they are called."""
    start, end = bounds
    step = next((step for step in _STEPS_S if (end - start) / step <= _MOST_TICKS), None)
    if step is not None:
        clock = "%H:%M" if end - start < 2 * _DAY else "%d %b" if step >= _DAY else "%d %b %H:%M"
        moments = range(-(-start // step) * step, end + 1, step)
        return [(moment, datetime.fromtimestamp(moment, UTC).strftime(clock)) for moment in moments]
    first = datetime.fromtimestamp(start, UTC)
    last = datetime.fromtimestamp(end, UTC)
    months = (last.year - first.year) * 12 + last.month - first.month
    stride = next((stride for stride in _STEPS_MONTHS if months / stride <= _MOST_TICKS), _STEPS_MONTHS[-1])
    count = first.year * 12 + first.month - 1
    numbers = range(-(-count // stride) * stride, last.year * 12 + last.month, stride)
    days = [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers]
    return [(int(day.timestamp()), day.strftime("%b %Y")) for day in days if start <= day.timestamp() <= end]


def _value(value: float, percent: bool) -> str:
    return f"{value * 100:.6g} %" if percent else f"{value:,.6g}"


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
