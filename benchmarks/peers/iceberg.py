"""Iceberg through PyIceberg, its catalogue in SQLite."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThan

from benchmarks.peers.frames import VALUES, arrow

_STATE: dict = {}


def prepare(folder: str, data: str) -> None:
    Path(folder).mkdir(parents=True)
    catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("bench")
    table = arrow(data)
    made = catalog.create_table("bench.bars", table.schema)
    for first in range(0, table.num_rows, 43_200):  # a file for about each month, so that a window can be pruned to one
        made.append(table.slice(first, 43_200))
    _STATE["catalog"] = catalog


def _table() -> object:
    return _STATE["catalog"].load_table("bench.bars")


def read() -> object:
    return pl.from_arrow(_table().scan().to_arrow())


def read_and_sum() -> float:
    frame = read()
    return float(sum(frame[name].sum() for name in VALUES))


def week(start: int, end: int) -> object:
    window = And(GreaterThanOrEqual("ts", start), LessThan("ts", end))
    return pl.from_arrow(_table().scan(row_filter=window).to_arrow())


def load_day(data: str) -> None:
    _STATE["day"] = arrow(data)


def append() -> None:
    _table().append(_STATE["day"])


def history(folder: str, commits: int) -> None:
    Path(folder).mkdir(parents=True)
    catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("bench")
    rows = pa.table({"x": [1.0]})
    made = catalog.create_table("bench.bars", rows.schema)
    for _ in range(commits):
        made.append(rows)
    _STATE["catalog"] = catalog


def resolve(as_of: int) -> None:
    table = _table()
    table.snapshot_by_id(table.history()[as_of].snapshot_id)
