"""Views as text and HTML: every gap is visible, equal results look equal, HTML stays static and small."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.progress import Progress
from seamless_lab.app.render import html, text
from seamless_lab.app.render.view import Badge, Code, Column, Facts, Look, Table, View, cells, percent
from seamless_lab.app.results import FetchResult
from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import parse_node
from seamless_lab.core.judge import Facts as JudgedFacts
from seamless_lab.core.judge import judge
from seamless_lab.core.policy import NOTEBOOK, ComputeContext, Strategy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.events import Event, Field
from seamless_lab.engine.request import Answer, FetchRequest, Provenance

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
GRID = Grid(60, 0)
START = 1_704_067_200


def coverage_of(causes: list[Cause]) -> Coverage:
    """A coverage with one cause for each slot."""
    opens = START + 60 * np.arange(len(causes), dtype=np.int64)
    parts = {cause: Ranges.of_slots(opens[[found is cause for found in causes]], 60) for cause in Cause}
    return Coverage(TimeRange(START, START + 60 * len(causes)), GRID, **{str(cause): parts[cause] for cause in Cause})


def fetched(causes: list[Cause], *, total_ms: float = 12.0, as_of_ms: int = 1_704_067_200_123) -> FetchResult:
    coverage = coverage_of(causes)
    ts = np.array([START + 60 * i for i, cause in enumerate(causes) if cause is Cause.PRESENT], dtype=np.int64)
    values = {name: pl.Series(ts / 7.0, dtype=pl.Float64) for name in SCHEMA if name != "ts"}
    bars = Bars(NODE, GRID, pl.DataFrame({"ts": ts, **values}, schema=SCHEMA))
    evidence = pl.DataFrame({"start": [START], "end": [coverage.window.end], "error": ["E-SOURCE-DOWN: <html> & co"]})
    judged = judge(coverage, JudgedFacts())
    return FetchResult(
        Answer(
            FetchRequest(Header(NODE, GRID), coverage.window, ComputeContext(), Strategy.SEAMLESS, NOTEBOOK),
            bars,
            coverage,
            Ranges.empty(),
            Provenance("ab" * 32, "cd" * 32, 3, as_of_ms, ("hot", "artifact")),
            judged.verdict,
            judged.reasons,
            evidence,
            timings_ms={"storage": 1.0, "total": total_ms},
        )
    )


@given(st.lists(st.sampled_from(list(Cause)), min_size=1, max_size=300), st.integers(1, 90))
def test_a_cell_shows_the_worst_cause_among_its_slots(causes: list[Cause], count: int) -> None:
    shown = cells(coverage_of(causes), count)
    assert len(shown) == count
    for place, cause in enumerate(shown):
        low = place * len(causes) // count
        inside = causes[low : max((place + 1) * len(causes) // count, low + 1)]
        worst = next((gap for gap in (Cause.FAILED, Cause.MISSING, Cause.PENDING) if gap in inside), None)
        quiet = inside.count(Cause.QUIET) > inside.count(Cause.PRESENT)
        assert cause is (worst or (Cause.QUIET if quiet else Cause.PRESENT))


def test_one_missing_minute_in_five_years_is_visible() -> None:
    window = TimeRange(START, START + 60 * 2_628_000)
    hole = Ranges.single(TimeRange(START + 60 * 1_234_567, START + 60 * 1_234_568))
    none = Ranges.empty()
    coverage = Coverage(window, GRID, hole.complement(window), none, hole, none, none)
    assert cells(coverage, 60).count(Cause.MISSING) == 1
    assert percent(coverage.ratio) == "99.99 %"


def test_text_says_what_why_and_how_to_repair() -> None:
    said = fetched([Cause.PRESENT] * 50 + [Cause.FAILED] + [Cause.MISSING] * 2 + [Cause.PRESENT] * 47).to_text()
    assert "PARTIAL" in said.splitlines()[0]
    assert "97.00 % answered of 100 bars" in said
    assert "seamless backfill ohlcv:binance:BTC/USDT:1m --start 2024-01-01T00:50Z --end 2024-01-01T00:53Z" in said
    assert "ohlcv:binance:BTC/USDT:1m@sha256:cdcdcdcdcdcdcdcd" in said


@pytest.mark.parametrize("width", [80, 100, 120])
def test_text_fits_the_terminal(width: int) -> None:
    said = text.render(fetched([Cause.PRESENT] * 90 + [Cause.MISSING] * 10).view(), Look(width=width))
    assert max(len(line) for line in said.splitlines()) <= max(width, 97)  # a command to copy is never broken


def test_text_without_block_characters_is_ascii_and_still_tells_causes_apart() -> None:
    causes = [Cause.PRESENT] * 5 + [Cause.QUIET] * 5 + [Cause.MISSING] * 5 + [Cause.FAILED] * 5 + [Cause.PENDING] * 5
    said = text.render(fetched(causes).view(), Look(unicode=False))
    assert said.isascii()
    assert re.search(r"#+_+\.+x+~+", said)


def test_colours_only_where_the_look_has_them() -> None:
    view = fetched([Cause.PRESENT, Cause.MISSING]).view()
    assert "\x1b[" not in text.render(view)
    assert "\x1b[" in text.render(view, Look(color=True))


def test_html_has_inline_styles_and_nothing_active_and_escapes_what_it_is_given() -> None:
    page = fetched([Cause.PRESENT, Cause.FAILED] * 600)._repr_html_()
    assert not re.search(r"<(script|style|svg|link|img|iframe)|\s(id|class|on\w+)=", page)
    assert "&lt;html&gt; &amp; co" in page
    assert len(page) <= 50_000
    assert set(re.findall(r"<(\w+)", page)) <= {"div", "span", "table", "tr", "th", "td", "details", "summary"}


def test_html_of_every_colour_has_a_fallback_and_a_word() -> None:
    page = fetched([Cause.PRESENT, Cause.QUIET, Cause.MISSING, Cause.FAILED, Cause.PENDING])._repr_html_()
    assert not re.search(r"var\(--[\w-]+\)", page)
    assert all(f'title="{cause}"' in page and f">{'</span>'}{cause} 1" in page for cause in Cause)


def test_static_output_knows_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    causes = [Cause.PRESENT] * 9 + [Cause.MISSING]
    early, late = fetched(causes), fetched(causes, total_ms=99.0, as_of_ms=1_800_000_000_000)
    assert early.to_text() != late.to_text()
    monkeypatch.setenv("SEAMLESS_RENDER", "static")
    assert early.to_text() == late.to_text()
    assert early._repr_html_() == late._repr_html_()


def test_equal_results_look_equal() -> None:
    causes = [Cause.PRESENT] * 3
    assert fetched(causes)._repr_html_() == fetched(causes)._repr_html_()
    assert repr(fetched(causes)) == fetched(causes).to_text()


def test_commands_are_magics_in_html_and_plain_in_text() -> None:
    view = View("x", None, "", (Code(("seamless doctor",), command=True),))
    assert "%seamless doctor" in html.render(view)
    assert "%" not in text.render(view)


def test_a_table_hides_columns_without_a_word_and_says_how_much_it_leaves_out() -> None:
    table = Table(
        (Column("a"), Column("empty"), Column("n", right=True)), (("x", "", "1"), ("yy", "", "10")), left_out=7
    )
    said = text.render(View("", Badge("b"), "", (table, Facts(()))))
    assert "empty" not in said
    assert "… 7 more" in said
    assert "x    1" in said


def test_percent_never_rounds_up_to_all() -> None:
    assert percent(0.99999999) == "99.99 %"
    assert percent(1.0) == "100 %"
    assert percent(0.57) == "57.00 %"


def test_what_is_not_final_is_not_called_answered_nor_sealed() -> None:
    said = fetched([Cause.PENDING] * 10).to_text()
    assert "nothing of it is final yet, 10 bars:" in said
    assert "answered" not in said
    assert "sealed as  nothing of it is sealed" in said
    assert "100 % answered of 8 final bars" in fetched([Cause.PRESENT] * 8 + [Cause.PENDING] * 2).to_text()
    assert "100 % answered of 1 bar:" in fetched([Cause.PRESENT]).to_text()


def test_what_another_process_filled_does_not_look_lost() -> None:
    def said(*events: tuple[str, dict[str, Field]]) -> str:
        progress = Progress()
        for name, fields in events:
            progress.note(Event(f"seamless.backfill.{name}", 0, fields))
        return progress.summary()

    plan: tuple[str, dict[str, Field]] = ("plan", {"blocks": 2, "slots": 1_800})
    done: tuple[str, dict[str, Field]] = ("complete", {"rows": 900, "requests": 1})
    shared = "1,800 bars needed: 900 received in 1 request; another process filled some of the rest"
    assert said(plan, ("waiting", {}), done) == shared
    assert said(plan, done, done) == "1,800 bars needed: 1,800 received in 2 requests"
