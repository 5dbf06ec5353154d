"""pandas, DuckDB and polars at conformance, parsing, digests and upserts."""

from __future__ import annotations

import gc
import hashlib
import io

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from benchmarks.peers.frames import VALUES, arrow

COLUMNS = ("ts", *VALUES)
_STATE: dict = {}


def load(data: str) -> None:
    table = arrow(data)
    _STATE.update(arrow=table, pandas=table.to_pandas(), polars=pl.from_arrow(table))


def load_rows(data: str) -> None:
    frame = pl.from_arrow(arrow(data))
    gc.disable()
    _STATE["rows"] = [list(row) for row in frame.iter_rows()]
    gc.freeze()
    gc.enable()


def conform_pandas() -> object:
    frame = _STATE["pandas"]
    frame = frame.sort_values("ts", kind="stable").drop_duplicates("ts", keep="last")
    frame["ts"] = frame["ts"] // 1_000
    return frame, int((frame["ts"].diff() != 60).sum()), bool(np.isfinite(frame[list(VALUES)].to_numpy()).all())


def conform_polars() -> object:
    frame = _STATE["polars"].sort("ts", maintain_order=True)
    frame = frame.filter((pl.col("ts") != pl.col("ts").shift(-1)).fill_null(value=True))
    frame = frame.with_columns(pl.col("ts") // 1_000)
    finite = frame.select(pl.all_horizontal(pl.col(name).is_finite().all() for name in VALUES)).item()
    return frame, int((frame["ts"].diff() != 60).sum()), finite


def conform_duckdb() -> object:
    bars = _STATE["arrow"]  # noqa: F841  # named in the query
    return duckdb.sql(
        "SELECT ts // 1000 AS ts, * EXCLUDE (ts, place) FROM (SELECT *, row_number() OVER () AS place FROM bars) "
        "QUALIFY row_number() OVER (PARTITION BY ts ORDER BY place DESC) = 1 ORDER BY ts"
    ).fetchnumpy()


def rows_polars() -> object:
    return pl.DataFrame(_STATE["rows"], schema=list(COLUMNS), orient="row")


def rows_pandas() -> object:
    return pd.DataFrame(_STATE["rows"], columns=list(COLUMNS))


def rows_zip() -> object:
    return pl.DataFrame(
        {name: list(column) for name, column in zip(COLUMNS, zip(*_STATE["rows"], strict=False), strict=False)}
    )


def digest_csv() -> str:
    text = io.BytesIO()
    _STATE["polars"].write_csv(text)
    return hashlib.sha256(text.getbuffer()).hexdigest()


def digest_ndjson() -> str:
    text = io.BytesIO()
    _STATE["polars"].write_ndjson(text)
    return hashlib.sha256(text.getbuffer()).hexdigest()


def upsert_duckdb(path: str, window: int) -> None:
    frame = _STATE["polars"]
    connection = duckdb.connect(path)
    connection.execute(
        "CREATE OR REPLACE TABLE bars (ts BIGINT PRIMARY KEY, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, "
        "volume DOUBLE)"
    )
    for first in range(0, frame.height, window):
        part = frame.slice(first, window).to_arrow()  # noqa: F841  # named in the statement
        connection.execute("INSERT OR REPLACE INTO bars SELECT * FROM part")
    connection.close()


def read_duckdb(path: str) -> object:
    connection = duckdb.connect(path, read_only=True)
    found = connection.execute("SELECT * FROM bars ORDER BY ts").fetchnumpy()
    connection.close()
    return found
