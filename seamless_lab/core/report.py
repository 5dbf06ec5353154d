"""What conformance found in received rows, and what a policy makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seamless_lab.core.cells import Cells, leaf_cells
from seamless_lab.core.digest import CONFORMANCE_VERSION
from seamless_lab.core.grid import Grid
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import ConformancePipelineError

FLAGS = (
    "duplicate_ts",
    "gap",
    "missing_column",
    "dtype_cast",
    "dtype_mismatch",
    "ts_cast",
    "ts_timezone_normalized",
    "non_finite",
    "invalid_timestamp",
)
"""The nine flags, a stable contract. Each counts rows, slots or values, so that counts of several reports add up."""

WARNINGS = (
    "reordered",
    "out_of_window",
    "off_grid",
    "unanswered_row",
    "unpriced",
    "no_volume",
    "nonpositive_price",
    "high_below_low",
    "open_out_of_range",
    "close_out_of_range",
    "negative_volume",
)
"""Other findings, each with its number of rows.

Rows that are out of the window, off the grid, unanswered or unpriced give no bar.
"""

VERDICTS = ("ok", "widened", "cast", "mismatch", "missing")
"""How a received column met the schema, from best to worst."""

MOST_PERIODS = 100
_UNITS = ("hour", "day", "month", "year", "decade")


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """How one column of the schema was received: the dtypes seen, sorted, and the worst verdict."""

    expected: str
    seen: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Period:
    """One calendar cell, by its start in epoch seconds: how many slots it has, were answered, and hold a bar."""

    start: int
    expected: int
    answered: int
    bars: int

    @property
    def ratio(self) -> float:
        """Answered slots out of the expected."""
        return self.answered / self.expected if self.expected else 1.0


@dataclass(frozen=True, slots=True)
class Completeness:
    """Completeness per calendar `unit`, in time order: the finest unit that gives at most `MOST_PERIODS` periods."""

    unit: str = _UNITS[0]
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True)
class ConformanceReport:
    """What was found in some received rows.

    `flags` and `warnings` hold only counts above zero, under the names in `FLAGS` and `WARNINGS`; `examples` has the
    first occurrence of each as text. `extra` lists columns that the schema does not have (they are dropped).
    """

    rows_in: int = 0
    rows_out: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, ColumnCheck] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    temporal: Completeness = field(default_factory=Completeness)
    version: str = CONFORMANCE_VERSION

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns of the schema that some rows came without."""
        return tuple(name for name, check in self.schema.items() if check.verdict == "missing")

    def blocked_by(self, policy: ConformancePolicy) -> tuple[str, ...]:
        """The names found that the policy blocks, in the order of `FLAGS` and `WARNINGS`."""
        return tuple(name for name in (*FLAGS, *WARNINGS) if name in policy.blocking and self.count(name))

    def count(self, name: str) -> int:
        """How often a flag or warning was found."""
        return self.flags.get(name, 0) + self.warnings.get(name, 0)

    def to_dict(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "version": self.version,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "flags": dict(self.flags),
            "warnings": dict(self.warnings),
            "examples": dict(self.examples),
            "schema": {
                "columns": {
                    name: {"expected": check.expected, "seen": list(check.seen), "verdict": check.verdict}
                    for name, check in self.schema.items()
                },
                "missing": list(self.missing),
                "extra": list(self.extra),
            },
            "temporal": {
                "unit": self.temporal.unit,
                "periods": [
                    {
                        "start": period.start,
                        "expected": period.expected,
                        "answered": period.answered,
                        "bars": period.bars,
                        "ratio": round(period.ratio, 6),
                    }
                    for period in self.temporal.periods
                ],
            },
        }


@dataclass(frozen=True, slots=True)
class ConformancePolicy:
    """Which flags and warnings refuse the data; the others are only reported."""

    blocking: frozenset[str]

    def __post_init__(self) -> None:
        unknown = self.blocking.difference(FLAGS, WARNINGS)
        if unknown:
            raise ValueError(f"{sorted(unknown)} are no conformance flags; those are {[*FLAGS, *WARNINGS]}")


DEFAULT = ConformancePolicy(frozenset({"missing_column", "dtype_mismatch", "invalid_timestamp", "non_finite"}))


