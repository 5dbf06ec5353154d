"""What a fetch shows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.render.view import Badge, Block, Column, CoverageBar, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.views.gap_blocks import gap_blocks, last_words
from seamless_lab.app.views.wording import NOT_IN_VERSION, timings
from seamless_lab.core.bars import VALUES
from seamless_lab.core.policy import Domain, Verdict
from seamless_lab.core.time import format_time

if TYPE_CHECKING:  # results import this module to show themselves; here they are names only
    from seamless_lab.app.results import FetchResult

ROWS_SHOWN = 3
_VERDICTS = {Verdict.PASS: Tone.GOOD, Verdict.PARTIAL: Tone.WARN, Verdict.HOLD: Tone.BAD}
_REASONS = {Verdict.PASS: Tone.PLAIN, Verdict.PARTIAL: Tone.WARN, Verdict.HOLD: Tone.BAD}


def fetch(result: FetchResult) -> View:
    """Coverage, reasons, gaps with their causes, identity, timings, and the first and last bars."""
    request, answer = result.answer.request, result.answer
    # HOLD and PARTIAL give their reasons before anything else.
    blocks: list[Block] = [Note(reason.text, _REASONS[reason.verdict]) for reason in result.reasons]
    blocks.append(CoverageBar(result.coverage))
    one_version = request.selector is not None and request.context.domain is not Domain.LIVE
    said = (lambda _: NOT_IN_VERSION) if one_version else partial(last_words, answer.evidence)
    blocks += gap_blocks(str(result.node), result.coverage, said)
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
