"""Stretches without a bar, as blocks of a view."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from seamless_lab.app.render.view import Block, Code, Column, Table
from seamless_lab.app.views.wording import backfill_command
from seamless_lab.core.coverage import Cause, Coverage, Gap
from seamless_lab.core.time import TimeRange, format_time, format_time_ms

GAPS_SHOWN = 5
_CODE = re.compile(r"^E-[A-Z-]+: ")
_GAP_COLUMNS = (
    Column("from"),
    Column("to"),
    Column("cause"),
    Column("bars", right=True),
    Column("evidence", wrap=True),
    Column("asked", volatile=True),
)


def gap_blocks(node: str, found: Coverage, said: Callable[[Gap], str]) -> list[Block]:
    """The longest missing and failed stretches, each with what is `said` of it, and the command that fills them all."""
    listed = found.gaps()
    if not listed:
        return []
    shown = sorted(sorted(listed, key=lambda gap: -gap.slots)[:GAPS_SHOWN], key=lambda gap: gap.window)
    rows = tuple(
        (
            format_time(gap.window.start),
            format_time(gap.window.end),
            str(gap.cause),
            f"{gap.slots:,}",
            said(gap),
        )
        for gap in shown
    )
    whole = TimeRange(listed[0].window.start, max(gap.window.end for gap in listed))
    command = backfill_command(node, whole)
    return [Table(_GAP_COLUMNS[:-1], rows, "gaps", len(listed) - len(shown)), Code((command,), command=True)]


def last_words(evidence: pl.DataFrame, gap: Gap) -> str:
    """What the newest ask that touched the gap came back with; evidence is oldest first."""
    touching = evidence.filter((pl.col("start") < gap.window.end) & (pl.col("end") > gap.window.start))
    if touching.height:
        return _short(str(touching["error"][-1])) or ("asked, no final answer" if gap.cause is Cause.MISSING else "")
    return "never asked" if gap.cause is Cause.MISSING else ""


def gap_table(frame: pl.DataFrame, title: str, left_out: int) -> Table:
    """Rows of a `GapTable` with their evidence."""
    ends = [[format_time(moment) for moment in frame[name].dt.epoch("s").to_list()] for name in ("start", "end")]
    asked = ["" if at is None else format_time_ms(at) for at in frame["asked_at"].dt.epoch("ms").to_list()]
    bars = [f"{count:,}" for count in frame["bars"].to_list()]
    errors = [
        _short(error) or ("never asked" if cause == str(Cause.MISSING) and not at else "")
        for error, cause, at in zip(frame["error"].to_list(), frame["cause"].to_list(), asked, strict=True)
    ]
    rows = tuple(zip(*ends, frame["cause"].to_list(), bars, errors, asked, strict=True))
    return Table(_GAP_COLUMNS, rows, title, left_out)


def _short(error: str) -> str:
    text = _CODE.sub("", error)
    return text if len(text) <= 80 else f"{text[:79]}…"
