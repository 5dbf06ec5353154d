"""What commands return: values with the same facts as a table, as JSON, as text and as HTML."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from seamless_lab.app import html, text, views
from seamless_lab.app.view import View, look_from
from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.identity import NodeId
from seamless_lab.core.judge import Reason, accepted
from seamless_lab.core.plan import Prediction
from seamless_lab.core.policy import Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.core.version import Version
from seamless_lab.engine.request import Answer, Provenance

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Json = dict[str, object]


class Result(Protocol):
    """What every command returns."""

    @property
    def exit_code(self) -> int:
        """0 when the data and the policy say yes, else 1."""
        ...

    def to_dict(self) -> Json:
        """All facts as JSON values, the same for equal results."""
        ...

    def view(self) -> View:
        """What is shown, as a value: text and HTML are two renderings of it."""
        ...


class Rendered:
    """Text and HTML of anything with a `view`; both static, and equal for equal results."""

    __slots__ = ()

    def view(self) -> View:
        """What is shown, as a value."""
        raise NotImplementedError

    def to_text(self) -> str:
        """The result as lines for a terminal, without colours."""
        return text.render(self.view(), look_from(os.environ))

    def _repr_html_(self) -> str:
        return html.render(self.view(), look_from(os.environ))

    def __repr__(self) -> str:
        return self.to_text()

    __str__ = __repr__


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FetchResult(Rendered):
    """Bars, and everything needed to vouch for them.

    `frame` has the columns `ts` (Int64, epoch seconds), `time` (UTC datetime of the open), `open, high, low, close,
    volume` (Float64), sorted by time. Can be handed to anything that reads Arrow (`duckdb`, `polars`, `pyarrow`) as it
    is.
    """

    answer: Answer

    @property
    def node(self) -> NodeId:
        """The series."""
        return self.answer.request.header.node

    @property
    def window(self) -> TimeRange:
        """The window answered for, on the grid."""
        return self.answer.request.window

    @property
    def bars(self) -> Bars:
        """The bars in canonical form."""
        return self.answer.bars

    @property
    def rows(self) -> int:
        """Number of bars."""
        return len(self.answer.bars)

    @property
    def coverage(self) -> Coverage:
        """Every slot of the window by cause."""
        return self.answer.coverage

    @property
    def provenance(self) -> Provenance:
        """Digests, commit and sources."""
        return self.answer.provenance

    @property
    def content(self) -> str:
        """Digest of what was delivered: what "same bytes" means."""
        return self.answer.provenance.content

    @property
    def fingerprint(self) -> str:
        """Digest of the dataset version read; empty when nothing is sealed."""
        return self.answer.provenance.fingerprint

    @property
    def ref(self) -> str:
        """A reference that gives this version again: `NODE@sha256:…`; empty when nothing is sealed."""
        return f"{self.node}@sha256:{self.fingerprint[:16]}" if self.fingerprint else ""

    @property
    def as_of(self) -> str:
        """Knowledge time of the version read, ISO-8601 with milliseconds; empty when nothing is sealed."""
        return format_time_ms(self.answer.provenance.as_of_ms) if self.fingerprint else ""

    @property
    def verdict(self) -> Verdict:
        """PASS, PARTIAL or HOLD."""
        return self.answer.verdict

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the verdict is not PASS."""
        return self.answer.reasons

    @property
    def exit_code(self) -> int:
        """0 when the strategy accepts the verdict, else 1."""
        return 0 if accepted(self.verdict, self.answer.request.strategy) else 1

    @property
    def frame(self) -> pl.DataFrame:
        """The bars with a UTC `time` column."""
        return with_time(self.answer.bars.frame)

    def lazy(self) -> pl.LazyFrame:
        """The frame, lazily."""
        return self.frame.lazy()

    def to_arrow(self) -> pa.Table:
        """The frame as an Arrow table."""
        return self.frame.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """The frame as pandas, indexed by `time`. Needs pandas."""
        return self.frame.to_pandas().set_index("time")

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.rows

    def view(self) -> View:
        """What is shown, as a value."""
        return views.fetch(self)

    def to_dict(self) -> Json:
        """The facts of this fetch as JSON values."""
        request, provenance = self.answer.request, self.answer.provenance
        return {
            "node": str(self.node),
            "start": self.window.start,
            "end": self.window.end,
            "rows": self.rows,
            "content": provenance.content,
            "ref": self.ref or None,
            "fingerprint": provenance.fingerprint or None,
            "seq": provenance.seq or None,
            "as_of": self.as_of or None,
            "domain": str(request.context.domain),
            "world": request.context.world_id,
            "strategy": str(request.strategy),
            "coverage": coverage_dict(self.coverage, self.answer.unsealed),
            "flags": self.answer.flags,
            "warnings": self.answer.warnings,
            "sources": list(provenance.sources),
            "requests": self.answer.requests,
            "verdict": str(self.verdict),
            "reasons": [{"code": reason.code, "text": reason.text} for reason in self.reasons],
            "timings_ms": {phase: round(spent, 3) for phase, spent in self.answer.timings_ms.items()},
        }


