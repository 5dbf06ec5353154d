"""What differences and rollbacks show: what changed, when, by how much, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.render.view import (
    Badge,
    Block,
    Code,
    Column,
    Fact,
    Facts,
    Layer,
    Note,
    Table,
    Timeline,
    Tone,
    View,
    plural,
)
from seamless_lab.core.bars import VALUES
from seamless_lab.core.comparison import RESTATED, State
from seamless_lab.core.time import TimeRange, format_time, format_time_ms

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.compare.results import Compared, DiffResult, RollbackResult

_WORDS = {
    ("bar", "bar"): "restated",
    ("quiet", "bar"): "added where there was proof of none",
    ("unanswered", "bar"): "added where nobody had answered",
    ("bar", "quiet"): "removed, with proof that there is none",
    ("bar", "unanswered"): "removed, without an answer",
    ("unanswered", "quiet"): "proved to have none",
    ("quiet", "unanswered"): "no longer proved to have none",
}
_RESTATED, _ADDED, _REMOVED, _OTHER = ("▲", "^"), ("+", "+"), ("×", "x"), ("○", "o")


# -- difference ----------------------------------------------------------------------------------------------------


def diff(result: DiffResult) -> View:
    """The two versions, when and how much they differ, and the first bars with what changed in them."""
    blocks: list[Block] = [Facts((*_side("from", result.old), *_side("to", result.new)))]
    blocks += differing(result)
    if result.difference.restated.height:
        first = format_time(result.difference.restated["ts"][0])
        pin = next((side.written for side in (result.new, result.old) if side.written.startswith("pin:")), "")
        who = pin or f"{result.node}{store_option(result.new.store)}"
        command = f"seamless history {who} --at {first}"
        blocks.append(Code((command,), command=True, volatile=bool(result.new.store) and not pin))
    within = "" if result.window is None else str(result.window)
    return View(str(result.node), _badge(result), within, tuple(blocks))


def differing(result: DiffResult) -> list[Block]:
    """What changed: when, of which kind, by how much, and the first bars."""
    if result.equal:
        return []
    blocks: list[Block] = [_timeline(result), _moves(result)]
    if result.difference.restated.height:
        blocks.append(_summary(result.summary))
    return [*blocks, _bars(result)]


def _badge(result: DiffResult) -> Badge:
    if result.equal:
        return Badge("equal", Tone.GOOD)
    counts = result.counts
    words = [
        f"{count:,} {name}"
        for name, count in (("restated", counts.restated), ("added", counts.added), ("removed", counts.removed))
        if count
    ]
    return Badge(", ".join(words) or "other answers", Tone.WARN)


def _side(label: str, side: Compared) -> tuple[Fact, ...]:
    commit = side.version.commit
    said = side.written.removeprefix(f"{side.version.header.node}@")
    named = "" if said.startswith(("seq:", "sha256:", "ohlcv:")) else f", {said}"
    return (
        Fact(label, f"{side.ref} (seq {commit.seq}{named})", code=True),
        Fact("", f"as of {format_time_ms(commit.as_of_ms)}", volatile=True),
        Fact("", f"in {side.store}" if side.store else "", volatile=True),
    )


def _timeline(result: DiffResult) -> Timeline:
    found = result.difference.found
    quiet = found.moves[State.UNANSWERED, State.QUIET] | found.moves[State.QUIET, State.UNANSWERED]
    bars = (found.added.slots, found.moves[RESTATED], found.removed.slots)
    step_s = result.difference.new.header.grid.step_s
    layers = (
        Layer("other answers", quiet, quiet.seconds // step_s, Tone.PLAIN, _OTHER),
        Layer("added", bars[0], result.counts.added, Tone.GOOD, _ADDED),
        Layer("restated", bars[1], result.counts.restated, Tone.WARN, _RESTATED),
        Layer("removed", bars[2], result.counts.removed, Tone.BAD, _REMOVED),
    )
    return Timeline(result.window or _bounds(result), layers)


def _bounds(result: DiffResult) -> TimeRange:
    """All that either version answers for."""
    answered = result.difference.old.tree.answered | result.difference.new.tree.answered
    bounds = answered.bounds
    assert bounds is not None  # they differ
    return bounds


def _moves(result: DiffResult) -> Table:
    columns = (Column("what"), Column("bars", right=True), Column("from"), Column("to"))
    moves = result.moves
    ends = [[format_time(moment) for moment in moves[name].dt.epoch("s").to_list()] for name in ("start", "end")]
    kinds = zip(moves["before"].to_list(), moves["after"].to_list(), strict=True)
    bars = [f"{count:,}" for count in moves["bars"].to_list()]
    return Table(columns, tuple(zip([_WORDS[kind] for kind in kinds], bars, *ends, strict=True)))


def _summary(summary: pl.DataFrame) -> Table:
    columns = (
        Column("restated"),
        Column("bars", right=True),
        Column("largest change", right=True),
        Column("from", right=True),
        Column("to", right=True),
        Column("at"),
        Column("largest ratio", right=True),
    )
    rows = []
    for name, changed, largest, ratio, at, old, new in summary.rows():
        if changed:
            where = "" if at is None else format_time(int(at.timestamp()))
            change = "" if largest is None else f"{largest:.6g}"
            rows.append((name, f"{changed:,}", change, number(old), number(new), where, _percent(ratio)))
    return Table(columns, tuple(rows))


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio * 100:.3g} %"


def _bars(result: DiffResult) -> Table:
    """Bars in time order: old ones behind `-`, new ones behind `+`, of which a restated one shows what changed."""
    restated, removed, added = result.shown()
    lines: list[tuple[int, tuple[str, ...]]] = []
    for row in restated.iter_rows(named=True):
        old, new = [row[f"{name}_old"] for name in VALUES], [row[f"{name}_new"] for name in VALUES]
        changed = [number(now) if was != now else "" for was, now in zip(old, new, strict=True)]
        lines.append((row["ts"], ("-", format_time(row["ts"]), *map(number, old))))
        lines.append((row["ts"], ("+", "", *changed)))
    for sign, frame in (("-", removed), ("+", added)):
        times, values = frame["ts"].to_list(), frame.select(VALUES).rows()
        lines += [(ts, (sign, format_time(ts), *map(number, row))) for ts, row in zip(times, values, strict=True)]
    shown = restated.height + removed.height + added.height
    counts = result.counts
    columns = (Column(""), Column("open time", code=True), *(Column(name, right=True) for name in VALUES))
    rows = tuple(row for _, row in sorted(lines, key=lambda line: line[0]))
    return Table(columns, rows, left_out=counts.restated + counts.removed + counts.added - shown)


def number(value: float | None) -> str:
    """A value with as many digits as tell it from its neighbours."""
    return "–" if value is None else repr(value).removesuffix(".0")


# -- rollback ------------------------------------------------------------------------------------------------------


def rollback(result: RollbackResult) -> View:
    """What the newest version would lose and get back, and the command that does it; or what was done."""
    target, commit = result.target, result.target.version.commit
    facts = Facts((*_side("back to", target), Fact("newest", _newest(result))))
    if not result.changes:
        said = f"The newest version, seq {result.head.seq}, holds exactly this; there is nothing to roll back."
        return View(str(result.node), Badge("nothing to do", Tone.GOOD), "", (Note(said), facts))
    blocks: list[Block] = [facts]
    if result.damage:
        blocks.append(Note(f"What it changes cannot be shown: {result.damage}", Tone.WARN))
    if result.difference is not None:
        blocks += differing(result.difference)
        blocks += _withdrawn(result)
    if result.made is None:
        blocks += [Note("Nothing is written yet. Older versions stay as they are. To do it:")]
        blocks.append(Code((result.again,), command=True))
        return View(str(result.node), Badge(f"would go back to seq {commit.seq}", Tone.WARN), "", tuple(blocks))
    undo = f"seamless rollback {result.node}@seq:{result.head.seq}"
    blocks += [Note("All older versions are still there; this undoes it:"), Code((undo,), command=True)]
    return View(str(result.node), Badge(f"back to what seq {commit.seq} holds", Tone.GOOD), "", tuple(blocks))


def _newest(result: RollbackResult) -> str:
    head = result.head
    before = f"seq {head.seq}, sha256:{head.fingerprint[:16]}"
    return before if result.made is None else f"seq {result.made.commit.seq}, made on {before}"


def _withdrawn(result: RollbackResult) -> list[Block]:
    """Which slots are without an answer after a rollback, and how to get them again."""
    assert result.difference is not None  # only called where there is one
    gone = result.difference.difference.unanswered
    bounds = gone.bounds
    if bounds is None:
        return []
    slots = plural(gone.seconds // result.target.version.header.grid.step_s, "bar")
    said = f"{slots} of it have no answer in that version: they count as missing until the exchange is asked again:"
    return [Note(said), Code((f"seamless backfill {result.node}{window_options(bounds)}",), command=True)]


def store_option(store: str) -> str:
    """Another store than the home's as it is written behind a command."""
    return f" --store {shlex.quote(store)}" if store else ""


def window_options(window: TimeRange) -> str:
    """A window as it is written behind a command."""
    return f" --start {format_time(window.start)} --end {format_time(window.end)}"
