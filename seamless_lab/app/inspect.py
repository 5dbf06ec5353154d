"""Looking at what the stores hold; nothing here asks a source or writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from seamless_lab.app.results import ArtifactList, CoverageResult, GapTable, SlaReport, VerifyReport
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.coverage import Cause, Gap
from seamless_lab.core.digest import Header
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import Selector
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.core.version import Commit
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.ports import FetchRecord
from seamless_lab.errors import NotFound

_UTC_S = pl.Datetime("us", "UTC")


def coverage(wiring: Wiring, header: Header, window: TimeRange) -> CoverageResult:
    """The coverage of a window: the head overlaid by the hot store."""
    known, found = wiring.stores.covered(wiring.stores.know(header, window))
    fingerprint = known.head.tree.fingerprint if known.head else ""
    return CoverageResult(header.node, found, known.hot.before_listing & found.quiet, known.hot.attempts, fingerprint)


def gaps(wiring: Wiring, header: Header, window: TimeRange) -> GapTable:
    """Every stretch without a bar, with the latest evidence about it."""
    result = coverage(wiring, header, window)
    found = result.coverage.gaps(Cause.MISSING, Cause.FAILED, Cause.QUIET, Cause.PENDING)
    starts = np.array([gap.window.start for gap in found], dtype=np.int64)
    asked, errors = _latest_attempts(result.attempts, found)
    repairs = [
        f"seamless backfill {header.node} --start {format_time(gap.window.start)} --end {format_time(gap.window.end)}"
        if gap.cause in (Cause.MISSING, Cause.FAILED)
        else ""
        for gap in found
    ]
    listed = result.before_listing.contains(starts)
    young = [
        gap.cause is Cause.MISSING and at is not None and wiring.stores.stable_s(header, at // 1000) < gap.window.end
        for gap, at in zip(found, asked, strict=True)
    ]
    notes = [
        "before the market was listed" if before else error or ("delivered live, not final when asked" if early else "")
        for before, error, early in zip(listed.tolist(), errors, young, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "start": starts,
            "end": np.array([gap.window.end for gap in found], dtype=np.int64),
            "cause": pl.Series([str(gap.cause) for gap in found], dtype=pl.String),
            "bars": pl.Series([gap.slots for gap in found], dtype=pl.Int64),
            "asked_at": pl.Series(asked, dtype=pl.Int64),
            "error": pl.Series(notes, dtype=pl.String),
            "repair": pl.Series(repairs, dtype=pl.String),
        }
    ).with_columns(
        pl.from_epoch("start", time_unit="s").cast(_UTC_S),
        pl.from_epoch("end", time_unit="s").cast(_UTC_S),
        pl.from_epoch("asked_at", time_unit="ms").cast(_UTC_S),
    )
    return GapTable(header.node, window, frame)


def _latest_attempts(attempts: pl.DataFrame, gaps: Sequence[Gap]) -> tuple[list[int | None], list[str]]:
    """When each gap was last asked for, and the error that came back; attempts are oldest first.

    For failed slots that is the latest error about any of them; for others what was last asked about the first.
    """
    starts = np.array([gap.window.start for gap in gaps], dtype=np.int64)
    ends = np.array([gap.window.end for gap in gaps], dtype=np.int64)
    failed = np.array([gap.cause is Cause.FAILED for gap in gaps], dtype=bool)
    place = np.full(starts.shape, -1, dtype=np.int64)
    asked_for = zip(attempts["start"].to_list(), attempts["end"].to_list(), attempts["error"].to_list(), strict=True)
    for row, (begin, end, error) in enumerate(asked_for):
        about_start = ~failed & (starts >= begin) & (starts < end)
        about_some = failed & (starts < end) & (ends > begin) & bool(error)
        place[about_start | about_some] = row
    known = [int(row) if row >= 0 else None for row in place]
    asked = [None if row is None else int(attempts["asked_at_ms"][row]) for row in known]
    return asked, [
        "" if row is None or gap.cause is Cause.QUIET else str(attempts["error"][row])
        for row, gap in zip(known, gaps, strict=True)
    ]


def known_bounds(wiring: Wiring, header: Header) -> TimeRange:
    """From the first to the last slot that the stores have an answer for.

    Raises
    ------
    NotFound
        If they know nothing about the node.
    """
    head = wiring.sealed.head(header.node)
    parts = [bounds for bounds in (head.tree.bounds if head else None, wiring.hot.bounds(header)) if bounds is not None]
    if not parts:
        raise NotFound(
            f"Nothing is known about {header.node} in this home.",
            hint=f"Fetch it: seamless fetch {header.node} --start … --end …",
            node=str(header.node),
        )
    return TimeRange(min(part.start for part in parts), max(part.end for part in parts))


def nodes(wiring: Wiring) -> Sequence[str]:
    """All series held, hot or sealed."""
    return sorted({str(node) for node in wiring.sealed.nodes()} | {str(header.node) for header in wiring.hot.nodes()})


def catalogue(wiring: Wiring) -> ArtifactList:
    """The head of every sealed dataset."""
    heads = [(node, head) for node in wiring.sealed.nodes() if (head := wiring.sealed.head_commit(node)) is not None]
    return ArtifactList(wiring.sealed.url, "", _listed(heads))


def history(wiring: Wiring, node: NodeId) -> ArtifactList:
    """All versions of one dataset, oldest first."""
    commits = list(wiring.sealed.history(node))[::-1]
    if not commits:
        wiring.sealed.resolve(node)  # raises, and says what there is
    return ArtifactList(wiring.sealed.url, str(node), _listed([(node, commit) for commit in commits]))


def _listed(commits: Sequence[tuple[NodeId, Commit]]) -> pl.DataFrame:
    bounds = [commit.bounds for _, commit in commits]
    return pl.DataFrame(
        {
            "node": pl.Series([str(node) for node, _ in commits], dtype=pl.String),
            "ref": pl.Series([f"{node}@sha256:{commit.fingerprint[:16]}" for node, commit in commits], dtype=pl.String),
            "fingerprint": pl.Series([commit.fingerprint for _, commit in commits], dtype=pl.String),
            "seq": pl.Series([commit.seq for _, commit in commits], dtype=pl.Int64),
            "rows": pl.Series([commit.rows for _, commit in commits], dtype=pl.Int64),
            "start": pl.Series([bound.start if bound else None for bound in bounds], dtype=pl.Int64),
            "end": pl.Series([bound.end if bound else None for bound in bounds], dtype=pl.Int64),
            "as_of": pl.Series([commit.as_of_ms for _, commit in commits], dtype=pl.Int64),
        }
    ).with_columns(
        pl.from_epoch("start", time_unit="s").cast(_UTC_S),
        pl.from_epoch("end", time_unit="s").cast(_UTC_S),
        pl.from_epoch("as_of", time_unit="ms").cast(_UTC_S),
    )


def verify(store: SealedStore, node: NodeId | None, selector: Selector | None) -> VerifyReport:
    """Rehash a version, a node's versions, or everything."""
    found = [store.verify(one, selector) for one in (store.nodes() if node is None else (node,))]
    return VerifyReport(
        store=store.url,
        versions=sum(part.versions for part in found),
        objects=sum(part.objects for part in found),
        bytes_read=sum(part.bytes_read for part in found),
        offenders=tuple(str(offender) for part in found for offender in part.offenders),
    )