def coverage_dict(coverage: Coverage, unsealed: Ranges | None = None) -> Json:
    """A coverage as JSON values: for each cause its half-open ranges and its number of bars."""
    causes: Json = {
        str(cause): {"ranges": coverage.of(cause).pairs(), "bars": coverage.slots(cause)} for cause in Cause
    }
    tail = (
        {"unsealed": {"ranges": unsealed.pairs(), "bars": unsealed.seconds // coverage.grid.step_s}} if unsealed else {}
    )
    return {"ratio": coverage.ratio, "bars": coverage.total, **causes, **tail}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoverageResult(Rendered):
    """Coverage of one series over a window, by cause, as the stores know it now; nothing was asked of the source.

    `attempts` are the asks that touched the window (columns of `HotState.attempts`); `before_listing` the quiet slots
    that precede the market's listing.
    """

    node: NodeId
    coverage: Coverage
    before_listing: Ranges
    attempts: pl.DataFrame
    fingerprint: str
    exit_code: int = 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.coverage(self)

    def to_dict(self) -> Json:
        """The coverage as JSON values."""
        return {
            "node": str(self.node),
            "start": self.coverage.window.start,
            "end": self.coverage.window.end,
            "fingerprint": self.fingerprint or None,
            "coverage": coverage_dict(self.coverage),
            "before_listing": self.before_listing.pairs(),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GapTable(Rendered):
    """Stretches without a bar: when, why, what the source said, and the command that repairs it.

    `frame`: `start, end` (UTC datetimes), `cause` (String), `bars` (Int64), `asked_at` (UTC datetime or null), `error`
    (String), `repair` (String), in time order.
    """

    node: NodeId
    window: TimeRange
    frame: pl.DataFrame

    @property
    def exit_code(self) -> int:
        """1 when some slot is missing or failed."""
        return int(self.frame.filter(pl.col("cause").is_in([str(Cause.MISSING), str(Cause.FAILED)])).height > 0)

    def view(self) -> View:
        """What is shown, as a value."""
        return views.gaps(self)

    def to_dict(self) -> Json:
        """As JSON values: under `gaps` the missing and failed stretches, under `other` those with nothing to repair."""
        as_seconds = self.frame.with_columns(
            pl.col("start", "end").dt.epoch("s"), pl.col("asked_at").dt.epoch("ms").alias("asked_at_ms")
        ).drop("asked_at")
        is_open = pl.col("cause").is_in([str(Cause.MISSING), str(Cause.FAILED)])
        return {
            "node": str(self.node),
            "start": self.window.start,
            "end": self.window.end,
            "gaps": as_seconds.filter(is_open).to_dicts(),
            "other": as_seconds.filter(~is_open).to_dicts(),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BackfillPlan(Rendered):
    """What a backfill would ask for; nothing was asked for bars."""

    node: NodeId
    window: TimeRange
    gaps: Ranges
    prediction: Prediction
    refresh: bool = False
    exit_code: int = 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.backfill_plan(self)

    def to_dict(self) -> Json:
        """The plan as JSON values."""
        return {
            "node": str(self.node),
            "start": self.window.start,
            "end": self.window.end,
            "gaps": self.gaps.pairs(),
            "bars": self.prediction.slots,
            "blocks": self.prediction.blocks,
            "requests": self.prediction.requests,
            "weight": self.prediction.weight,
            "seconds": round(self.prediction.seconds, 3),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BackfillResult(Rendered):
    """What a backfill did, and the coverage afterwards.

    `errors` are the distinct messages of blocks that got nothing.
    """

    node: NodeId
    coverage: Coverage
    requests: int
    rows: int
    errors: tuple[str, ...]
    version: Version | None
    restated: Ranges

    @property
    def exit_code(self) -> int:
        """0 when nothing is missing or failed, and everything asked for was answered (a refresh may fail as well)."""
        return 0 if self.coverage.complete and not self.errors else 1

    def view(self) -> View:
        """What is shown, as a value."""
        return views.backfill(self)

    def to_dict(self) -> Json:
        """The outcome as JSON values."""
        return {
            "node": str(self.node),
            "start": self.coverage.window.start,
            "end": self.coverage.window.end,
            "requests": self.requests,
            "rows": self.rows,
            "errors": list(self.errors),
            "coverage": coverage_dict(self.coverage),
            "fingerprint": self.version.tree.fingerprint if self.version else None,
            "seq": self.version.commit.seq if self.version else None,
            "restated": self.restated.pairs(),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Manifest(Rendered):
    """One sealed version as auditors see it: the join of a commit and its tree."""

    version: Version
    exit_code: int = 0

    @property
    def ref(self) -> str:
        """A reference to this version."""
        return f"{self.version.header.node}@sha256:{self.version.tree.fingerprint[:16]}"

    def view(self) -> View:
        """What is shown, as a value."""
        return views.manifest(self)

    def to_dict(self) -> Json:
        """Every field of the commit and the tree."""
        commit, tree = self.version.commit, self.version.tree
        return {
            "node_id": str(tree.header.node),
            "ref": self.ref,
            "fingerprint": tree.fingerprint,
            "as_of": format_time_ms(commit.as_of_ms),
            "seq": commit.seq,
            "previous": commit.previous or None,
            "range": None if commit.bounds is None else [commit.bounds.start, commit.bounds.end],
            "rows": tree.rows,
            "grid": {"step_s": tree.header.grid.step_s, "anchor_s": tree.header.grid.anchor_s},
            "schema": tree.header.to_json()["schema"],
            "answered": tree.answered.pairs(),
            "packs": [{"cell": pack.cell, "digest": pack.digest, "rows": pack.rows} for pack in tree.packs],
            "observed_at_ms": commit.observed.runs(),
            "conformance": commit.conformance,
            "conformance_version": tree.header.conformance,
            "producer": commit.producer,
            "publication_watermark": format_time_ms(commit.watermark_ms),
            "provenance": commit.provenance,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArtifactList(Rendered):
    """Datasets of a store, or the versions of one.

    `frame`: `node, ref, fingerprint` (String), `seq, rows` (Int64), `start, end, as_of` (UTC datetimes), sorted by
    node, or by `seq` for a history.
    """

    store: str
    history_of: str
    frame: pl.DataFrame
    exit_code: int = 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.artifacts(self)

    def to_dict(self) -> Json:
        """The list as JSON values."""
        plain = self.frame.with_columns(
            pl.col("start", "end").dt.epoch("s"), pl.col("as_of").dt.epoch("ms").alias("as_of_ms")
        ).drop("as_of")
        return {"store": self.store, "history_of": self.history_of or None, "artifacts": plain.to_dicts()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyReport(Rendered):
    """What rehashing found. `offenders`: one line for each object that is damaged or missing."""

    store: str
    versions: int
    objects: int
    bytes_read: int
    offenders: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything matches its digest."""
        return 1 if self.offenders else 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.verify(self)

    def to_dict(self) -> Json:
        """The report as JSON values."""
        return {
            "store": self.store,
            "versions": self.versions,
            "objects": self.objects,
            "bytes_read": self.bytes_read,
            "offenders": list(self.offenders),
            "verified": not self.offenders,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SlaReport(Rendered):
    """How fetches did against their budgets.

    `fetches`: one row a fetch (`at` UTC datetime, `node, domain, world, strategy, verdict, violated` String, `rows`
    Int64, `ratio` Float64, `<phase>_ms` Float64); `phases`: per phase `count`, `p50_ms, p95_ms, p99_ms, max_ms`,
    `budget_ms` (the newest one, null for none) and `violations`.
    """

    fetches: pl.DataFrame
    phases: pl.DataFrame
    since_ms: int

    @property
    def exit_code(self) -> int:
        """1 when some budget was exceeded."""
        return int(bool(self.phases["violations"].sum())) if self.phases.height else 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.sla(self)

    def to_dict(self) -> Json:
        """The report as JSON values."""
        fetches = self.fetches.with_columns(pl.col("at").dt.epoch("ms").alias("at_ms")).drop("at")
        return {"since": format_time_ms(self.since_ms), "phases": self.phases.to_dicts(), "fetches": fetches.to_dicts()}


def with_time(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of bars with a UTC `time` column after `ts`."""
    time = pl.from_epoch("ts", time_unit="s").dt.replace_time_zone("UTC").alias("time")
    return frame.select("ts", time, pl.exclude("ts"))
