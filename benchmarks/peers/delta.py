"""Delta Lake, by month, through delta-rs."""

from __future__ import annotations

import deltalake
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.peers.frames import VALUES, arrow

_STATE: dict = {}


def _monthly(table: pa.Table) -> pa.Table:
    time = pc.cast(pc.multiply(table["ts"], 1_000_000), pa.timestamp("us", tz="UTC"))
    return table.append_column("month", pc.strftime(time, "%Y-%m"))


def prepare(folder: str, data: str) -> None:
    deltalake.write_deltalake(folder, _monthly(arrow(data)), partition_by=["month"])
    _STATE["folder"] = folder


def read() -> object:
    return pl.read_delta(_STATE["folder"])


def read_and_sum() -> float:
    frame = read()
    return float(sum(frame[name].sum() for name in VALUES))


def week(start: int, end: int) -> object:
    lazy = pl.scan_delta(_STATE["folder"])
    return lazy.filter((pl.col("ts") >= start) & (pl.col("ts") < end)).collect()


def load_day(data: str) -> None:
    _STATE["day"] = _monthly(arrow(data))


def append() -> None:
    deltalake.write_deltalake(_STATE["folder"], _STATE["day"], mode="append", partition_by=["month"])


def history(folder: str, commits: int) -> None:
    table = pa.table({"x": [1.0]})
    for _ in range(commits):
        deltalake.write_deltalake(folder, table, mode="append")
    _STATE["folder"] = folder


def resolve(as_of: int) -> None:
    deltalake.DeltaTable(_STATE["folder"], version=as_of)
