"""What looking shows: coverage, gaps, and fetches against their budgets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.render.view import (
    Badge,
    Block,
    Code,
    Column,
    CoverageBar,
    Fact,
    Facts,
    Note,
    Table,
    Tone,
    View,
    plural,
)
from seamless_lab.app.views.gap_blocks import gap_blocks, gap_table, last_words
from seamless_lab.app.views.wording import NOT_IN_VERSION, TABLE_ROWS, backfill_command, milliseconds, state
from seamless_lab.core.coverage import Cause
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange, format_time_ms

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.results import CoverageResult, GapTable, OneVersion, SlaReport

SLOWEST_SHOWN = 5


def coverage(result: CoverageResult) -> View:
    """The coverage by cause, and the longest gaps."""
    blocks: list[Block] = [CoverageBar(result.coverage)]
    if before := result.before_listing.seconds // result.coverage.grid.step_s:
        blocks.append(Note(f"{plural(before, 'quiet bar')} lie before the market was listed."))
    if result.version is not None:
        blocks += gap_blocks(str(result.node), result.coverage, lambda _: NOT_IN_VERSION)
        blocks += _of_version(result.version, complete=result.coverage.complete)
        return View(str(result.node), _sealed(state(result.coverage)), str(result.coverage.window), tuple(blocks))
    blocks += gap_blocks(str(result.node), result.coverage, partial(last_words, result.attempts))
    sealed = fixed_ref(result.node, result.fingerprint) if result.fingerprint else "nothing yet"
    if result.fingerprint and not len(result.coverage.answered):
        sealed = "nothing of it"
    blocks.append(Facts((Fact("sealed", sealed, code=True),)))
    return View(str(result.node), state(result.coverage), str(result.coverage.window), tuple(blocks))


def gaps(result: GapTable) -> View:
    """Every stretch without a bar that can be repaired or was given up, then the quiet ones."""
    causes = result.frame["cause"].to_list()
    open_ones = [row for row, cause in enumerate(causes) if cause in (str(Cause.MISSING), str(Cause.FAILED))]
    settled = [row for row, cause in enumerate(causes) if cause not in (str(Cause.MISSING), str(Cause.FAILED))]
    blocks: list[Block] = []
    if open_ones:
        shown = open_ones[:TABLE_ROWS]
        blocks.append(gap_table(result.frame[shown], "", len(open_ones) - len(shown)))
        ends = result.frame[open_ones].select(pl.col("start").dt.epoch("s").min(), pl.col("end").dt.epoch("s").max())
        whole = TimeRange(*ends.row(0))
        blocks.append(Code((backfill_command(str(result.node), whole),), command=True))
    if settled:
        shown = settled[: TABLE_ROWS // 2]
        blocks.append(
            gap_table(
                result.frame[shown],
                "nothing to repair: proved quiet, or too young to be final",
                len(settled) - len(shown),
            )
        )
    if not causes:
        blocks.append(Note("Every slot has a bar.", Tone.GOOD))
    badge = Badge(plural(len(open_ones), "gap"), Tone.BAD) if open_ones else Badge("no gaps", Tone.GOOD)
    if result.version is not None:
        badge = _sealed(badge)
        blocks += _of_version(result.version, complete=not open_ones)
    return View(str(result.node), badge, str(result.window), tuple(blocks))


def _sealed(badge: Badge) -> Badge:
    """The state of one version, told as such."""
    return replace(badge, text=f"sealed: {badge.text}")


def _of_version(version: OneVersion, *, complete: bool) -> list[Block]:
    """Which version was looked at; where it is not complete, what a repair makes of it."""
    commit = version.sealed.commit
    facts = Facts(
        (
            Fact("read as", version.written, code=True),
            Fact("sealed", version.ref, code=True),
            Fact("as of", f"{format_time_ms(commit.as_of_ms)} (seq {commit.seq})", volatile=True),
        )
    )
    if complete:
        return [facts]
    moved = f", to which seamless lock --update {version.pin} moves the pin" if version.pin else ""
    return [Note(f"A sealed version stays as it is; a repair makes a newer one{moved}."), facts]


def sla(result: SlaReport) -> View:
    """Percentiles per phase against the budgets, and the slowest fetches."""
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    columns = (
        Column("phase"),
        Column("fetches", right=True),
        *(Column(name[:-3], right=True) for name in names),
        Column("budget", right=True),
        Column("exceeded", right=True),
    )
    known = result.phases.filter(pl.col("count") > 0)
    rows = tuple(
        (
            str(row["phase"]),
            f"{row['count']:,}",
            *(milliseconds(row[name]) for name in names),
            "mixed" if row["mixed_budgets"] else milliseconds(row["budget_ms"]),
            f"{row['violations']:,}",
        )
        for row in known.iter_rows(named=True)
    )
    slow = result.fetches.sort("total_ms", descending=True, nulls_last=True, maintain_order=True).head(SLOWEST_SHOWN)
    slowest = Table(
        (
            Column("at", volatile=True),
            Column("node", code=True),
            Column("verdict"),
            Column("bars", right=True),
            Column("total", right=True),
        ),
        tuple(
            (
                f"{row['at']:%Y-%m-%dT%H:%M:%SZ}",
                row["node"],
                row["verdict"],
                f"{row['rows']:,}",
                milliseconds(row["total_ms"]),
            )
            for row in slow.iter_rows(named=True)
        ),
        "slowest",
    )
    since = Facts((Fact("since", format_time_ms(result.since_ms), volatile=True),))
    if not rows:
        return View("sla", Badge("no fetches"), "", (since,))
    exceeded = int(known["violations"].sum())
    badge = Badge(f"{exceeded:,} over budget", Tone.WARN) if exceeded else Badge("within budgets", Tone.GOOD)
    return View("sla", badge, "", (since, Table(columns, rows), slowest))
