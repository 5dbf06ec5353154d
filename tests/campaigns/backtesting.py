"""One run of the campaign on determinism: `python -m tests.campaigns.backtesting HOME CORES CACHE`."""

from __future__ import annotations

import json
import os
import sys

import polars as pl

from seamless_lab import Lab, crossover


def momentum(bars: pl.DataFrame) -> pl.Expr:
    """Floats all the way: the part of equity follows how far the close is from its mean."""
    close = pl.col("close")
    return ((close - close.rolling_mean(60)) / close.rolling_std(60)).clip(-1, 1).round(1).fill_nan(0)


def main() -> None:
    """Print the digests of two strategies, and the content of what they read."""
    home, cores = sys.argv[1], sys.argv[2]
    if cores != "all":
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    segments = {"segments.max_bytes": 0} if sys.argv[3] == "parquet" else {}
    with Lab(home, overrides=segments) as lab:
        pins = {node.split(":")[2]: lab.manifest(node).ref for node in lab.nodes()}
        results = [
            lab.backtest(strategy, pins=pins, fee_bps=7.5, slippage_bps=2.5)
            for strategy in (crossover(20, 100, short=True), momentum)
        ]
    print(json.dumps([[r.digest, r.equity["equity"][-1].hex(), [g.content for g in r.inputs]] for r in results]))


if __name__ == "__main__":
    main()
