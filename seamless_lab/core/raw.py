"""Rows as a source gave them: nothing repaired yet, the time unit declared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl


class TimeUnit(StrEnum):
    """What an integer time counts; declared by whoever knows the source, never guessed from magnitudes."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


@dataclass(frozen=True, slots=True, eq=False)
class RawBars:
    """Received rows in the order of receipt.

    `frame` should have the columns of `bars.COLUMNS` in any order and of any dtype; `ts` holds integers of `time_unit`,
    text, or datetimes (naive means UTC). Anything else is for conformance to report.
    """

    frame: pl.DataFrame
    time_unit: TimeUnit
