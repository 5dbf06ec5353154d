"""Figures: what is drawn, what a notebook keeps of it, and what is visible without plotly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from xml.etree import ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
import pytest

from seamless_lab import plots
from seamless_lab.plots.figure import CONFIG, MIME, Figure

HOUR = 3_600
SVG = "{http://www.w3.org/2000/svg}"


def bars(count: int, seed: int = 1) -> pl.DataFrame:
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count + 1)))
    opens, closes = walk[:-1], walk[1:]
    return pl.DataFrame(
        {
            "ts": np.arange(count) * HOUR + 1_704_067_200,
            "open": opens,
            "high": np.maximum(opens, closes) * 1.001,
            "low": np.minimum(opens, closes) * 0.999,
            "close": closes,
            "volume": closes * 2,
        }
    )


def curve(count: int, seed: int = 1) -> pl.DataFrame:
    return bars(count, seed).select("ts", equity="close")


def figures() -> dict[str, Figure]:
    before = bars(744)
    after = before.with_columns(close=pl.when(pl.col("ts") % (50 * HOUR) == 0).then(101.0).otherwise("close"))
    moments = pl.from_epoch(before["ts"]).dt.replace_time_zone("UTC")
    trades = pl.DataFrame(
        {
            "entry_time": [moments[10], moments[300], moments[0] - timedelta(days=1)],
            "entry_price": [100.0, 101.0, 99.0],
            "exit_time": [moments[20], None, moments[5]],
            "exit_price": [99.0, 98.0, 97.0],
        }
    )
    return {
        "equity": plots.equity(curve(9_000), title="one"),
        "curves": plots.equity({"mine & <yours>": curve(9_000), "other": curve(9_000, 2)}),
        "bars": plots.bars(before, trades, title="bars"),
        "many bars": plots.bars(bars(9_000)),
        "restated": plots.restated(before.slice(5), after.head(740), title="restated"),
        "nothing": plots.equity(curve(0)),
        "one point": plots.equity(curve(1)),
    }


@pytest.mark.parametrize("name", list(figures()))
def test_a_notebook_keeps_a_plotly_figure_a_still_picture_and_a_line_of_text(name: str) -> None:
    figure = figures()[name]
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {MIME, "image/svg+xml", "text/plain"}
    assert figure._repr_html_() is None
    kept = json.dumps(pio.from_json(pio.to_json(figure)).to_dict(), default=str)
    assert "plotly" not in str(figure.layout.template.to_plotly_json())
    assert len(kept) < 120_000
    assert len(str(bundle["image/svg+xml"])) < 60_000


@pytest.mark.parametrize("name", list(figures()))
def test_the_still_picture_is_plain_svg_inside_its_box_and_the_same_each_time(name: str) -> None:
    first, second = (str(figures()[name]._repr_mimebundle_()["image/svg+xml"]) for _ in range(2))
    assert first == second
    root = ET.fromstring(first)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "text", "path"}
    for path in root.iter(f"{SVG}path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.attrib["d"]):
            assert -1 <= float(x) <= width + 1
            assert -1 <= float(y) <= height + 1


def test_nothing_uploads_and_nothing_is_loaded_from_elsewhere() -> None:
    text = json.dumps(figures()["equity"]._repr_mimebundle_(), default=str)
    assert CONFIG == {"displaylogo": False, "showSendToCloud": False}
    assert json.dumps(CONFIG) in text
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_showing_a_figure_elsewhere_has_no_upload_button_either(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(pio, "show", lambda *_, config, **__: seen.append(config))
    figures()["equity"].show(config={"scrollZoom": True})
    assert seen == [{**CONFIG, "scrollZoom": True}]


def test_a_drawdown_is_the_distance_from_the_highest_value_so_far() -> None:
    frame = pl.DataFrame({"ts": [0, 1, 2, 3], "equity": [1.0, 2.0, 1.0, 3.0]})
    figure = plots.equity(frame)
    assert [round(float(value), 6) for value in figure.data[1].y] == [0, 0, -0.5, 0]


def test_a_drawdown_that_is_given_is_drawn_as_it_is() -> None:
    frame = pl.DataFrame({"ts": [0, 1], "equity": [0.9, 0.8], "drawdown": [-0.1, -0.2]})
    assert [round(float(value), 6) for value in plots.equity(frame).data[1].y] == [-0.1, -0.2]


def test_only_trades_within_the_bars_are_marked() -> None:
    price, entries, exits, _ = figures()["bars"].data
    assert (len(entries.x), len(exits.x)) == (2, 2)
    assert min(*entries.x, *exits.x) >= min(price.x)


def test_restated_added_and_removed_bars_are_counted_and_marked() -> None:
    before = pl.DataFrame({"ts": [0, 60, 120], "close": [1.0, 2.0, 3.0]})
    after = pl.DataFrame({"ts": [60, 120, 180], "close": [2.0, 3.3, 4.0]})
    figure = plots.restated(before, after)
    assert [trace.name for trace in figure.data[2:5]] == ["restated: 1", "added: 1", "removed: 1"]
    assert [list(trace.x) for trace in figure.data[2:5]] == [[120_000], [180_000], [0]]
    assert round(float(figure.data[5].y[0]), 6) == 0.1


def test_frames_with_a_time_column_instead_of_seconds_give_the_same_picture() -> None:
    frame = curve(500)
    timed = frame.select(time=pl.from_epoch("ts").dt.replace_time_zone("UTC"), equity="equity")
    assert plots.equity(timed).to_dict() == plots.equity(frame).to_dict()


def test_a_figure_is_a_plotly_figure_that_can_be_changed() -> None:
    figure = plots.equity(curve(10)).update_layout(title_text="mine")
    assert isinstance(figure, go.Figure)
    assert figure._repr_mimebundle_()["text/plain"] == "figure: mine"


def test_importing_plots_does_not_load_plotly() -> None:
    code = "import sys, seamless_lab.plots; print('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
