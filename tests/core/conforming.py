"""Rows as a source gives them, and a look at what becomes of them that checks what always holds."""

from __future__ import annotations

import numpy as np
import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.conformance import Conformed, examine
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.report import FLAGS, WARNINGS
from seamless_lab.core.time import TimeRange
from tests.core.models import header_of, prices

START = 1_704_067_200
HEADER = header_of("1m")
ROWS = 10
WINDOW = TimeRange(START, START + 60 * ROWS)
ALL = Ranges.single(WINDOW)


def rows(places: list[int] | None = None) -> pl.DataFrame:
    """Perfect rows in milliseconds, of the slots at some places after `START`."""
    opens = START + 60 * np.array(range(ROWS) if places is None else places, dtype=np.int64)
    return prices(opens).with_columns(ts=pl.col("ts") * 1_000)


def look(
    frame: pl.DataFrame, *, unit: TimeUnit = TimeUnit.MILLISECONDS, answered: Ranges = ALL, window: TimeRange = WINDOW
) -> Conformed:
    found = examine(RawBars(frame, unit), HEADER, window, answered=answered)
    Bars.validated(HEADER.node, HEADER.grid, found.bars.frame)
    assert set(found.report.flags) <= set(FLAGS)
    assert set(found.report.warnings) <= set(WARNINGS)
    assert set(found.report.examples) == {*found.report.flags, *found.report.warnings}
    assert all(count > 0 for count in (*found.report.flags.values(), *found.report.warnings.values()))
    return found


def places_of(found: Conformed) -> list[int]:
    return ((found.bars.ts - START) // 60).tolist()
