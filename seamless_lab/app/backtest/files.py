"""The equity of a backtest as a file: equal results give equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.export import parquet_of

if TYPE_CHECKING:
    from seamless_lab.app.backtest.result import BacktestResult


def parquet_bytes(result: BacktestResult) -> bytes:
    """The frame of equity, with the digest, the strategy and what was read as metadata."""
    contents = ", ".join(f"{each.name}={each.node}:sha256:{each.content}" for each in result.inputs)
    return parquet_of(
        result.equity,
        {
            "seamless.digest": f"sha256:{result.digest}",
            "seamless.strategy": result.strategy.text,
            "seamless.inputs": contents,
        },
    )


def csv_bytes(result: BacktestResult) -> bytes:
    """The frame of equity without `ts`; times in ISO-8601, floats in the shortest digits that read back equal."""
    frame = result.equity.drop("ts")
    return frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ", line_terminator="\n").encode()
