"""The log of fetches in the hot store's SQLite file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import FetchRecord

RECORDS_KEPT = 100_000
_PRUNE_EVERY = 512
_COLUMNS = (
    "at_ms, node, start, end, domain, world, strategy, verdict, reasons, rows, ratio, phases_ms, budgets_ms, violated"
)


class SqliteFetchLog:
    """A log of every fetch on this machine; the newest `records_kept` (a few more at times) are kept."""

    def __init__(self, file: SqliteFile, *, records_kept: int = RECORDS_KEPT) -> None:
        self._file = file
        self._records_kept = records_kept

    def append(self, record: FetchRecord) -> None:
        """Add one record."""
        row = (
            *(record.at_ms, record.node, record.start, record.end, record.domain, record.world, record.strategy),
            *(record.verdict, json.dumps(record.reasons), record.rows, record.ratio),
            *(json.dumps(record.phases_ms), json.dumps(record.budgets_ms), record.violated),
        )
        with self._file.writing(durable=False) as connection:  # how fetches did: no data depend on it
            connection.execute(f"INSERT INTO fetch ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            newest = connection.last_insert_rowid()
            if newest % min(_PRUNE_EVERY, self._records_kept) == 0:
                connection.execute("DELETE FROM fetch WHERE id <= ?", (newest - self._records_kept,))

    def since(self, at_ms: int, node: str | None = None) -> Sequence[FetchRecord]:
        """Records from a moment on, oldest first; those of one moment in the order of their arrival."""
        only, values = ("", (at_ms,)) if node is None else (" AND node = ?", (at_ms, node))
        with self._file.reading() as connection:
            rows: list[Any] = connection.execute(
                f"SELECT {_COLUMNS} FROM fetch WHERE at_ms >= ?{only} ORDER BY at_ms, id", values
            ).fetchall()
        return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> FetchRecord:
    at_ms, node, start, end, domain, world, strategy, verdict, reasons, rows, ratio, phases_ms, budgets_ms, violated = (
        row
    )
    return FetchRecord(
        at_ms=at_ms,
        node=node,
        start=start,
        end=end,
        domain=domain,
        world=world,
        strategy=strategy,
        verdict=verdict,
        reasons=tuple(json.loads(reasons)),
        rows=rows,
        ratio=ratio,
        phases_ms=json.loads(phases_ms),
        budgets_ms=json.loads(budgets_ms),
        violated=violated,
    )
