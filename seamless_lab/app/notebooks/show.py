"""What a seal, its check, a receipt and its verification show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.render.view import Badge, Block, Column, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.views.wording import day
from seamless_lab.core.bars import VALUES
from seamless_lab.core.time import format_time

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.notebooks.checking import ReadCheck
    from seamless_lab.app.notebooks.places import CellPlace
    from seamless_lab.app.notebooks.sealing import SealResult
    from seamless_lab.app.reads import ReadRecord
    from seamless_lab.app.result_records import ResultRecord
    from seamless_lab.core.time import TimeRange
    from seamless_lab.engine.artifacts.diff import Difference

ROWS, BARS, DIGITS, NAMES = 40, 5, 12, 6

_READ = (
    Column("cell"),
    Column("ref", code=True),
    Column("node", code=True),
    Column("from"),
    Column("to"),
    Column("bars", right=True),
    Column("content", code=True),
)


def sealed(result: SealResult) -> View:
    """Which cell read what, and what was made of it."""
    seal = result.seal
    rows = [
        (place_name(place), *read_row(read))
        for place, cell in zip(result.places, seal.cells, strict=True)
        for read in cell.reads
    ]
    made = [
        (place_name(place), each.kind, names(each), each.digest[:DIGITS])
        for place, cell in zip(result.places, seal.cells, strict=True)
        for each in cell.results
    ]
    blocks: list[Block] = [table(_READ, rows)] if rows else [Note("No cell of this notebook has read sealed bars yet.")]
    if made:
        columns = (Column("cell"), Column("made"), Column("from", wrap=True), Column("digest", code=True))
        blocks.append(table(columns, made, "results"))
    blocks += [Note(note, Tone.WARN) for note in result.notes]
    # Where it is kept depends on the front end, and versions of software are part of its digest.
    kept = Fact("kept in", _kept(result), volatile=True)
    blocks.append(
        Facts(
            (
                Fact("notebook", result.notebook, volatile=True),
                Fact("seal", f"sha256:{seal.digest}", volatile=True, code=True),
                kept,
            )
        )
    )
    cells = sum(bool(cell.reads) for cell in seal.cells)
    badge = Badge(f"{plural(len(seal.reads), 'read')} in {plural(cells, 'cell')}", Tone.GOOD if rows else Tone.WARN)
    return View("seal", badge, "", tuple(blocks))


def _kept(result: SealResult) -> str:
    words = {"output": "this cell's output", "metadata": "the notebook's metadata", "lock": "seamless.lock"}
    unknown = "" if result.notebook else "; the lock needs the notebook's name: %seamless seal NOTEBOOK.ipynb"
    return ", ".join(words[place] for place in result.stored) + unknown


def names(result: ResultRecord) -> str:
    """The inputs of a result by name, a universe with its size; the first few of many."""
    found = [
        name if count == 1 else f"{name} ({count})"
        for name, count in Counter(one.name for one in result.inputs).items()
    ]
    return ", ".join([*found[:NAMES], *(["…"] if len(found) > NAMES else [])])


def read_row(read: ReadRecord) -> tuple[str, ...]:
    """Reference, node where the reference does not say it, window, bars and content of a read."""
    node = "" if read.written.startswith(str(read.node)) else str(read.node)
    return (short_ref(read.written), node, *ends(read.window), f"{read.rows:,}", read.content[:DIGITS])


def short_ref(ref: str) -> str:
    """A reference with no more of a fingerprint than tells versions apart."""
    head, mark, digits = ref.partition("@sha256:")
    return f"{head}{mark}{digits[:DIGITS]}"


def ends(window: TimeRange) -> tuple[str, str]:
    """The two ends of a window, midnight left out."""
    return (day(window.start), day(window.end))


def place_name(place: CellPlace) -> str:
    """How a person finds a cell: its number in brackets, and its id."""
    return f"{place.name} {place.id[:8]}".rstrip()


def table(columns: Sequence[Column], rows: Sequence[tuple[str, ...]], title: str = "") -> Table:
    """A table that does not flood a screen."""
    return Table(tuple(columns), tuple(rows[:ROWS]), title, max(0, len(rows) - ROWS))


def check_rows(checks: Iterable[ReadCheck]) -> list[tuple[str, ...]]:
    """Cell, reference, window, what was read and what would be."""
    return [
        (
            place_name(each.place),
            short_ref(each.read.written),
            *ends(each.read.window),
            each.read.content[:DIGITS],
            "the same" if each.content == each.read.content else each.content[:DIGITS] or "–",
        )
        for each in checks
    ]


CHECKED = (
    Column("cell"),
    Column("ref", code=True),
    Column("from"),
    Column("to"),
    Column("sealed", code=True),
    Column("today", code=True),
)


def changes(found: Difference, title: str) -> Table:
    """The first bars that differ, each with the values that do."""
    restated, added, removed = found.restated, found.added.frame, found.removed.frame
    lines = [*_restated(restated.head(BARS)), *_bars(added.head(BARS), "added"), *_bars(removed.head(BARS), "removed")]
    rows = sorted(lines)[:BARS]
    total = restated.height + added.height + removed.height
    shown = tuple((format_time(ts), what, said) for ts, what, said in rows)
    return Table(
        (Column("bar", code=True), Column(""), Column("sealed → today", wrap=True)), shown, title, total - len(shown)
    )


def change_counts(found: Difference) -> str:
    """How many bars were restated, added and removed, in words."""
    counts = (
        (found.restated.height, "restated"),
        (len(found.added), "added"),
        (len(found.removed), "removed"),
    )
    said = ", ".join(f"{plural(count, 'bar')} {what}" for count, what in counts if count)
    return said or "other slots answered, no bar changed"


def _restated(frame: pl.DataFrame) -> list[tuple[int, str, str]]:
    return [
        (
            row["ts"],
            "restated",
            ", ".join(
                f"{name} {_number(row[f'{name}_old'])} → {_number(row[f'{name}_new'])}"
                for name in VALUES
                if row[f"{name}_old"] != row[f"{name}_new"]
            ),
        )
        for row in frame.iter_rows(named=True)
    ]


def _bars(frame: pl.DataFrame, what: str) -> list[tuple[int, str, str]]:
    return [(row["ts"], what, f"close {_number(row['close'])}") for row in frame.iter_rows(named=True)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.10g}"
