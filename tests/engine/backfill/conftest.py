"""An exchange with holes and a late listing, and a lab on it."""

from __future__ import annotations

import pytest

from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.engine.backfill.market import LISTED_S
from tests.labs import NOW_MS, open_lab


@pytest.fixture(scope="module")
def running():
    quiet = {"LTC/USDT": 50_000, "LTC/USD": 50_000}
    config = SandboxConfig(
        now_ms=NOW_MS, symbols=20, weight_limits={}, quiet_per_million=quiet, listed_s={"ADA/USDT": LISTED_S}
    )
    with SandboxExchange(config) as running:
        yield running


@pytest.fixture
def exchange(running):
    running.set_faults(FaultPlan())
    running.freeze(NOW_MS)
    running.clear_log()
    return running


@pytest.fixture
def lab(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab:
        yield lab
