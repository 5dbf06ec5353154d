"""Conformance v2: from rows as a source gave them to canonical bars, with a report of all that was amiss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.core.bars import COLUMNS, DTYPES, PRICES, VALUES, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.raw import RawBars
from seamless_lab.core.report import (
    DEFAULT,
    FLAGS,
    WARNINGS,
    ColumnCheck,
    ConformancePolicy,
    ConformanceReport,
    completeness,
    require,
)
from seamless_lab.core.stamps import Stamps, read_stamps
from seamless_lab.core.time import TimeRange, format_time

Mask = npt.NDArray[np.bool_]

_BLOCK = 65_536  # rows of six columns that stay in a core's cache


@dataclass(frozen=True, slots=True, eq=False)
class Conformed:
    """Bars of a window, what was found on the way, and the slots whose row had no usable price: these have failed."""

    bars: Bars
    report: ConformanceReport
    unpriced: Ranges


def conform(
    raw: RawBars, header: Header, window: TimeRange, *, answered: Ranges, policy: ConformancePolicy = DEFAULT
) -> Conformed:
    """The bars that some received rows are, if the policy accepts what was found.

    Parameters
    ----------
    raw
        Rows in the order of receipt; of several rows for one slot the last received wins.
    window
        What was asked for; snapped outward to the grid.
    answered
        The slots that the source has answered for. Those of the window that are not in it count as `gap`; a row in one
        of them gives no bar.

    Returns
    -------
    Conformed
        With bars that are all in the window, on the grid and answered.

    Raises
    ------
    ConformancePipelineError
        If the policy blocks a flag that was found. Call `examine` and `require` to keep the report then.

    Notes
    -----
    Flags about values count the rows that are kept: a row that is out of the window, or that a later one replaced,
    blocks nothing.
    """
    found = examine(raw, header, window, answered=answered)
    require(found.report, policy, node=str(header.node))
    return found


def examine(raw: RawBars, header: Header, window: TimeRange, *, answered: Ranges) -> Conformed:
    """What `conform` would return under a policy that blocks nothing."""
    grid = header.grid
    window = grid.snap_outward(window)
    answered = answered.clip(window).whole_slots(grid)
    notes = _Notes()
    slots = window.seconds // grid.step_s
    gaps = answered.complement(window)
    notes.add("gap", slots - answered.seconds // grid.step_s, lambda: f"no answer for {next(iter(gaps))}")
    absent = [name for name in COLUMNS if name not in raw.frame.columns]
    notes.add("missing_column", raw.frame.height * len(absent), lambda: f"no column {', '.join(absent)}")
    opens, rows, time_verdict = _select(raw, header, window, answered, notes)
    values, verdicts = _values(rows, opens, notes)
    unpriced = Ranges.empty()
    if not _perfect(values):
        values, priced = _judge(values, opens, notes)
        unpriced = Ranges.of_slots(opens[~priced], grid.step_s)
        opens = opens[priced]
    bars = Bars(header.node, grid, pl.DataFrame([pl.Series("ts", opens, dtype=pl.Int64), *values.get_columns()]))
    report = ConformanceReport(
        rows_in=raw.frame.height,
        rows_out=len(bars),
        flags=notes.named(FLAGS),
        warnings=notes.named(WARNINGS),
        examples=notes.examples,
        schema=_schema(raw.frame, {"ts": time_verdict, **verdicts}),
        extra=tuple(sorted(set(raw.frame.columns).difference(COLUMNS))),
        temporal=completeness(grid, window, opens, answered - unpriced),
    )
    return Conformed(bars, report, unpriced)


def _schema(frame: pl.DataFrame, verdicts: Mapping[str, str]) -> dict[str, ColumnCheck]:
    """The schema rollup; of no rows, nothing can be said."""
    if not frame.height:
        return {}
    dtypes = {name: (str(dtype),) for name, dtype in frame.schema.items()}
    return {name: ColumnCheck(DTYPES[name], dtypes.get(name, ()), verdicts[name]) for name in COLUMNS}


@dataclass(slots=True)
class _Notes:
    """Counts and first examples, by name; written while one frame is examined."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, count: int, example: Callable[[], str]) -> None:
        if count:
            self.counts[name] = self.counts.get(name, 0) + int(count)
            if name not in self.examples:
                self.examples[name] = example()

    def named(self, names: tuple[str, ...]) -> dict[str, int]:
        return {name: self.counts[name] for name in names if name in self.counts}


