"""Asks in the hot store's SQLite file: recorded, loaded as columns, and kept from growing without bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw
import numpy as np
import polars as pl

from seamless_lab.core.asks import ASKED, FAILED, UNPRICED, Asks, last_words
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import LATEST_S, TimeRange
from seamless_lab.engine.ports import ATTEMPTS, Attempt

_INSERT = (
    "INSERT INTO attempt"
    " (node, start, end, asked_at_ms, outcome, source, rows, requests, error, observed_at_ms, unpriced)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET observed_at_ms = max(observed_at_ms, excluded.observed_at_ms),"
    " unpriced = CASE WHEN unpriced = excluded.unpriced THEN unpriced"
    " ELSE CAST(coalesce(unpriced, x'') || excluded.unpriced AS BLOB) END"
    " WHERE excluded.unpriced IS NOT NULL"
)
_SELECT = (
    "SELECT start, end, asked_at_ms, outcome, error, source, rows, requests, observed_at_ms, unpriced FROM attempt"
    " WHERE node = ? AND start < ? AND end > ? ORDER BY asked_at_ms, start, end, outcome, source"
)
_FAILURES = ("failed", "rejected")
_Row = tuple[Any, ...]  # the columns of _SELECT: what SQLite gives is typed by the table


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """The asks that touch a window: `frame` as in `HotState.attempts`, and as `Asks` with the unpriced slots."""

    frame: pl.DataFrame
    asks: Asks
    origin: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    """Which row of `frame` each ask comes from."""


def insert_attempt(connection: apsw.Connection, attempt: Attempt, observed_at_ms: int, unpriced: Ranges) -> None:
    """Record one ask; recording the same again changes nothing."""
    pairs = np.column_stack((unpriced.starts, unpriced.ends)).tobytes() if len(unpriced) else None
    asked = (
        str(attempt.node),
        attempt.window.start,
        attempt.window.end,
        attempt.asked_at_ms,
        attempt.outcome,
        attempt.source,
    )
    connection.execute(_INSERT, (*asked, attempt.rows, attempt.requests, attempt.error, observed_at_ms, pairs))


def load_attempts(connection: apsw.Connection, node: str, window: TimeRange) -> Attempts:
    """The asks that touch a window, oldest first."""
    return _columns(connection.execute(_SELECT, (node, window.end, window.start)).fetchall())


def count_attempts(connection: apsw.Connection, node: str) -> int:
    """How many asks are recorded of a node."""
    found: int = connection.execute("SELECT count(*) FROM attempt WHERE node = ?", (node,)).get
    return found


def compact_attempts(connection: apsw.Connection, node: str, *, keep: int) -> None:
    """Keep the newest asks; of older ones only the parts that still stand as failed, clipped to them.

    Which slots stand as failed does not change: a clipped part hides nothing that another ask had cleared.
    """
    rows = connection.execute(_SELECT, (node, LATEST_S, 0)).fetchall()
    old = len(rows) - keep
    if old <= 0:
        return
    attempts = _columns(rows)
    words = last_words(attempts.asks)
    kinds = words.at_ms % 4
    ranks = 4 * attempts.asks.at_ms + attempts.asks.kinds
    standing = []
    for place in np.flatnonzero((attempts.origin < old) & np.isin(attempts.asks.kinds, (FAILED, UNPRICED))).tolist():
        mine = (words.at_ms == ranks[place]) & np.isin(kinds, (FAILED, UNPRICED))
        own = Ranges.normalised(attempts.asks.starts[[place]], attempts.asks.ends[[place]])
        parts = Ranges.normalised(words.starts[mine], words.ends[mine]) & own
        _, _, asked_at, outcome, error, source, _, _, observed_at, _ = rows[attempts.origin[place]]
        for part in parts:
            pair = np.array([part.start, part.end]).tobytes() if attempts.asks.kinds[place] == UNPRICED else None
            standing.append((node, part.start, part.end, asked_at, outcome, source, 0, 0, error, observed_at, pair))
    connection.executemany(
        "DELETE FROM attempt"
        " WHERE node = ? AND start = ? AND end = ? AND asked_at_ms = ? AND outcome = ? AND source = ?",
        [(node, start, end, asked_at, outcome, source) for start, end, asked_at, outcome, _, source, *_ in rows[:old]],
    )
    connection.executemany(_INSERT, standing)


def _columns(rows: list[_Row]) -> Attempts:
    columns = list(zip(*rows, strict=True)) or [()] * 10
    frame = pl.DataFrame({name: list(columns[place]) for place, name in enumerate(ATTEMPTS)}, schema=ATTEMPTS)
    starts, ends, asked_at = (frame[name].to_numpy() for name in ("start", "end", "asked_at_ms"))
    kinds = np.array([FAILED if outcome in _FAILURES else ASKED for outcome in columns[3]], dtype=np.int64)
    origin = np.arange(len(rows), dtype=np.int64)
    asks = Asks(starts, ends, asked_at, kinds)
    marked = [place for place, pairs in enumerate(columns[9]) if pairs is not None]
    if not marked:
        return Attempts(frame, asks, origin)
    blobs = [columns[9][place] for place in marked]
    counts = np.array([len(blob) // 16 for blob in blobs])
    pairs = np.frombuffer(b"".join(blobs), dtype=np.int64).reshape(-1, 2)
    observed_at = np.repeat(np.array([columns[8][place] for place in marked], dtype=np.int64), counts)
    joint = Asks(
        np.concatenate((starts, pairs[:, 0])),
        np.concatenate((ends, pairs[:, 1])),
        np.concatenate((asked_at, observed_at)),
        np.concatenate((kinds, np.full(len(pairs), UNPRICED, dtype=np.int64))),
    )
    return Attempts(frame, joint, np.concatenate((origin, np.repeat(marked, counts))))
