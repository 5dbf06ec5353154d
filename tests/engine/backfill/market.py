"""What the tests of backfill ask for, and of which exchange."""

from __future__ import annotations

from seamless_lab.sandbox import FaultPlan

START, DAY = 1_714_521_600, 86_400
LISTED_S = 1_720_000_020  # 2024-07-03 09:47 UTC
BARS = {"klines", "candles", "OHLC"}
DOWN = FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"klines"}), max_consecutive=None)
DEAD = FaultPlan(rates={"server_error": 1.0}, max_consecutive=None)


def asked(exchange) -> list[tuple[int, int]]:
    return sorted((one.window_start, one.window_end) for one in exchange.log() if one.route in BARS)
