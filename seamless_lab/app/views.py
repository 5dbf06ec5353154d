"""What each result shows: title, verdict, coverage, evidence, and the command to run next."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.view import (
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
    percent,
    plural,
)
from seamless_lab.core.bars import VALUES
from seamless_lab.core.coverage import Cause, Coverage, Gap
from seamless_lab.core.grid import parse_timeframe
from seamless_lab.core.policy import Verdict
from seamless_lab.core.time import TimeRange, format_time, format_time_ms

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.results import (
        ArtifactList,
        BackfillPlan,
        BackfillResult,
        CoverageResult,
        FetchResult,
        GapTable,
        Manifest,
        SlaReport,
        VerifyReport,
    )
    from seamless_lab.core.version import Json

GAPS_SHOWN, ROWS_SHOWN, TABLE_ROWS = 5, 3, 40
_VERDICTS = {Verdict.PASS: Tone.GOOD, Verdict.PARTIAL: Tone.WARN, Verdict.HOLD: Tone.BAD}
_REASONS = {Verdict.PASS: Tone.PLAIN, Verdict.PARTIAL: Tone.WARN, Verdict.HOLD: Tone.BAD}


def fetch(result: FetchResult) -> View:
    """Coverage, reasons, gaps with their causes, identity, timings, and the first and last bars."""
    request, answer = result.answer.request, result.answer
    # HOLD and PARTIAL give their reasons before anything else.
    blocks: list[Block] = [Note(reason.text, _REASONS[reason.verdict]) for reason in result.reasons]
    blocks.append(CoverageBar(result.coverage))
    sealed = request.context.domain.sealed
    said = (lambda _: "not in this version") if sealed else partial(_last_words, answer.evidence)
    blocks += _gap_blocks(str(result.node), result.coverage, said)
    if answer.unsealed:
        unsealed = answer.unsealed.seconds // result.coverage.grid.step_s
        blocks.append(Note(f"{plural(unsealed, 'bar')} of the tail not sealed: a later answer may differ.", Tone.WARN))
    notices = {**answer.flags, **answer.warnings}
    seal = result.ref or ("nothing of it is sealed" if result.fingerprint else "not sealed")
    context = f"{request.context.domain}, {request.strategy}, world {request.context.world_id}"
    blocks.append(
        Facts(
            (
                Fact("sealed as", seal, code=True),
                Fact("content", f"sha256:{result.content}", code=True),
                Fact("as of", f"{result.as_of} (seq {result.provenance.seq})" if result.ref else "", volatile=True),
                Fact("context", context),
                Fact("sources", " → ".join(result.provenance.sources), volatile=True),
                Fact("flags", ", ".join(f"{name} {count:,}" for name, count in sorted(notices.items()) if count)),
                Fact("took", timings(answer.timings_ms), volatile=True),
            )
        )
    )
    blocks += _bars(answer.bars.frame)
    subtitle = f"{result.window}  {plural(result.rows, 'bar')}"
    return View(str(result.node), Badge(str(result.verdict), _VERDICTS[result.verdict]), subtitle, tuple(blocks))


def coverage(result: CoverageResult) -> View:
    """The coverage by cause, and the longest gaps."""
    blocks: list[Block] = [CoverageBar(result.coverage)]
    if before := result.before_listing.seconds // result.coverage.grid.step_s:
        blocks.append(Note(f"{plural(before, 'quiet bar')} lie before the market was listed."))
    blocks += _gap_blocks(str(result.node), result.coverage, partial(_last_words, result.attempts))
    sealed = f"{result.node}@sha256:{result.fingerprint[:16]}" if result.fingerprint else "nothing yet"
    if result.fingerprint and not len(result.coverage.answered):
        sealed = "nothing of it"
    blocks.append(Facts((Fact("sealed", sealed, code=True),)))
    return View(str(result.node), _state(result.coverage), str(result.coverage.window), tuple(blocks))


def gaps(result: GapTable) -> View:
    """Every stretch without a bar that can be repaired or was given up, then the quiet ones."""
    causes = result.frame["cause"].to_list()
    open_ones = [row for row, cause in enumerate(causes) if cause in (str(Cause.MISSING), str(Cause.FAILED))]
    settled = [row for row, cause in enumerate(causes) if cause not in (str(Cause.MISSING), str(Cause.FAILED))]
    blocks: list[Block] = []
    if open_ones:
        shown = open_ones[:TABLE_ROWS]
        blocks.append(_gap_table(result.frame[shown], "", len(open_ones) - len(shown)))
        ends = result.frame[open_ones].select(pl.col("start").dt.epoch("s").min(), pl.col("end").dt.epoch("s").max())
        whole = TimeRange(*ends.row(0))
        blocks.append(Code((_backfill(str(result.node), whole),), command=True))
    if settled:
        shown = settled[: TABLE_ROWS // 2]
        blocks.append(
            _gap_table(
                result.frame[shown],
                "nothing to repair: proved quiet, or too young to be final",
                len(settled) - len(shown),
            )
        )
    if not causes:
        blocks.append(Note("Every slot has a bar.", Tone.GOOD))
    badge = Badge(plural(len(open_ones), "gap"), Tone.BAD) if open_ones else Badge("no gaps", Tone.GOOD)
    return View(str(result.node), badge, str(result.window), tuple(blocks))


def backfill_plan(result: BackfillPlan) -> View:
    """What a backfill would cost."""
    guess, pace = result.prediction, result.prediction.pace
    if not len(result.gaps):
        return View(str(result.node), Badge("nothing to do", Tone.GOOD), str(result.window))
    known = "measured" if pace.latency_s is not None else "assumed"
    wait = f"{duration(guess.rate_wait_s)} of them for" if guess.rate_wait_s >= 1 else "no wait for"
    time = f"at least {duration(guess.seconds)}, our own work not counted: {guess.latency_s * 1000:,.0f} ms an answer"
    time += f" ({known}), {pace.concurrent} at once, {wait} the rate limit"
    facts = Facts(
        (
            Fact("bars", f"{guess.slots:,} in {plural(len(result.gaps), 'gap')}"),
            Fact(
                "requests", f"{guess.requests:,} for bars in {plural(guess.blocks, 'block')}, weight {guess.weight:g}"
            ),
            Fact("start-up", f"{plural(pace.startup_requests, 'request')} more in a new process: markets, clock"),
            Fact("time", time, volatile=True),
        )
    )
    fewer = "" if result.listed else "; time before the market was listed takes almost none"
    notes: list[Block] = [Note(f"A hole in the exchange's bars takes up to four requests more{fewer}.")]
    if lost := result.lost.seconds // parse_timeframe(result.node.timeframe):
        notes.append(
            Note(f"{lost:,} bars are served no longer by {result.node.exchange}; they are not asked for.", Tone.BAD)
        )
    command = _backfill(str(result.node), result.window) + (" --refresh" if result.refresh else "")
    return View(str(result.node), Badge("plan"), str(result.window), (facts, *notes, Code((command,), command=True)))


def backfill(result: BackfillResult) -> View:
    """What came back, what is still open and why, and what was sealed."""
    blocks: list[Block] = [Note(error, Tone.BAD) for error in result.errors[:GAPS_SHOWN]]
    blocks.append(CoverageBar(result.coverage))
    blocks += _gap_blocks(str(result.node), result.coverage, lambda _: "")
    version = result.version
    restated = result.restated.seconds // result.coverage.grid.step_s
    sealed = (
        f"{result.node}@sha256:{version.tree.fingerprint[:16]}"
        if version and len(result.coverage.answered)
        else "nothing"
    )
    blocks.append(
        Facts(
            (
                Fact("received", plural(result.rows, "bar")),
                Fact("requests", f"{result.requests:,}", volatile=True),
                Fact("restated", plural(restated, "bar") if restated else ""),
                Fact("sealed as", sealed, code=True),
            )
        )
    )
    return View(str(result.node), _state(result.coverage), str(result.coverage.window), tuple(blocks))


def manifest(result: Manifest) -> View:
    """Identity first, then the evidence around it."""
    commit, tree = result.version.commit, result.version.tree
    flags = commit.conformance.get("flags")
    packs = Table(
        (Column("from"), Column("bars", right=True), Column("digest", code=True)),
        tuple((format_time(pack.cell), f"{pack.rows:,}", pack.digest) for pack in tree.packs[:TABLE_ROWS]),
        f"{plural(len(tree.packs), 'pack')}",
        max(0, len(tree.packs) - TABLE_ROWS),
        folded=True,
    )
    facts = (
        Fact("ref", result.ref, code=True),
        Fact("fingerprint", f"sha256:{tree.fingerprint}", code=True),
        Fact("bars", f"{tree.rows:,}"),
        Fact("range", str(commit.bounds) if commit.bounds else "empty"),
        Fact("grid", f"{tree.header.grid.step_s} s, anchor {tree.header.grid.anchor_s}"),
        Fact("conformance", f"{tree.header.conformance}{_flags(flags)}"),
        Fact("as of", format_time_ms(commit.as_of_ms), volatile=True),
        Fact("previous", f"seq {commit.seq - 1}" if commit.previous else "none: the first version"),
        *_producer(commit.producer),
    )
    return View(str(tree.header.node), Badge(f"seq {commit.seq}"), "", (Facts(facts), packs))


def artifacts(result: ArtifactList) -> View:
    """One line a dataset, or a version."""
    of_node = bool(result.history_of)
    frame = result.frame
    shown = frame.tail(TABLE_ROWS) if of_node else frame.head(TABLE_ROWS)
    ends = [[_day(moment) for moment in shown[name].dt.epoch("s").to_list()] for name in ("start", "end")]
    numbers = [[f"{value:,}" for value in shown[name].to_list()] for name in ("rows", "seq")]
    as_of = [format_time_ms(value) for value in shown["as_of"].dt.epoch("ms").to_list()]
    columns = (
        Column("ref", code=True),
        Column("bars", right=True),
        Column("from"),
        Column("to"),
        Column("seq" if of_node else "versions", right=True),
        Column("as of", volatile=True),
    )
    rows = tuple(zip(shown["ref"].to_list(), numbers[0], *ends, numbers[1], as_of, strict=True))
    empty = Note("Nothing is sealed here yet. A fetch seals what it gets: seamless fetch NODE --start T --end T")
    blocks: tuple[Block, ...] = (Table(columns, rows, left_out=frame.height - shown.height),) if rows else (empty,)
    facts = Facts((Fact("store", result.store, volatile=True, code=True),))
    noun = "version" if of_node else "sealed dataset"
    return View(result.history_of or "artifacts", Badge(plural(frame.height, noun)), "", (*blocks, facts))


def verify(result: VerifyReport) -> View:
    """Whether everything matches, and what does not."""
    blocks: list[Block] = [Note(line, Tone.BAD) for line in result.offenders[:TABLE_ROWS]]
    if len(result.offenders) > TABLE_ROWS:
        blocks.append(Note(f"… {len(result.offenders) - TABLE_ROWS:,} more", Tone.BAD))
    size = f"{_bytes(result.bytes_read)} rehashed"
    checked = f"{plural(result.versions, 'version')}, {plural(result.objects, 'object')}, {size}"
    blocks.append(Facts((Fact("checked", checked), Fact("store", result.store, volatile=True, code=True))))
    bad = len(result.offenders)
    badge = Badge(f"{bad:,} damaged", Tone.BAD) if bad else Badge("verified", Tone.GOOD)
    return View("verify", badge, "", tuple(blocks))


def sla(result: SlaReport) -> View:
    """Percentiles per phase against the budgets, and the slowest fetches."""
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms", "budget_ms")
    columns = (
        Column("phase"),
        Column("fetches", right=True),
        *(Column(name[:-3], right=True) for name in names),
        Column("exceeded", right=True),
    )
    known = result.phases.filter(pl.col("count") > 0)
    rows = tuple(
        (str(row["phase"]), f"{row['count']:,}", *(_ms(row[name]) for name in names), f"{row['violations']:,}")
        for row in known.iter_rows(named=True)
    )
    slow = result.fetches.sort("total_ms", descending=True, nulls_last=True, maintain_order=True).head(GAPS_SHOWN)
    slowest = Table(
        (
            Column("at", volatile=True),
            Column("node", code=True),
            Column("verdict"),
            Column("bars", right=True),
            Column("total", right=True),
        ),
        tuple(
            (f"{row['at']:%Y-%m-%dT%H:%M:%SZ}", row["node"], row["verdict"], f"{row['rows']:,}", _ms(row["total_ms"]))
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


# -- parts ---------------------------------------------------------------------------------------------------------


def timings(timings_ms: dict[str, float]) -> str:
    """Milliseconds by phase on one line, the total last."""
    phases = [(name, spent) for name, spent in timings_ms.items() if name != "total"]
    total = [("total", timings_ms["total"])] if "total" in timings_ms else []
    return " · ".join(f"{name} {_ms(spent)}" for name, spent in phases + total)


def duration(seconds: float) -> str:
    """`0.4 s`, `90 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _bytes(count: int) -> str:
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _backfill(node: str, window: TimeRange) -> str:
    return f"seamless backfill {node} --start {format_time(window.start)} --end {format_time(window.end)}"


def _state(found: Coverage) -> Badge:
    if found.slots(Cause.PENDING) == found.total:
        return Badge("nothing final yet", Tone.WARN)
    if found.complete:
        return Badge("complete", Tone.GOOD)
    open_slots = found.slots(Cause.MISSING) + found.slots(Cause.FAILED)
    return Badge(f"{plural(open_slots, 'bar')} open, {percent(found.ratio)} answered", Tone.WARN)


def _gap_blocks(node: str, found: Coverage, said: Callable[[Gap], str]) -> list[Block]:
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
    command = _backfill(node, whole)
    return [Table(_GAP_COLUMNS[:-1], rows, "gaps", len(listed) - len(shown)), Code((command,), command=True)]


_CODE = re.compile(r"^E-[A-Z-]+: ")
_GAP_COLUMNS = (
    Column("from"),
    Column("to"),
    Column("cause"),
    Column("bars", right=True),
    Column("evidence", wrap=True),
    Column("asked", volatile=True),
)


def _last_words(evidence: pl.DataFrame, gap: Gap) -> str:
    """What the newest ask that touched the gap came back with; evidence is oldest first."""
    touching = evidence.filter((pl.col("start") < gap.window.end) & (pl.col("end") > gap.window.start))
    if touching.height:
        return _short(str(touching["error"][-1])) or ("asked, no final answer" if gap.cause is Cause.MISSING else "")
    return "never asked" if gap.cause is Cause.MISSING else ""


def _gap_table(frame: pl.DataFrame, title: str, left_out: int) -> Table:
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


def _bars(frame: pl.DataFrame) -> list[Block]:
    if not frame.height:
        return []
    few = frame.height <= 2 * ROWS_SHOWN
    shown = frame if few else pl.concat([frame.head(ROWS_SHOWN), frame.tail(ROWS_SHOWN)])
    numbers = [["–" if value is None else f"{value:.10g}" for value in shown[name].to_list()] for name in VALUES]
    rows = list(zip([format_time(ts) for ts in shown["ts"].to_list()], *numbers, strict=True))
    if not few:
        rows.insert(ROWS_SHOWN, ("…", *[""] * len(VALUES)))
    columns = (Column("open time", code=True), *(Column(name, right=True) for name in VALUES))
    return [Table(columns, tuple(rows))]


def _flags(flags: object) -> str:
    if not isinstance(flags, dict) or not any(flags.values()):
        return ", no flags"
    return ", flagged " + ", ".join(f"{name} {count}" for name, count in sorted(flags.items()) if count)


def _producer(producer: Json) -> list[Fact]:
    """Who sealed it and under which settings, a few words a line; the rest is in `to_dict`."""
    found = {name: value for name, value in producer.items() if isinstance(value, (str, int))}
    by = " ".join(str(found[name]) for name in ("identity", "version") if name in found)
    facts = [Fact("sealed by", by, volatile=True), Fact("world", str(found.get("world_id", "")), volatile=True)]
    policy = producer.get("policy")
    for name, value in sorted(policy.items()) if isinstance(policy, dict) else ():
        several = isinstance(value, (list, tuple))
        words = [str(one) for one in value] if several else [str(value)]
        label = str(name).replace("_", " ")
        facts += [
            Fact(label if not at else "", line, volatile=True) for at, line in enumerate(wrap(", ".join(words), 76))
        ]
    return facts


def _day(moment: int | None) -> str:
    return "" if moment is None else format_time(moment).removesuffix("T00:00Z")


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f} ms" if value < 10 else f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"
