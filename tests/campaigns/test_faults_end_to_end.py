"""Every fault of the exchange, in three API families, through the whole lab: exact bars or an honest cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.local_exchange import exchange_overrides
from seamless_lab.errors import SourceUnavailable
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from seamless_lab.sandbox.faults import FAULTS
from tests.labs import IMPATIENT, NOW_MS, NOW_S
from tests.oracle import check_honest

BAR_ROUTES = frozenset({"klines", "candles", "OHLC"})
OUTAGE = 1_709_640_000  # the exchange's outage of 95 minutes lies in the first two windows
LATEST = NOW_S // 60 * 60
CASES = {
    "binance": ("ohlcv:binance:LTC/USDT:1m", OUTAGE, OUTAGE + 1200 * 60),
    "coinbase": ("ohlcv:coinbase:LTC/USD:1m", OUTAGE + 6000, OUTAGE + 6000 + 500 * 60),
    "kraken": ("ohlcv:kraken:LTC/USD:1m", LATEST - 400 * 60, LATEST),
}


@pytest.fixture(scope="module")
def exchange():
    quiet = {"LTC/USDT": 40_000, "LTC/USD": 40_000}
    config = SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={}, quiet_per_million=quiet)
    with SandboxExchange(config) as running:
        yield running


def hasty_lab(home: Path, exchange: SandboxExchange, fault: str) -> Lab:
    """A lab that waits for nothing long; for answers only where a fault withholds them."""
    timeout_ms = 400 if fault in ("hang", "timeout") else 10_000
    overrides = exchange_overrides(exchange.url)
    for family in CASES:
        options = overrides[f"exchanges.{family}.ccxt"]
        overrides[f"exchanges.{family}.ccxt"] = {**options, "timeout": timeout_ms}
    hasty = {"seamless.rate_limit.penalty_backoff_ms": 5, "seamless.backfill.max_attempts": 2}
    return Lab(str(home), overrides={**overrides, **IMPATIENT, **hasty, "now": "2025-01-01T00:00:30Z"})


@pytest.mark.parametrize("family", CASES)
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_bars_are_exact_or_their_slots_say_what_happened(tmp_path, exchange, fault, family):
    node, start, end = CASES[family]
    exchange.clear_log()
    with hasty_lab(tmp_path, exchange, fault) as lab:
        for seed, rate in ((1, 1.0), (2, 0.5), (3, 0.0)):
            rates = {fault: rate}
            plan = FaultPlan(seed=seed, rates=rates, routes=BAR_ROUTES, max_consecutive=None, timeout_ms=10)
            exchange.set_faults(replace(plan, retry_after_s=0))
            try:
                result = lab.fetch(node, start, end)
            except SourceUnavailable:
                assert not len(lab.coverage(node, start, end).coverage.answered)
                assert rate > 0
                continue
            check_honest(exchange, result)
            assert (result.verdict == "PASS") == result.coverage.complete
            if len(result.coverage.failed):
                table = lab.gaps(node, start, end).frame
                assert all(table.filter(table["cause"] == "failed")["error"])
        assert result.verdict == "PASS", "the exchange is well again, and something is still missing"
    assert any(record.fault == fault for record in exchange.log()), "no request met the fault"
