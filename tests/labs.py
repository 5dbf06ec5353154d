"""Labs for tests: a home of their own, an exchange on loopback, one clock for both."""

from __future__ import annotations

from pathlib import Path

from seamless_lab.app.lab import Lab
from seamless_lab.app.local_exchange import exchange_overrides

NODE = "ohlcv:binance:BTC/USDT:1m"
NOW_S = 1_735_689_630  # 2025-01-01T00:00:30Z
NOW_MS = NOW_S * 1000

IMPATIENT: dict[str, object] = {"seamless.backfill.max_attempts": 3, "seamless.backfill.retry_backoff_ms": 1}


def open_lab(home: Path, url: str, *, now: bool = True, **overrides: object) -> Lab:
    """A lab on an exchange; `now` stops its clock at NOW_MS. Overrides use `__` for the dots of a key."""
    keys = {name.replace("__", "."): value for name, value in overrides.items()}
    stopped: dict[str, object] = {"now": "2025-01-01T00:00:30Z"} if now else {}
    return Lab(str(home), overrides={**exchange_overrides(url), **IMPATIENT, **stopped, **keys})
