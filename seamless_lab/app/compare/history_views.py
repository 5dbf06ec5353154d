"""What histories show: one line a belief, or a commit that changed some, the newest last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.compare.views import number, store_option, window_options
from seamless_lab.app.render.view import Badge, Block, Code, Column, Note, Table, Tone, View, plural
from seamless_lab.core.bars import VALUES
from seamless_lab.core.comparison import State
from seamless_lab.core.time import TimeRange, format_time, format_time_ms

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.compare.history_results import BarHistory, WindowHistory


def bar_history(result: BarHistory) -> View:
    """One line a belief, the newest last."""
    columns = (
        Column("believed from"),
        Column("to"),
        Column("seq", right=True),
        Column(""),
        *(Column(name, right=True) for name in VALUES),
        Column("observed"),
        Column(""),
    )
    rows = []
    for belief in result.beliefs:
        values = belief.bar.frame.select(VALUES).row(0) if len(belief.bar) else ()
        back = belief.since.provenance.get("rollback_of")
        rows.append(
            (
                _moment(belief.since.as_of_ms),
                "now" if belief.until is None else _moment(belief.until.as_of_ms),
                str(belief.since.seq),
                str(belief.state) if not values else "",
                *([number(value) for value in values] or [""] * len(VALUES)),
                "" if belief.observed_at_ms is None or back else _moment(belief.observed_at_ms),
                f"rolled back to seq {back}" if back else "",
            )
        )
    blocks: list[Block] = [Table(columns, tuple(rows))]
    only = result.beliefs[0]
    if len(result.beliefs) == 1 and only.state is State.UNANSWERED:
        newest = f"the newest, seq {result.newest.seq}, holds {result.newest.bounds}"
        blocks.append(Note(f"No version has ever answered for this bar; {newest}."))
    if result.changes:
        old, new = result.beliefs[-2].since.seq, result.beliefs[-1].since.seq
        blocks.append(_diff(result, old, new, result.slot))
    return View(str(result.node), _changes_badge(result), f"the bar of {format_time(result.slot.start)}", tuple(blocks))


def _changes_badge(result: BarHistory) -> Badge:
    if result.beliefs[-1].state is State.UNANSWERED:
        return Badge("unanswered", Tone.WARN)
    if not result.changes:
        return Badge("never changed", Tone.GOOD)
    return Badge("changed once" if result.changes == 1 else f"changed {result.changes:,} times", Tone.WARN)


def window_history(result: WindowHistory) -> View:
    """One line a commit that changed something, the newest last."""
    frame, rewriting = result.frame, result.rewriting
    shown = frame.tail(result.rows)
    blocks: list[Block] = []
    if shown.height < frame.height:
        blocks.append(Note(f"The newest {shown.height:,} of {frame.height:,}; --rows {frame.height} shows all."))
    blocks.append(_commits(shown) if frame.height else Note(_nothing(result)))
    listed = rewriting.tail(result.rows)
    if listed.height and listed["seq"][0] not in shown["seq"]:  # among many that only add, these are looked for
        title = "changed what was answered before"
        blocks.append(_commits(listed, title, rewriting.height - listed.height))
    if rewriting.height:
        seq = int(rewriting["seq"][-1])
        blocks.append(_diff(result, seq - 1, seq, result.window))
    said = f", {rewriting.height:,} of what was answered before" if rewriting.height else ""
    words = f"{plural(frame.height, 'change')}{said}" if frame.height else "unanswered"
    badge = Badge(words, Tone.PLAIN if frame.height and not said else Tone.WARN)
    return View(str(result.node), badge, "" if result.window is None else str(result.window), tuple(blocks))


_COMMITS = (
    Column("as of"),
    Column("seq", right=True),
    Column("bars", right=True),
    Column("added", right=True),
    Column("restated", right=True),
    Column("removed", right=True),
    Column("content", code=True),
    Column(""),
)


def _commits(frame: pl.DataFrame, title: str = "", left_out: int = 0) -> Table:
    rows = tuple(
        (
            _moment(as_of),
            f"{row['seq']:,}",
            f"{row['bars']:,}",
            *(f"{row[name]:,}" if row[name] else "" for name in ("added", "restated", "removed")),
            row["content"][:16],
            "" if row["rollback_of"] is None else f"rolled back to seq {row['rollback_of']}",
        )
        for as_of, row in zip(frame["as_of"].dt.epoch("ms").to_list(), frame.iter_rows(named=True), strict=True)
    )
    return Table(_COMMITS, rows, title, left_out)


def _diff(result: BarHistory | WindowHistory, old: int, new: int, window: TimeRange | None) -> Code:
    """The command that shows what one commit changed."""
    where = ("" if window is None else window_options(window)) + store_option(result.store)
    command = f"seamless diff {result.node}@seq:{old} {result.node}@seq:{new}{where}"
    return Code((command,), command=True, volatile=bool(result.store))


def _nothing(result: WindowHistory) -> str:
    newest = result.newest
    return f"No version has ever answered for this window; the newest, seq {newest.seq}, holds {newest.bounds}."


def _moment(epoch_ms: int) -> str:
    """A knowledge time as short as it is exact."""
    text = format_time_ms(epoch_ms)
    return text.replace(".000Z", "Z")
