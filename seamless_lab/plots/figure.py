"""A drawing as a plotly figure that shows itself everywhere: interactive where plotly is, a still picture elsewhere."""

from __future__ import annotations

from typing import Self

import numpy as np
import plotly.graph_objects as go

from seamless_lab.plots.panel import INK, Candles, Drawing, Floats, Ints, Item, Line, Marks, Stems
from seamless_lab.plots.still import svg

MIME = "application/vnd.plotly.v1+json"
CONFIG: dict[str, object] = {"displaylogo": False, "showSendToCloud": False}
"""No button that uploads the data, no advertisement."""

GRID = "rgba(128,128,128,0.22)"
GAP = 0.06
STEMS = 250
"""Stems side by side would fill the width."""
SYMBOLS = {"up": "triangle-up", "down": "triangle-down", "dot": "circle", "cross": "x"}


class Figure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure, to be changed and exported as any, whose notebook output is complete without plotly.

    The output holds plotly's own form, an SVG and a line of text; neither a script nor an upload button. The SVG shows
    the figure as it was made.
    """

    _ipython_display_ = None  # plotly's would display by its global renderers, with the upload button
    _drawing: Drawing | None = None

    @classmethod
    def of(cls, drawing: Drawing) -> Self:
        """The figure of a drawing."""
        stem_ms = (drawing.bounds[1] - drawing.bounds[0]) * 1000 / STEMS
        made = cls(
            data=[
                {**_trace(item, stem_ms), "xaxis": "x", "yaxis": f"y{place}" if place > 1 else "y"}
                for place, panel in enumerate(drawing.panels, start=1)
                for item in panel.items
            ],
            layout=_layout(drawing),
        )
        made._drawing = drawing
        return made

    def _repr_mimebundle_(self, *_: object, **__: object) -> dict[str, object]:
        plain: dict[str, object] = {"text/plain": f"figure: {self.layout.title.text or 'untitled'}"}
        still = {} if self._drawing is None else {"image/svg+xml": svg(self._drawing)}
        return {MIME: {**self.to_plotly_json(), "config": CONFIG}, **still, **plain}

    def _repr_html_(self) -> None:
        """None: plotly's would load itself from the internet."""

    def show(self, *args: object, **kwargs: object) -> None:
        """As plotly's, without the upload button."""
        given = kwargs.pop("config", None)
        super().show(*args, config={**CONFIG, **(given if isinstance(given, dict) else {})}, **kwargs)


def _trace(item: Item, stem_ms: float) -> dict[str, object]:
    x = _moments(item.x)
    match item:
        case Line():
            style = {"color": item.colour, "width": 1.3, "dash": "dot" if item.dashed else "solid"}
            fill = {"fill": "tozeroy", "fillcolor": _faint(item.colour)} if item.filled else {}
            shown = {"mode": "lines", "line": style, "showlegend": item.legend, **fill}
            return {"type": "scatter", "name": item.name, "x": x, "y": _short(item.y), **shown}
        case Candles():
            prices = {"open": item.opens, "high": item.highs, "low": item.lows, "close": item.closes}
            up, down = ({"line": {"color": INK, "width": 1}, "fillcolor": fill} for fill in ("rgba(0,0,0,0)", INK))
            shown = {"increasing": up, "decreasing": down, "showlegend": False}
            return {"type": "candlestick", "name": item.name, "x": x, **prices, **shown}
        case Marks():
            marker = {"color": item.colour, "size": 8, "symbol": SYMBOLS[item.symbol]}
            return {"type": "scatter", "name": item.name, "x": x, "y": item.y, "mode": "markers", "marker": marker}
        case Stems():
            shown = {"marker": {"color": item.colour}, "width": stem_ms, "showlegend": False}
            return {"type": "bar", "name": item.name, "x": x, "y": item.y, **shown}


def _layout(drawing: Drawing) -> dict[str, object]:
    line = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
    lowest = "" if len(drawing.panels) == 1 else str(len(drawing.panels))
    layout: dict[str, object] = {
        "template": "none",  # the default one is 6 kB in every saved notebook
        "title": {"text": drawing.title, "font": {"size": 14}, "x": 0, "xref": "paper"},
        "height": drawing.height,
        "margin": {"l": 60, "r": 10, "t": 48 if drawing.title else 28, "b": 36},
        "font": {"color": INK, "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#f5f5f5", "font": {"color": "#222222"}},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.01, "yanchor": "bottom"},
        "dragmode": "zoom",
        "xaxis": {**line, "type": "date", "anchor": f"y{lowest}", "rangeslider": {"visible": False}},
    }
    for place, (panel, domain) in enumerate(zip(drawing.panels, _domains(drawing), strict=True)):
        name = "yaxis" if place == 0 else f"yaxis{place + 1}"
        shown = {"tickformat": "~%", "hoverformat": ".2%"} if panel.percent else {"hoverformat": ",.6~g"}
        title = {"text": panel.label, "font": {"size": 11}}
        layout[name] = {**line, "domain": domain, "title": title, **shown}
    return layout


def _domains(drawing: Drawing) -> list[list[float]]:
    """The stretch of the height that each panel takes, the first at the top."""
    free = 1 - GAP * (len(drawing.panels) - 1)
    total = sum(panel.share for panel in drawing.panels)
    top, domains = 1.0, []
    for panel in drawing.panels:
        bottom = top - free * panel.share / total
        domains.append([round(max(bottom, 0.0), 4), round(top, 4)])
        top = bottom - GAP
    return domains


def _moments(seconds: Ints) -> Floats:
    """Milliseconds, which a date axis takes and a notebook stores in half the bytes of ISO texts."""
    return (seconds * 1000).astype(np.float64)


def _short(values: Floats) -> object:
    """Six digits are more than a pixel shows, and half the bytes."""
    return values.astype(np.float32)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"
