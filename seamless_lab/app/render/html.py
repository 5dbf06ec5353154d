"""A view as static HTML: no script, no style sheet, no ids; safe where notebooks are sanitised and in both themes.

Colours are JupyterLab's variables with a fallback, so they follow the theme; every colour comes with a word. Bars are
blue, and what is wrong orange or red: pairs that colour-blind readers can tell apart.
"""

from __future__ import annotations

from html import escape
from itertools import groupby

from seamless_lab.app.render.view import (
    Badge,
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
from seamless_lab.core.time import TimeRange, format_time

CURVE_PX = 64
BAR_CELLS = 240
"""Cells of a coverage bar: a gap of one slot is at least this part of it, about three pixels."""

_INK = "var(--jp-ui-font-color1,#1f2328)"
_FAINT = "var(--jp-ui-font-color2,#6a737d)"
_LINE = "var(--jp-border-color2,#d0d7de)"
_SANS = "font-family:var(--jp-ui-font-family,system-ui,sans-serif)"
_MONO = "font-family:var(--jp-code-font-family,ui-monospace,monospace)"
_CAUSES = {
    Cause.PRESENT: "var(--jp-brand-color1,#1976d2)",
    Cause.QUIET: "var(--jp-brand-color3,#bbdefb)",
    Cause.MISSING: "var(--jp-warn-color1,#f57c00)",
    Cause.FAILED: "var(--jp-error-color1,#d32f2f)",
    Cause.PENDING: "var(--jp-layout-color4,#9e9e9e)",
}
_LAYERS = {
    Tone.PLAIN: "var(--jp-brand-color3,#bbdefb)",
    Tone.GOOD: "var(--jp-brand-color1,#1976d2)",
    Tone.WARN: "var(--jp-warn-color1,#f57c00)",
    Tone.BAD: "var(--jp-error-color1,#d32f2f)",
}
_TONES = {
    Tone.PLAIN: _FAINT,
    Tone.GOOD: "var(--jp-success-color1,#2e7d32)",
    Tone.WARN: "var(--jp-warn-color1,#e65100)",
    Tone.BAD: "var(--jp-error-color1,#c62828)",
}
_CURVE = _CAUSES[Cause.PRESENT]
_TABLE = "border-collapse:collapse;border:none;margin:6px 0;font-size:12px"


def render(view: View, look: Look | None = None) -> str:
    """The view as one `<div>`."""
    body = _head(view) + "".join(_block(block) for block in visible(view, look or Look()))
    return _tag("div", f"{_SANS};font-size:13px;line-height:1.5;color:{_INK};max-width:960px", body)


def _tag(name: str, style: str, body: str) -> str:
    return f'<{name} style="{style}">{body}</{name}>'


def _head(view: View) -> str:
    title = _tag("span", f"{_MONO};font-weight:600", escape(view.title)) if view.title else ""
    subtitle = _tag("span", f"color:{_FAINT};margin-left:10px", escape(view.subtitle)) if view.subtitle else ""
    badge = _badge(view.badge) if view.badge else ""
    return _tag("div", "margin:2px 0 4px", title + subtitle + badge) if title or subtitle or badge else ""


def _badge(badge: Badge) -> str:
    color = _TONES[badge.tone]
    box = f"border:1px solid {color};color:{color};border-radius:3px;padding:0 6px;margin-left:10px"
    return _tag("span", f"{box};font-size:11px;font-weight:600;white-space:nowrap", escape(badge.text))


def _block(block: Block) -> str:
    match block:
        case Facts():
            return _facts(block)
        case CoverageBar():
            return _bar(block)
        case Timeline():
            return _timeline(block)
        case Curve():
            return _curve(block)
        case Table():
            return _table(block)
        case Note():
            edge = f"border-left:3px solid {_TONES[block.tone]}"
            return _tag("div", f"{edge};padding:0 8px;margin:4px 0", escape(block.text))
        case Code():
            return _code(block)


def _code(block: Code) -> str:
    lines = "\n".join(f"%{line}" if block.command and line else line for line in block.lines)
    box = "background:var(--jp-layout-color2,#f6f8fa);padding:4px 8px;margin:4px 0"
    return _tag("div", f"{_MONO};font-size:12px;white-space:pre-wrap;{box}", escape(lines))


def _facts(block: Facts) -> str:
    cell = "padding:1px 12px 1px 0;border:none;text-align:left"
    label, value = f"{cell};color:{_FAINT};white-space:nowrap;vertical-align:top", f"{cell};word-break:break-word"
    rows = "".join(
        _row(
            _tag("td", label, escape(item.label))
            + _tag("td", f"{value};{_MONO}" if item.code else value, escape(item.value))
        )
        for item in block.items
    )
    return _tag("table", _TABLE, rows) if rows else ""


def _row(body: str) -> str:
    return _tag("tr", "background:none", body)


def _bar(block: CoverageBar) -> str:
    coverage = block.coverage
    parts = "".join(
        _stretch(cause, _CAUSES[cause], len(list(run)) * 100 / BAR_CELLS)
        for cause, run in groupby(cells(coverage, BAR_CELLS))
    )
    total = _tag("span", "margin-right:14px", answered(coverage))
    key = "".join(_key(_CAUSES[cause], f"{cause} {count:,}") for cause, count in legend(coverage))
    return _strip(parts, coverage.window, total + key)


def _timeline(block: Timeline) -> str:
    parts = "".join(
        _stretch("unchanged" if layer is None else layer.name, _layer_color(layer), len(list(run)) * 100 / BAR_CELLS)
        for layer, run in groupby(front_layers(block, BAR_CELLS))
    )
    key = "".join(_key(_layer_color(layer), f"{layer.name} {layer.count:,}") for layer in block.layers if layer.count)
    return _strip(parts, block.window, key)


def _layer_color(layer: Layer | None) -> str:
    return "transparent" if layer is None else _LAYERS[layer.tone]


def _key(color: str, words: str) -> str:
    sample = _tag("span", f"display:inline-block;width:10px;height:10px;margin-right:5px;background:{color}", "")
    return _tag("span", "margin-right:14px;white-space:nowrap", sample + words)


def _strip(parts: str, window: TimeRange, key: str) -> str:
    ends = "".join(f"<span>{format_time(moment)}</span>" for moment in (window.start, window.end))
    return _tag(
        "div",
        "margin:6px 0 8px",
        _tag("div", f"display:flex;border:1px solid {_LINE}", parts)
        + _tag("div", f"display:flex;justify-content:space-between;{_MONO};font-size:11px;color:{_FAINT}", ends)
        + (_tag("div", "font-size:12px", key) if key else ""),
    )


def _stretch(title: str, color: str, width_percent: float) -> str:
    style = f"width:{width_percent:.4f}%;height:14px;background:{color}"
    return f'<div title="{escape(title)}" style="{style}"></div>'


def _curve(block: Curve) -> str:
    width = 100 / max(1, len(block.spans))
    columns = "".join(
        f'<div style="width:{width:.3f}%;height:{max(2, round((high - low) * CURVE_PX))}px;'
        f'margin-top:{min(round((1 - high) * CURVE_PX), CURVE_PX - 2)}px;background:{_CURVE}"></div>'
        for low, high in block.spans
    )
    box = f"display:flex;align-items:flex-start;height:{CURVE_PX}px;border-bottom:1px solid {_LINE}"
    ends = f"display:flex;flex-direction:column;justify-content:space-between;{_MONO};font-size:11px;color:{_FAINT}"
    scale = _tag(
        "div",
        f"{ends};padding-left:8px;white-space:nowrap",
        "".join(f"<span>{escape(end)}</span>" for end in (block.top, block.bottom)),
    )
    label = _tag("div", f"color:{_FAINT};font-size:12px", escape(block.label))
    return _tag(
        "div", "margin:6px 0", label + _tag("div", "display:flex", _tag("div", f"{box};flex:1", columns) + scale)
    )


def _table(block: Table) -> str:
    styles = [_cell(column) for column in block.columns]
    head = "".join(
        _tag("th", f"{style};font-weight:600;border-bottom:1px solid {_LINE}", escape(column.title))
        for style, column in zip(styles, block.columns, strict=True)
    )
    rows = "".join(
        _row("".join(_tag("td", style, escape(cell)) for style, cell in zip(styles, row, strict=True)))
        for row in block.rows
    )
    body = _tag("table", _TABLE, _row(head) + rows) if block.rows else ""
    if block.left_out:
        body += _tag("div", f"color:{_FAINT};font-size:12px", f"… {block.left_out:,} more")
    if block.folded:
        summary = _tag("summary", f"cursor:pointer;color:{_FAINT}", escape(block.title))
        return _tag("details", "margin:4px 0", summary + body)
    return (_tag("div", "font-weight:600;margin-top:6px", escape(block.title)) if block.title else "") + body


def _cell(column: Column) -> str:
    side = "right" if column.right else "left"
    family = f";{_MONO}" if column.code or column.right else ""
    breaks = "normal" if column.wrap else "nowrap"
    return f"padding:1px 16px 1px 0;border:none;text-align:{side};white-space:{breaks}{family}"
