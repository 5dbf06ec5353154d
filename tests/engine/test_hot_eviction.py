"""What the hot store forgets: only what is sealed and old, and never what was learned about it."""

from __future__ import annotations

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.coverage import Cause
from seamless_lab.errors import SourceUnavailable
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NOW_MS, NOW_S, open_lab

NODE, DAY = "ohlcv:binance:BTC/USDT:1m", 86_400
TODAY = NOW_S // DAY * DAY
LISTED_S = TODAY - 5 * DAY + 3_600


def hot_slots(lab: Lab) -> int:
    header = lab.door.series(NODE)
    bounds = lab.wiring.hot.bounds(header)
    return 0 if bounds is None else lab.wiring.hot.observed(header, bounds).answered.seconds // 60


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


def test_sealed_bars_leave_the_hot_store_two_days_after_they_were_observed(tmp_path, clock) -> None:
    heard = Heard()
    with scripted_lab(tmp_path, clock) as lab:
        lab.add_sink(heard)
        lab.fetch(NODE, TODAY - 10 * DAY, TODAY - 5 * DAY)
        assert hot_slots(lab) == 5 * 1440, "history that was just fetched stays: others may be asking for it"
        clock.advance(DAY)
        lab.fetch(NODE, TODAY - 5 * DAY, TODAY)
        clock.advance(1.5 * DAY)
        before = lab.coverage(NODE, TODAY - 10 * DAY, TODAY).to_dict()
        lab.fetch(NODE, TODAY, TODAY + DAY)
        assert heard.of("seamless.hot.evicted")[0].fields["slots"] == 5 * 1440
        assert hot_slots(lab) == 6 * 1440
        after = lab.coverage(NODE, TODAY - 10 * DAY, TODAY).to_dict()
        assert after["coverage"] == before["coverage"]
        asked = len(lab.wiring.fetcher.asked)
        assert lab.fetch(NODE, TODAY - 10 * DAY, TODAY + DAY).rows == 11 * 1440
        assert len(lab.wiring.fetcher.asked) == asked, "what was evicted is known all the same"


def test_what_failed_and_what_is_not_sealed_stays(tmp_path, clock) -> None:
    null = pl.when(pl.col("ts") == (TODAY - DAY) * 1000).then(None).otherwise(pl.col("close"))
    source = ScriptedSource(clock, lambda frame: frame.with_columns(close=null))
    with scripted_lab(tmp_path, clock, source, preset="permissive-dev") as lab:
        lab.fetch(NODE, TODAY - 2 * DAY, TODAY - 600)
        source.error = SourceUnavailable("down")
        with pytest.raises(SourceUnavailable):
            lab.fetch(NODE, TODAY - 30 * DAY, TODAY - 29 * DAY)
        before = lab.gaps(NODE, TODAY - 30 * DAY, TODAY - 600).frame.drop("repair")
        clock.advance(10 * DAY)
        source.error = None
        source.spoil = lambda frame: frame
        lab.fetch(NODE, TODAY + 5 * DAY, TODAY + 6 * DAY)
        after = lab.gaps(NODE, TODAY - 30 * DAY, TODAY - 600).frame.drop("repair")
        assert after.equals(before)
        assert "1 rows came without a price" in after["error"].to_list()
        assert hot_slots(lab) == 1440


def test_a_newer_observation_is_not_evicted_with_the_older_one(tmp_path, clock) -> None:
    with scripted_lab(tmp_path, clock) as lab:
        lab.fetch(NODE, TODAY - 4 * DAY, TODAY - 2 * DAY)
        clock.advance(5 * DAY)
        lab.backfill(NODE, TODAY - 3 * DAY, TODAY - 2 * DAY, refresh=True)
        lab.fetch(NODE, TODAY, TODAY + DAY)
        assert hot_slots(lab) == 2 * 1440, "the refreshed day and the new one"


def test_a_refresh_that_changed_nothing_is_forgotten_like_what_is_sealed(tmp_path, clock) -> None:
    with scripted_lab(tmp_path, clock) as lab:
        window = (TODAY - 4 * DAY, TODAY - 3 * DAY)
        first = lab.fetch(NODE, *window)
        clock.advance(3600)
        assert not len(lab.backfill(NODE, *window, refresh=True).restated)
        assert lab.fetch(NODE, *window).provenance.sources[0] == "hot"
        clock.advance(3 * DAY)
        before = lab.coverage(NODE, *window).to_dict()
        lab.fetch(NODE, *window)
        assert hot_slots(lab) == 0
        again = lab.fetch(NODE, *window)
        assert "hot" not in again.provenance.sources
        assert again.ref == first.ref
        assert lab.coverage(NODE, *window).to_dict()["coverage"] == before["coverage"]


def test_what_precedes_the_listing_is_still_known_to(tmp_path, clock) -> None:
    config = SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={}, listed_s={"BTC/USDT": LISTED_S})
    with SandboxExchange(config) as exchange, open_lab(tmp_path, exchange.url, now=False) as lab:
        lab.wiring.clock = clock
        window = (LISTED_S - DAY, LISTED_S + DAY)
        before = lab.fetch(NODE, *window)
        assert len(before.answer.before_listing)
        clock.advance(3 * DAY)
        exchange.advance(3 * DAY * 1000)
        exchange.set_faults(FaultPlan())
        lab.fetch(NODE, TODAY, TODAY + DAY)
        assert hot_slots(lab) == 1440 + 1440
        after = lab.fetch(NODE, *window)
        assert after.answer.before_listing.pairs() == before.answer.before_listing.pairs()
        assert after.content == before.content
        assert after.coverage.slots(Cause.QUIET) == 1440