def require(report: ConformanceReport, policy: ConformancePolicy, *, node: str = "") -> None:
    """Return when the policy lets the report pass.

    Raises
    ------
    ConformancePipelineError
        Naming what is blocked, with counts and the first example.
    """
    blocked = report.blocked_by(policy)
    if not blocked:
        return
    found = ", ".join(f"{name} {report.count(name)}" for name in blocked)
    example = next((report.examples[name] for name in blocked if name in report.examples), "")
    raise ConformancePipelineError(
        f"{node or 'The data'} failed conformance in {report.rows_in} rows: {found}"
        + (f" (first: {example})." if example else "."),
        hint="Look at what the source gave, or choose a conformance policy that reports these flags without blocking.",
        node=node,
        flags=",".join(blocked),
        example=example,
        rows_in=report.rows_in,
        rows_out=report.rows_out,
        **{f"count_{name}": report.count(name) for name in blocked},
    )


def merge_reports(reports: Iterable[ConformanceReport]) -> ConformanceReport:
    """One report of several blocks, associative.

    Counts add up, the first example stays, and the worst verdict on a column counts. The blocks' windows should be
    disjoint; where they overlap, the slots of the overlap count in each.
    """
    listed = list(reports)
    if len(listed) < 2:
        return listed[0] if listed else ConformanceReport()
    names = dict.fromkeys(name for report in listed for name in report.schema)
    examples: dict[str, str] = {}
    for report in reversed(listed):
        examples.update(report.examples)
    units = [report.temporal.unit for report in listed if report.temporal.periods] or [_UNITS[0]]
    periods = tuple(period for report in listed for period in report.temporal.periods)
    return ConformanceReport(
        rows_in=sum(report.rows_in for report in listed),
        rows_out=sum(report.rows_out for report in listed),
        flags=_added([report.flags for report in listed]),
        warnings=_added([report.warnings for report in listed]),
        examples=examples,
        schema={name: _worst([report.schema[name] for report in listed if name in report.schema]) for name in names},
        extra=tuple(sorted({name for report in listed for name in report.extra})),
        temporal=_coarsened(periods, max(map(_UNITS.index, units))),
        version=listed[0].version,
    )


def completeness(grid: Grid, window: TimeRange, bars: Ints, answered: Ranges) -> Completeness:
    """The temporal rollup of a window on the grid, given the open times of its bars (sorted) and its answered slots."""
    units = _UNITS[_UNITS.index(leaf_cells(grid).unit) :]
    unit = next((unit for unit in units if Cells(unit, grid).starts(window).size <= MOST_PERIODS + 1), units[-1])
    cells = Cells(unit, grid)
    starts = cells.starts(window)
    edges = np.clip(cells.edges(starts), window.start, window.end)
    expected = np.diff(edges) // grid.step_s
    known = np.diff(answered.seconds_before(edges)) // grid.step_s
    held = np.diff(np.searchsorted(bars, edges))
    table = zip(starts[:-1].tolist(), expected.tolist(), known.tolist(), held.tolist(), strict=True)
    return Completeness(unit, tuple(Period(*row) for row in table if row[1]))


def _added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    sums = {name: sum(count.get(name, 0) for count in counts) for name in (*FLAGS, *WARNINGS)}
    return {name: total for name, total in sums.items() if total}


def _worst(checks: Sequence[ColumnCheck]) -> ColumnCheck:
    seen = tuple(sorted({dtype for check in checks for dtype in check.seen}))
    return ColumnCheck(checks[0].expected, seen, max((check.verdict for check in checks), key=VERDICTS.index))


def _coarsened(periods: tuple[Period, ...], finest: int) -> Completeness:
    if not periods:
        return Completeness(_UNITS[finest])
    table = np.array([(row.start, row.expected, row.answered, row.bars) for row in periods], dtype=np.int64)
    grouped = (_grouped(table, unit) for unit in _UNITS[finest:])
    return next((found for found in grouped if len(found.periods) <= MOST_PERIODS), _grouped(table, _UNITS[-1]))


def _grouped(table: Ints, unit: str) -> Completeness:
    starts, place = np.unique(Cells(unit, Grid(1)).cell_of(table[:, 0]), return_inverse=True)
    sums = np.zeros((starts.size, 3), dtype=np.int64)
    np.add.at(sums, place, table[:, 1:])
    rows = zip(starts.tolist(), sums.tolist(), strict=True)
    return Completeness(unit, tuple(Period(start, *row) for start, row in rows))
