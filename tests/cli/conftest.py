"""An exchange, and a terminal on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.cli.terminal import Terminal


@pytest.fixture(scope="module")
def exchange() -> Iterator[SandboxExchange]:
    with SandboxExchange(SandboxConfig(symbols=20)) as running:
        yield running


@pytest.fixture
def seamless(exchange: SandboxExchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    yield Terminal(["--home", str(tmp_path / "home"), "--exchange-url", exchange.url], capsys)
    exchange.set_faults(FaultPlan())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
