"""One exchange for all tests that fetch; faults and log are reset around each test."""

from collections.abc import Iterator

import pytest

from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.faults import FaultPlan
from tests.adapters.exchanges import running


@pytest.fixture(scope="module")
def _exchange() -> Iterator[SandboxExchange]:
    yield from running()


@pytest.fixture
def exchange(_exchange: SandboxExchange) -> Iterator[SandboxExchange]:
    """A frozen exchange without faults and with an empty log."""
    _exchange.clear_log()
    yield _exchange
    _exchange.set_faults(FaultPlan())
