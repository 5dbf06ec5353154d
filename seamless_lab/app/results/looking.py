"""What looking returns: coverage, gaps, and fetches against their budgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import polars as pl

from seamless_lab.app import views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.app.results.fetching import coverage_dict
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.core.version import Version


@dataclass(frozen=True, slots=True)
class OneVersion:
    """The sealed version that was looked at: the reference as the user wrote it, and the pin's name, if it is one."""

    written: str
    sealed: Version
    pin: str

    @property
    def ref(self) -> str:
        """A reference to this version."""
        return fixed_ref(self.sealed.header.node, self.sealed.tree.fingerprint)

    def to_dict(self) -> Json:
        """The version as JSON values."""
        return {
            "written": self.written,
            "ref": self.ref,
            "seq": self.sealed.commit.seq,
            "as_of": format_time_ms(self.sealed.commit.as_of_ms),
            "pin": self.pin or None,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoverageResult(Rendered):
    """Coverage of one series over a window, by cause, as the stores know it now; nothing was asked of the source.

    `attempts` are the asks that touched the window (columns of `HotState.attempts`); `before_listing` the quiet slots
    that precede the market's listing. Of one sealed `version` it is what that one holds: it knows of no attempts, and
    what was too young when it was sealed is pending.
    """

    node: NodeId
    coverage: Coverage
    before_listing: Ranges
    attempts: pl.DataFrame
    fingerprint: str
    version: OneVersion | None = None

    def view(self) -> View:
        """What is shown, as a value."""
        return views.coverage(self)

    def to_dict(self) -> Json:
        """The coverage as JSON values."""
        return {
            "node": str(self.node),
            **spelling.window(self.coverage.window),
            "version": None if self.version is None else self.version.to_dict(),
            "fingerprint": self.fingerprint or None,
            "coverage": coverage_dict(self.coverage),
            "before_listing": spelling.spans(self.before_listing),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GapTable(Rendered):
    """Stretches without a bar: when, why, what the source said, and the command that repairs it.

    `frame`: `start, end` (UTC datetimes), `cause` (String), `bars` (Int64), `asked_at` (UTC datetime or null), `error`
    (String), `repair` (String), in time order. Of one sealed `version`: what that one does not hold.
    """

    node: NodeId
    window: TimeRange
    frame: pl.DataFrame
    version: OneVersion | None = None

    @property
    def exit_code(self) -> int:
        """1 when some slot is missing or failed."""
        return int(self.frame.filter(pl.col("cause").is_in([str(Cause.MISSING), str(Cause.FAILED)])).height > 0)

    def view(self) -> View:
        """What is shown, as a value."""
        return views.gaps(self)

    def at(self, place: str) -> Self:
        """The same, with the options of a place in its commands, those of `frame` too."""
        if not place or self.place:
            return self
        repair = pl.when(pl.col("repair") != "").then(pl.format("{} {}", "repair", pl.lit(place))).otherwise("repair")
        return replace(self, place=place, frame=self.frame.with_columns(repair.alias("repair")))

    def to_dict(self) -> Json:
        """As JSON values: under `gaps` the missing and failed stretches, under `other` those with nothing to repair."""
        is_open = pl.col("cause").is_in([str(Cause.MISSING), str(Cause.FAILED)])
        return {
            "node": str(self.node),
            **spelling.window(self.window),
            "version": None if self.version is None else self.version.to_dict(),
            "gaps": spelling.rows(self.frame.filter(is_open)),
            "other": spelling.rows(self.frame.filter(~is_open)),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SlaReport(Rendered):
    """How fetches did against their budgets.

    `fetches`: one row a fetch (`at` UTC datetime, `node, domain, world, strategy, verdict, violated` String, `rows`
    Int64, `ratio` Float64, `<phase>_ms` Float64); `phases`: per phase `count`, `p50_ms, p95_ms, p99_ms, max_ms`,
    `budget_ms` (the one that all fetches counted had; null where they had none, or not all the same: then
    `mixed_budgets` is true) and `violations`.
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
        return {
            "since": format_time_ms(self.since_ms),
            "phases": self.phases.to_dicts(),
            "fetches": spelling.rows(self.fetches),
        }
