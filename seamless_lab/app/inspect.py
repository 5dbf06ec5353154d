"""Looking at what the stores hold; nothing here asks a source or writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from seamless_lab.app.results import ArtifactList, CoverageResult, GapTable, OneVersion, SlaReport, VerifyReport
from seamless_lab.app.views.wording import NOT_IN_VERSION
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.coverage import Cause, Coverage, classify, stabilization_s
from seamless_lab.core.digest import Header
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import Selector, fixed_ref
from seamless_lab.core.time import LATEST_S, TimeRange, format_time
from seamless_lab.core.version import Commit
from seamless_lab.engine.answering import NO_EVIDENCE
from seamless_lab.engine.artifacts import SealedStore, Verification
from seamless_lab.engine.ports import FetchRecord
from seamless_lab.errors import NotFound

_UTC_S = pl.Datetime("us", "UTC")
_OPEN = (str(Cause.MISSING), str(Cause.FAILED))


def coverage(wiring: Wiring, header: Header, window: TimeRange) -> CoverageResult:
    """The coverage of a window: the head overlaid by the hot store."""
    known, found = wiring.stores.covered(wiring.stores.know(header, window))
    fingerprint = known.head.tree.fingerprint if known.head else ""
    return CoverageResult(header.node, found, known.hot.before_listing & found.quiet, known.hot.attempts, fingerprint)


def sealed_coverage(wiring: Wiring, store: SealedStore, version: OneVersion, window: TimeRange) -> CoverageResult:
    """The coverage of a window in one version, by the rules of a fetch of it; opens its bars, and delivers none."""
    header, commit = version.sealed.header, version.sealed.commit
    sealed = store.read(version.sealed, window)
    found = classify(
        window,
        header.grid,
        bars=sealed.bars.slots,
        answered=sealed.answered,
        failed=Ranges.empty(),
        stable_until_s=wiring.stores.stable_s(header, commit.as_of_ms // 1000),
    )
    return CoverageResult(header.node, found, Ranges.empty(), NO_EVIDENCE, commit.fingerprint, version=version)


def gaps(wiring: Wiring, result: CoverageResult) -> GapTable:
    """Every stretch without a bar, with the latest evidence about it."""
    found = _stretches(result.coverage)
    found = found.join(_latest_attempts(result.attempts, found), on="place", how="left", maintain_order="left")
    listed = pl.Series(result.before_listing.contains(found["start"].to_numpy()))
    settled_s = stabilization_s(result.coverage.grid, stabilization_bars=wiring.stores.stabilization_bars)
    early = (pl.col("cause") == str(Cause.MISSING)) & (pl.col("asked_at") // 1000 - settled_s < pl.col("end"))
    error = pl.when(pl.col("cause") == str(Cause.QUIET)).then(pl.lit("")).otherwise(pl.col("error").fill_null(""))
    note = (
        pl.when(listed)
        .then(pl.lit("before the market was listed"))
        .when((error == "") & early)
        .then(pl.lit("delivered live, not final when asked"))
        .when((pl.col("cause") == str(Cause.MISSING)) & (result.version is not None))
        .then(pl.lit(NOT_IN_VERSION))
        .otherwise(error)
    )
    repair = pl.format(
        "seamless backfill {} --start {} --end {}", pl.lit(str(result.node)), _written("start"), _written("end")
    )
    frame = found.select(
        pl.from_epoch("start").cast(_UTC_S),
        pl.from_epoch("end").cast(_UTC_S),
        "cause",
        "bars",
        pl.from_epoch("asked_at", time_unit="ms").cast(_UTC_S),
        note.alias("error"),
        pl.when(pl.col("cause").is_in(_OPEN)).then(repair).otherwise(pl.lit("")).alias("repair"),
    )
    return GapTable(result.node, result.coverage.window, frame, result.version)


def _stretches(found: Coverage) -> pl.DataFrame:
    """The stretches without a bar in time order: `place, start, end, cause, bars`; bounds in epoch seconds."""
    parts = [
        pl.DataFrame({"start": found.of(cause).starts, "end": found.of(cause).ends}).with_columns(
            pl.lit(str(cause)).alias("cause")
        )
        for cause in Cause
        if cause is not Cause.PRESENT
    ]
    bars = ((pl.col("end") - pl.col("start")) // found.grid.step_s).alias("bars")
    return pl.concat(parts).sort("start").with_columns(bars).with_row_index("place")


def _latest_attempts(attempts: pl.DataFrame, stretches: pl.DataFrame) -> pl.DataFrame:
    """When each stretch was last asked for, and the error that came back: `place, asked_at, error`.

    For failed slots that is the latest error about any of them; for others what was last asked about the first.
    Attempts are oldest first; stretches that were never asked for are left out.
    """
    asked = attempts.select(
        pl.col("start").alias("from"), pl.col("end").alias("to"), pl.col("asked_at_ms").alias("asked_at"), "error"
    ).with_row_index("turn")
    touching = stretches.join_where(asked, pl.col("from") < pl.col("end"), pl.col("to") > pl.col("start"))
    about = pl.when(pl.col("cause") == str(Cause.FAILED)).then(pl.col("error") != "")
    latest = touching.filter(about.otherwise(pl.col("from") <= pl.col("start"))).sort("turn").group_by("place").last()
    return latest.select("place", "asked_at", "error")


def _written(name: str) -> pl.Expr:
    """A column of epoch seconds as `format_time` writes them."""
    moment = pl.from_epoch(name)
    whole = pl.when(moment.dt.second() == 0).then(moment.dt.strftime("%Y-%m-%dT%H:%MZ"))
    return whole.otherwise(moment.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def known_bounds(wiring: Wiring, header: Header) -> TimeRange:
    """From the first to the last slot that the stores have an answer for, or that a source failed to give.

    Raises
    ------
    NotFound
        If they know nothing about the node.
    """
    head = wiring.sealed.head(header.node)
    ever = TimeRange(0, header.grid.floor(LATEST_S))
    failed = wiring.hot.load(header, ever, with_bars=False).failed
    found = (head.tree.bounds if head else None, wiring.hot.bounds(header), failed.bounds)
    parts = [bounds for bounds in found if bounds is not None]
    if not parts:
        raise NotFound(
            f"Nothing is known about {header.node} in this home.",
            hint=wiring.pins.elsewhere(header.node) or f"Fetch it: seamless fetch {header.node} --start … --end …",
            node=str(header.node),
        )
    return TimeRange(min(part.start for part in parts), max(part.end for part in parts))


def nodes(wiring: Wiring) -> Sequence[str]:
    """All series held, hot or sealed."""
    return sorted({str(node) for node in wiring.sealed.nodes()} | {str(header.node) for header in wiring.hot.nodes()})


def catalogue(wiring: Wiring) -> ArtifactList:
    """The head of every sealed dataset."""
    store = wiring.sealed
    # Of a node without a newest version the first commits are missing, which is said.
    heads = [(node, store.head_commit(node) or store.resolve(node).commit) for node in store.nodes()]
    return ArtifactList(store.url, "", _listed(heads))


def history(store: SealedStore, node: NodeId) -> ArtifactList:
    """All versions of one dataset, oldest first."""
    commits = list(store.history(node))[::-1]
    if not commits:
        store.resolve(node)  # raises, and says what there is
    return ArtifactList(store.url, str(node), _listed([(node, commit) for commit in commits]))


def _listed(commits: Sequence[tuple[NodeId, Commit]]) -> pl.DataFrame:
    bounds = [commit.bounds for _, commit in commits]
    return pl.DataFrame(
        {
            "node": pl.Series([str(node) for node, _ in commits], dtype=pl.String),
            "ref": pl.Series([fixed_ref(node, commit.fingerprint) for node, commit in commits], dtype=pl.String),
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
        dropped=tuple(digest for part in found for digest in part.dropped),
        hints=tuple(hint for part in found for hint in _mending(part)),
    )


def _mending(found: Verification) -> Iterator[str]:
    """What mends a damaged node of the home's store: a command for each run of bars, and a word on documents."""
    spans = [offender.slots for offender in found.offenders if offender.slots is not None]
    for run in Ranges.normalised([span.start for span in spans], [span.end for span in spans]):
        yield (
            f"seamless backfill {found.node} --start {format_time(run.start)} --end {format_time(run.end)} --refresh"
        )
    if any(offender.path.endswith(".json") for offender in found.offenders):
        yield f"Restore the .json files of {found.node} that are named here from a copy."


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
    budgets = {record.budgets_ms.get(phase) for record in records if phase in record.phases_ms}
    return {
        "phase": phase,
        "count": spent.len(),
        **{f"p{q}_ms": spent.quantile(q / 100, interpolation="linear") for q in (50, 95, 99)},
        "max_ms": spent.max(),
        "budget_ms": next(iter(budgets)) if len(budgets) == 1 else None,
        "mixed_budgets": len(budgets) > 1,
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
    "mixed_budgets": pl.Boolean(),
    "violations": pl.Int64(),
}
