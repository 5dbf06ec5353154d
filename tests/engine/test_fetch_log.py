"""The fetch log is written behind the caller: what goes wrong there is told, and never his."""

from __future__ import annotations

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.engine.ports import FetchRecord
from seamless_lab.errors import Corrupted
from tests.engine.sources import Heard, scripted_lab

NODE, BEGIN = "ohlcv:binance:BTC/USDT:1m", 1_733_011_200


class BrokenLog:
    """Fails each time."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def append(self, record: FetchRecord) -> None:
        raise self.error

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("error", [Corrupted("the log is damaged"), OSError("no space left")])
def test_a_log_that_fails_is_heard_of_and_fails_nobody(tmp_path, error) -> None:
    clock, heard = ManualClock((BEGIN + 86_400) * 1000), Heard()
    with scripted_lab(tmp_path, clock) as lab:
        lab.wiring.fetch_log = BrokenLog(error)
        lab.add_sink(heard)
        assert lab.fetch(NODE, BEGIN, BEGIN + 3600).rows == 60
        lab._portal.call(lab.wiring.engine.wait_logged)
    told = heard.of("seamless.fetch.log_failed")
    assert [event.fields["node_id"] for event in told] == [NODE]
    assert str(error) in str(told[0].fields["error"])
