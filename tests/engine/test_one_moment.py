"""Which bars are final is decided once: time that a fill takes turns no pending bar into a missing one."""

from __future__ import annotations

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Fetched
from tests.engine.sources import ScriptedSource, scripted_lab

NODE = "ohlcv:binance:BTC/USDT:1m"
NOW_MS = 1_735_689_657_000  # three seconds before a bar turns final


class SlowSource(ScriptedSource):
    """Takes five seconds for an answer."""

    clock: ManualClock

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        fetched = await super().fetch(node, grid, window)
        self.clock.advance(5)
        return fetched


@pytest.mark.parametrize("domain", ["dryrun", "live"])
@pytest.mark.parametrize("strategy", ["AUTO_BACKFILL", "SEAMLESS"])
def test_a_fetch_that_takes_seconds_is_as_complete_as_a_quick_one(tmp_path, strategy, domain) -> None:
    clock = ManualClock(NOW_MS)
    with scripted_lab(tmp_path, clock, SlowSource(clock)) as lab:
        answer = lab.fetch(NODE, "-30m", "now", strategy=strategy, domain=domain)
        assert answer.coverage.complete, answer.coverage.missing.pairs()
        assert str(answer.verdict) == "PASS"


def test_a_backfill_that_takes_seconds_misses_nothing(tmp_path) -> None:
    clock = ManualClock(NOW_MS)
    with scripted_lab(tmp_path, clock, SlowSource(clock)) as lab:
        coverage = lab.backfill(NODE, "-50m", "now").coverage
        assert coverage.complete
        assert coverage.slots(Cause.PENDING) > 0
