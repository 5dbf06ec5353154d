"""What the tests of the lockfile pin, and how they change it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from seamless_lab.adapters.segments_parquet import ParquetSegments

HOURLY, MINUTES = "ohlcv:binance:BTC/USDT:1h", "ohlcv:binance:ETH/USDT:1m"
HOUR = 3_600


def data_files(project: Path) -> list[Path]:
    return sorted(project.rglob("*.parquet"))


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def move_one_tick(path: Path, row: int, column: str) -> pl.DataFrame:
    """Change one value in a file, its checksum included, as someone would who knows the format."""
    codec = ParquetSegments()
    frame = codec.decode(path.read_bytes(), path=path.name)
    by = 1 if column == "ts" else 0.01
    moved = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.col(column) + by).otherwise(pl.col(column)).alias(column)
    )
    rewrite(path, codec.encode(moved))
    return frame.slice(row, 1)