def sla(wiring: Wiring, node: NodeId | None, since_ms: int) -> SlaReport:
    """Fetches since a moment, and percentiles per phase."""
    records = wiring.fetch_log.since(since_ms, str(node) if node else None)
    fetches = pl.DataFrame(
        [_logged(record) for record in records],
        schema={**_LOGGED, **{f"{phase}_ms": pl.Float64() for phase in PHASES}},
    ).with_columns(pl.from_epoch("at", time_unit="ms").cast(_UTC_S))
    phases = pl.DataFrame([_phase(phase, fetches, records) for phase in PHASES], schema=_PHASE)
    return SlaReport(fetches, phases, since_ms)


def _logged(record: FetchRecord) -> dict[str, object]:
    phases = {f"{phase}_ms": record.phases_ms.get(phase) for phase in PHASES}
    return {"at": record.at_ms, **{name: getattr(record, name) for name in _LOGGED if name != "at"}, **phases}


def _phase(phase: str, fetches: pl.DataFrame, records: Sequence[FetchRecord]) -> dict[str, object]:
    spent = fetches[f"{phase}_ms"].drop_nulls()
    budget = next((record.budgets_ms[phase] for record in reversed(records) if phase in record.budgets_ms), None)
    return {
        "phase": phase,
        "count": spent.len(),
        **{f"p{q}_ms": spent.quantile(q / 100, interpolation="nearest") for q in (50, 95, 99)},
        "max_ms": spent.max(),
        "budget_ms": budget,
        "violations": fetches.filter(pl.col("violated") == phase).height,
    }


PHASES = ("storage", "backfill", "live", "total")

_LOGGED: dict[str, pl.DataType] = {
    "at": pl.Int64(),
    "node": pl.String(),
    "domain": pl.String(),
    "world": pl.String(),
    "strategy": pl.String(),
    "verdict": pl.String(),
    "violated": pl.String(),
    "rows": pl.Int64(),
    "ratio": pl.Float64(),
}
_PHASE: dict[str, pl.DataType] = {
    "phase": pl.String(),
    "count": pl.Int64(),
    "p50_ms": pl.Float64(),
    "p95_ms": pl.Float64(),
    "p99_ms": pl.Float64(),
    "max_ms": pl.Float64(),
    "budget_ms": pl.Int64(),
    "violations": pl.Int64(),
}