# -- which rows ----------------------------------------------------------------------------------------------------


def _select(
    raw: RawBars, header: Header, window: TimeRange, answered: Ranges, notes: _Notes
) -> tuple[Ints, pl.DataFrame, str]:
    """Open times in seconds (strictly increasing, on the grid, answered), their rows, and the verdict on `ts`."""
    if "ts" not in raw.frame.columns:
        return np.empty(0, dtype=np.int64), raw.frame.clear(), "missing"
    stamps = read_stamps(raw.frame["ts"], raw.time_unit)
    verdict = _note_stamps(raw.frame["ts"], stamps, notes)
    opens, rows, scale = stamps.opens, stamps.valid, stamps.per_second
    steps = np.diff(opens)
    if steps.size and steps.min() < 0:
        place = int(np.argmax(steps < 0))
        late = f"{_shown(opens[place + 1], scale)} came after {_shown(opens[place], scale)}"
        notes.add("reordered", int((steps < 0).sum()), lambda: late)
        order = np.argsort(opens, kind="stable")
        opens, rows = opens[order], order if rows is None else rows[order]
    first, last = np.searchsorted(opens, [window.start * scale, window.end * scale]).tolist()
    in_order, opens = opens, opens[first:last]
    notes.add("out_of_window", in_order.size - opens.size, lambda: _shown(in_order[0 if first else last], scale))
    keep = _worth_keeping(opens, header, answered, scale, notes)
    if keep is not None:
        opens = opens[keep]
    if scale != 1:
        opens = opens // scale
    if rows is not None:
        picked = rows[first:last] if keep is None else rows[first:last][keep]
        return opens, raw.frame[picked], verdict
    frame = raw.frame.slice(first, last - first)
    return opens, frame if keep is None else frame.filter(pl.Series(keep)), verdict


