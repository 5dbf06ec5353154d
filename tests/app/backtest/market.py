"""The sealed market that backtests are tried on."""

from __future__ import annotations

import polars as pl

HOUR, SLOTS = 3_600, 24 * 100
close = pl.col("close")


def ref(lab, symbol, timeframe="1h"):
    return lab.manifest(f"ohlcv:binance:{symbol}/USDT:{timeframe}").ref


def three(lab):
    return {name.lower(): ref(lab, name) for name in ("SOL", "ETH", "BTC")}


def above(bars):
    return close > close.rolling_mean(24)


def bars_of(lab, symbol):
    return lab.wiring.sealed.read(lab.wiring.sealed.head(lab.door.node(f"ohlcv:binance:{symbol}/USDT:1h"))).bars.frame
