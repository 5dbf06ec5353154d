"""What filling shows: a plan, or what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.render.view import Badge, Block, Code, CoverageBar, Fact, Facts, Note, Tone, View, plural
from seamless_lab.app.views.gap_blocks import GAPS_SHOWN, gap_blocks
from seamless_lab.app.views.wording import backfill_command, duration, state
from seamless_lab.core.grid import parse_timeframe
from seamless_lab.core.reference import fixed_ref

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.results import BackfillPlan, BackfillResult


def backfill_plan(result: BackfillPlan) -> View:
    """What a backfill would cost."""
    guess, pace = result.prediction, result.prediction.pace
    if not len(result.gaps):
        return View(str(result.node), Badge("nothing to do", Tone.GOOD), str(result.window))
    step_s = parse_timeframe(result.node.timeframe)
    lost, exchange = result.lost.seconds // step_s, result.node.exchange
    gone = Note(f"{lost:,} bars are served no longer by {exchange}; they are not asked for.", Tone.BAD)
    if not len(result.gaps - result.lost):
        hint = Note("Name a later window, a longer timeframe, or the same market on another exchange.")
        return View(str(result.node), Badge("nothing to ask", Tone.BAD), str(result.window), (gone, hint))
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
    if lost:
        notes.append(gone)
    command = backfill_command(str(result.node), result.window) + (" --refresh" if result.refresh else "")
    return View(str(result.node), Badge("plan"), str(result.window), (facts, *notes, Code((command,), command=True)))


def backfill(result: BackfillResult) -> View:
    """What came back, what is still open and why, and what was sealed."""
    blocks: list[Block] = [Note(error, Tone.BAD) for error in result.errors[:GAPS_SHOWN]]
    blocks.append(CoverageBar(result.coverage))
    blocks += gap_blocks(str(result.node), result.coverage, lambda _: "")
    version = result.version
    restated = result.restated.seconds // result.coverage.grid.step_s
    sealed = "nothing"
    if version and len(result.coverage.answered):
        sealed = fixed_ref(result.node, version.tree.fingerprint)
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
    return View(str(result.node), state(result.coverage), str(result.coverage.window), tuple(blocks))
