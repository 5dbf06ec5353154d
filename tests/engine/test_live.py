"""The live domain: the tail is delivered, marked, and asked for again before it is sealed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.live_polling import PollingFeed
from seamless_lab.core.coverage import Cause
from seamless_lab.engine.live import LiveTail
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from seamless_lab.sandbox.market import Restatement, Stretch
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NODE, NOW_MS, NOW_S, open_lab
from tests.oracle import check_honest, truth

MINUTE = NOW_S // 60 * 60  # the clock says 30 seconds past it
START = MINUTE - 3600


@pytest.fixture
def exchange():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


def live_lab(home, exchange, clock):
    lab = open_lab(home, exchange.url, now=False)
    lab.wiring.clock = clock
    return lab


def test_the_tail_is_delivered_unsealed_and_marked(tmp_path, exchange) -> None:
    with live_lab(tmp_path, exchange, ManualClock(NOW_MS)) as lab:
        answer = lab.fetch(NODE, START, MINUTE + 60, domain="live")
        check_honest(exchange, answer)
        assert answer.answer.unsealed.pairs() == [[MINUTE - 120, MINUTE]]
        assert answer.coverage.pending.pairs() == [[MINUTE, MINUTE + 60]], "the bar that is still forming"
        assert (answer.verdict, answer.rows, answer.answer.lag_s) == ("PASS", 60, 30)
        assert answer.to_dict()["coverage"]["unsealed"]["bars"] == 2
        dry = lab.fetch(NODE, START, MINUTE + 60)
        assert (dry.rows, dry.coverage.slots(Cause.PENDING), len(dry.answer.unsealed)) == (58, 3, 0)
        assert lab.manifest(NODE).version.tree.rows == 58
        assert dry.content != answer.content


def test_bars_observed_too_early_are_asked_again_before_they_are_sealed(tmp_path, exchange) -> None:
    clock, young = ManualClock(NOW_MS), Stretch(MINUTE - 120, MINUTE)
    with live_lab(tmp_path, exchange, clock) as lab:
        early = lab.fetch(NODE, START, MINUTE, domain="live")
        before = truth(exchange, early)
        exchange.restate(Restatement("BTC/USDT", young, NOW_MS + 60_000))
        exchange.advance(600_000)
        clock.advance(600)
        exchange.clear_log()
        final = lab.fetch(NODE, START, MINUTE)
        asked = [(one.window_start, one.window_end) for one in exchange.log() if one.route == "klines"]
        check_honest(exchange, final)
        assert asked == [(young.start, young.end)]
        assert not truth(exchange, final).equals(before), "the restatement changed something"
        assert early.bars.frame.equals(before)
        assert final.verdict == "PASS"
        exchange.clear_log()
        assert lab.fetch(NODE, START, MINUTE, domain="live").content == final.content
        assert not [one for one in exchange.log() if one.route == "klines"]


def test_a_tail_that_somebody_has_asked_for_is_not_asked_again_while_it_is_young(tmp_path, exchange) -> None:
    with live_lab(tmp_path, exchange, ManualClock(NOW_MS)) as lab:
        lab.fetch(NODE, START, MINUTE, domain="live")
        exchange.clear_log()
        again = lab.fetch(NODE, START, MINUTE, domain="live")
        assert again.rows == 60
        assert len(again.answer.unsealed)
        assert again.provenance.sources == ("cache", "hot")
        assert again.requests == 0
        assert not [one for one in exchange.log() if one.route == "klines"]


def test_an_exchange_whose_clock_is_behind_decides_what_is_final(tmp_path) -> None:
    clock = ManualClock(NOW_MS)
    source = ScriptedSource(clock)
    source.behind_ms = 600_000
    with scripted_lab(tmp_path, clock, source) as lab:
        answer = lab.fetch(NODE, START, MINUTE, domain="live")
        known = lab.wiring.stores.know(answer.answer.request.header, answer.window)
        assert known.head is not None
        closed_there = MINUTE - 600
        assert known.head.tree.answered.bounds.end == closed_there - 120
        sealed = lab.publish(NODE).version.tree.answered.bounds
        assert sealed.end == closed_there - 120, "two bars of it may still change"


def test_data_that_lag_too_far_behind_are_held(tmp_path, exchange) -> None:
    with live_lab(tmp_path, exchange, ManualClock(NOW_MS)) as lab:
        end = MINUTE - 1800
        held = lab.fetch(NODE, START, end, domain="live", max_lag_s=600)
        assert (held.verdict, held.exit_code) == ("HOLD", 1)
        assert [reason.code for reason in held.reasons] == ["stale"]
        assert "1830 s behind now, more than max_lag 600 s" in held.reasons[0].text
        assert lab.fetch(NODE, START, end, domain="live", max_lag_s=1830).verdict == "PASS"
        assert lab.fetch(NODE, START, end, max_lag_s=600).verdict == "PASS", "a lag counts in live only"


def test_as_of_never_goes_back_within_a_world(tmp_path, exchange) -> None:
    heard = Heard()
    with live_lab(tmp_path, exchange, ManualClock(NOW_MS)) as lab:
        lab.add_sink(heard)
        first = lab.fetch(NODE, START, MINUTE, domain="live", world="alpha")
        assert len(heard.of("seamless.world.as_of_advanced")) == 1
        assert lab.fetch(NODE, START, MINUTE, domain="live", world="alpha").verdict == "PASS"
        assert len(heard.of("seamless.world.as_of_advanced")) == 1, "told when it moves, and only then"
        seen_ms = first.provenance.as_of_ms + 5_000  # as if this world had read a newer version in another store
        lab.wiring.ledger.advance("alpha", NODE, seen_ms)
        held = lab.fetch(NODE, START, MINUTE, domain="live", world="alpha")
        assert held.verdict == "HOLD"
        assert [reason.code for reason in held.reasons] == ["as_of_regressed"]
        assert heard.of("seamless.domain.hold")[0].fields["reasons"] == "as_of_regressed"
        assert lab.fetch(NODE, START, MINUTE, domain="live", world="beta").verdict == "PASS"
        assert lab.wiring.ledger.floor("alpha", NODE) == seen_ms


async def _first_of_the_tail(lab, source, clock):
    header = lab.door.series(NODE)
    feed = PollingFeed(source, clock, sleep=clock.sleep)
    tail = LiveTail(lab.wiring.source_side, feed, lab.wiring.settings.conformance.policy)
    async with aclosing(tail.follow(header, MINUTE)) as bars:
        return await anext(bars)


def test_a_bar_of_the_tail_whose_answer_was_slow_is_asked_again_before_it_is_sealed(tmp_path) -> None:
    class Slow(ScriptedSource):
        async def fetch(self, node, grid, window):
            fetched = await super().fetch(node, grid, window)
            clock.advance(600)  # another page waits for its turn
            return replace(fetched, server_time_ms=clock.now_ms())

    clock = ManualClock(MINUTE * 1000 + 300)
    slow, swift = Slow(clock, lambda frame: frame.with_columns(pl.col("high") + 1)), ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, swift) as lab:
        early = asyncio.run(_first_of_the_tail(lab, slow, clock))
        final = lab.fetch(NODE, MINUTE, MINUTE + 60)
        assert [(window.start, window.end) for window in swift.asked] == [(MINUTE, MINUTE + 60)]
        assert final.bars.frame["high"][0] == early.frame["high"][0] - 1