def _worth_keeping(opens: Ints, header: Header, answered: Ranges, scale: int, notes: _Notes) -> Mask | None:
    """Which of the sorted open times give a bar; None when all do."""
    if not opens.size:
        return None
    step, anchor = header.grid.step_s * scale, header.grid.anchor_s * scale
    steps = np.diff(opens)
    jumps = steps[steps != step]
    keep: Mask | None = None
    if (opens[0] - anchor) % step or (jumps % step).any():
        keep = (opens - anchor) % step == 0
        off = opens[~keep]
        notes.add(
            "off_grid", off.size, lambda: f"{_shown(off[0], scale)} is no open time of a {header.grid.step_s} s bar"
        )
    if jumps.size and (jumps == 0).any():
        last = np.append(steps != 0, True)
        kept = last if keep is None else last & keep
        repeated = opens[~last if keep is None else ~last & keep]
        notes.add("duplicate_ts", repeated.size, lambda: f"more than one row for {_shown(repeated[0], scale)}")
        keep = kept
    if not answered.covers(TimeRange(int(opens[0]) // scale, int(opens[-1]) // scale + 1)):
        known = answered.contains(opens // scale)
        strange = opens[~known if keep is None else ~known & keep]
        notes.add(
            "unanswered_row",
            strange.size,
            lambda: f"{_shown(strange[0], scale)} has a row but is not among the answered slots",
        )
        keep = known if keep is None else known & keep
    return None if keep is None or keep.all() else keep


def _note_stamps(received: pl.Series, stamps: Stamps, notes: _Notes) -> str:
    def unreadable() -> str:
        bad = np.ones(received.len(), dtype=bool)
        bad[stamps.valid] = False
        return f"ts={received[int(np.argmax(bad))]!r}"

    def readable() -> str:
        return f"ts={received[0 if stamps.valid is None else int(stamps.valid[0])]!r} ({received.dtype})"

    lost = received.len() - stamps.opens.size
    notes.add("invalid_timestamp", lost, unreadable)
    notes.add("ts_cast", stamps.cast, readable)
    notes.add("ts_timezone_normalized", stamps.zoned, readable)
    if lost:
        return "mismatch"
    return "cast" if stamps.cast else "ok" if received.dtype == pl.Int64 else "widened"


def _shown(moment: np.int64, scale: int) -> str:
    seconds, part = divmod(int(moment), scale)
    try:
        return format_time(seconds) + (f" + {part / scale:g} s" if part else "")
    except (ValueError, OverflowError, OSError):  # beyond the calendar, as a wrongly declared unit gives
        return f"epoch second {seconds}"


# -- what is in them -----------------------------------------------------------------------------------------------


def _values(rows: pl.DataFrame, opens: Ints, notes: _Notes) -> tuple[pl.DataFrame, dict[str, str]]:
    """The value columns as Float64, and the verdict on each."""
    columns, verdicts = [], {}
    for name in VALUES:
        if name not in rows.columns:
            columns.append(pl.Series(name, [None], dtype=pl.Float64).new_from_index(0, rows.height))
            verdicts[name] = "missing"
            continue
        received = rows[name]
        if received.dtype == pl.Float64:
            columns.append(received)
            verdicts[name] = "ok"
            continue
        column = _floats(received)
        lost = column.null_count() - received.null_count()
        if lost:
            bad = column.is_null() & received.is_not_null()
            notes.add("dtype_mismatch", lost, partial(_example, received, bad, opens))
        casts = received.len() - column.null_count() if _needs_cast(received.dtype) else 0
        if casts:
            notes.add("dtype_cast", casts, partial(_example, received, column.is_not_null(), opens))
        columns.append(column)
        verdicts[name] = "mismatch" if lost else "cast" if casts else "widened"
    return pl.DataFrame(columns), verdicts


def _floats(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_integer() or dtype.is_float() or dtype == pl.Null:
        return column.cast(pl.Float64)
    if _needs_cast(dtype):
        # Through text, which is read to the nearest float; a decimal cast would multiply by a rounded power of ten.
        return column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.Series(column.name, [None], dtype=pl.Float64).new_from_index(0, column.len())


def _needs_cast(dtype: pl.DataType) -> bool:
    return dtype.is_decimal() or isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _perfect(values: pl.DataFrame) -> bool:
    """Whether every number is there, finite and sane; false for at least one row means that it takes a closer look."""
    if any(column.null_count() for column in values):
        return False
    opened, high, low, closed, volume = (column.to_numpy() for column in values)
    for first in range(0, values.height, _BLOCK):
        block = slice(first, first + _BLOCK)
        top, bottom = high[block], low[block]
        sane = (bottom > 0) & (top < np.inf) & (volume[block] >= 0) & (volume[block] < np.inf)
        for price in (opened[block], closed[block]):
            sane &= bottom <= price
            sane &= price <= top
        if not sane.all():
            return False
    return True


def _judge(values: pl.DataFrame, opens: Ints, notes: _Notes) -> tuple[pl.DataFrame, Mask]:
    """The values without what is not finite, and which rows have a price; findings are noted."""
    columns = []
    for column in values:
        strange = ~(column.is_finite().fill_null(value=True))
        notes.add("non_finite", int(strange.sum()), partial(_example, column, strange, opens))
        columns.append(column.set(strange, None) if strange.any() else column)
    cleaned = pl.DataFrame(columns)
    priced = ~cleaned.select(pl.any_horizontal(pl.col(*PRICES).is_null())).to_series()
    held = cleaned.filter(priced)
    at = opens[priced.to_numpy()]
    opened, high, low, closed, volume = held.get_columns()
    for name, wrong in (
        ("no_volume", volume.is_null()),
        ("nonpositive_price", held.select(pl.any_horizontal(pl.col(*PRICES) <= 0)).to_series()),
        ("high_below_low", high < low),
        ("open_out_of_range", (opened > high) | (opened < low)),
        ("close_out_of_range", (closed > high) | (closed < low)),
        ("negative_volume", (volume < 0).fill_null(value=False)),
    ):
        notes.add(name, int(wrong.sum()), partial(_row_example, held, wrong, at))
    lost = opens[~priced.to_numpy()]
    notes.add("unpriced", lost.size, lambda: f"no price at {format_time(int(lost[0]))}")
    return held, priced.to_numpy()


def _example(column: pl.Series, where: pl.Series, opens: Ints) -> str:
    place = int(where.arg_max() or 0)
    return f"{column.name}={column[place]!r} at {format_time(int(opens[place]))}"


def _row_example(values: pl.DataFrame, where: pl.Series, opens: Ints) -> str:
    place = int(where.arg_max() or 0)
    numbers = ", ".join(f"{name}={value}" for name, value in zip(VALUES, values.row(place), strict=True))
    return f"{numbers} at {format_time(int(opens[place]))}"
