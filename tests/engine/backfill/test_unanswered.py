"""What cannot be had, and what is filled behind a partial answer."""

from __future__ import annotations

import pytest

import seamless_lab.engine.fetch as fetching
from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.time import format_time
from seamless_lab.errors import (
    GapsRefused,
    SourceRejected,
    SourceUnavailable,
    UnknownMarket,
)
from seamless_lab.sandbox import FaultPlan
from tests.engine.backfill.market import DAY, DEAD, DOWN, LISTED_S, START, asked
from tests.engine.sources import Heard, ScriptedSource, scripted_lab
from tests.labs import NODE, NOW_MS, NOW_S, open_lab
from tests.oracle import check_honest


def test_before_the_listing_is_quiet_with_evidence(lab, exchange) -> None:
    node, listed = "ohlcv:binance:ADA/USDT:1m", LISTED_S // 60 * 60
    result = lab.fetch(node, listed - DAY // 2, listed + DAY // 2)
    check_honest(exchange, result)
    assert result.verdict == "PASS"
    assert result.answer.before_listing.pairs() == [[listed - DAY // 2, listed]]
    gaps = lab.gaps(node, listed - DAY // 2, listed + DAY // 2).frame
    assert gaps["error"][0] == "before the market was listed"
    assert gaps["cause"][0] == "quiet"


def test_history_that_kraken_no_longer_serves_is_refused_and_nothing_is_quiet(lab, exchange) -> None:
    node = "ohlcv:kraken:BTC/USD:1m"
    with pytest.raises(SourceRejected, match="latest 720 bars"):
        lab.fetch(node, "2020-01-01", "2020-01-02")
    with pytest.raises(SourceRejected):
        lab.backfill(node, "2020-01-01", "2020-01-02")
    coverage = lab.coverage(node, "2020-01-01", "2020-01-02").coverage
    assert (coverage.slots(Cause.FAILED), coverage.slots(Cause.QUIET)) == (1440, 0)
    minute = NOW_S // 60 * 60
    mixed = lab.fetch(node, minute - DAY, minute)
    check_honest(exchange, mixed)
    assert mixed.coverage.slots(Cause.PRESENT) > 600
    assert mixed.coverage.slots(Cause.QUIET) + mixed.coverage.slots(Cause.MISSING) < 60


@pytest.mark.parametrize("strategy", ["SEAMLESS", "AUTO_BACKFILL"])
def test_an_unknown_symbol_is_refused_at_once_with_near_matches(lab, exchange, strategy) -> None:
    with pytest.raises(UnknownMarket, match="BTC/USTD") as refused:
        lab.fetch("ohlcv:binance:BTC/USTD:1m", START, START + DAY, strategy=strategy)
    assert "BTC/USDT" in refused.value.hint
    assert asked(exchange) == []
    for call in (lab.plan, lab.backfill):
        with pytest.raises(UnknownMarket):
            call("ohlcv:binance:BTC/USTD:1m", START, START + DAY)
    with pytest.raises(UnknownMarket, match="binanse") as refused:
        lab.fetch("ohlcv:binanse:BTC/USDT:1m", START, START + DAY)
    assert "binance" in refused.value.hint


def test_an_exchange_that_is_down_is_asked_for_a_few_blocks_only(lab, exchange) -> None:
    exchange.set_faults(DOWN)
    with pytest.raises(SourceUnavailable):
        lab.fetch(NODE, START, START + 200 * DAY)
    assert len(set(asked(exchange))) <= 3 + 8
    coverage = lab.coverage(NODE, START, START + 200 * DAY).coverage
    assert coverage.slots(Cause.QUIET) == coverage.slots(Cause.PRESENT) == 0
    assert 0 < coverage.slots(Cause.FAILED) <= 11 * 900
    assert coverage.slots(Cause.FAILED) + coverage.slots(Cause.MISSING) == 200 * 1440
    gaps = lab.gaps(NODE, START, START + 200 * DAY).frame
    assert all(gaps.filter(gaps["cause"] == "failed")["error"])


def test_fail_fast_names_the_whole_first_stretch_without_bars(lab, exchange) -> None:
    exchange.set_faults(DOWN)
    with pytest.raises(SourceUnavailable):
        lab.fetch(NODE, START, START + DAY)
    with pytest.raises(GapsRefused, match=r"1 gap \(4,320 bars\).*, failed and missing\.") as refused:
        lab.fetch(NODE, START, START + 3 * DAY, strategy="FAIL_FAST")
    first = (format_time(START), format_time(START + 3 * DAY))
    assert (refused.value.facts["first_start"], refused.value.facts["first_end"]) == first
    assert refused.value.hint.endswith(f"--start {first[0]} --end {first[1]}")


def test_what_is_known_is_delivered_when_not_even_the_markets_can_be_loaded(tmp_path, exchange) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        lab.fetch(NODE, START, START + DAY)
    exchange.set_faults(DEAD)
    with open_lab(tmp_path, exchange.url) as lab:
        answer = lab.fetch(NODE, START, START + 2 * DAY)
        assert (answer.verdict, answer.rows) == ("PARTIAL", 1440)
        assert answer.coverage.failed.pairs() == [[START + DAY, START + 2 * DAY]]
        assert lab.gaps(NODE, START, START + 2 * DAY).frame["error"].str.contains("E-SOURCE-DOWN").all()
        with pytest.raises(SourceUnavailable):
            lab.fetch("ohlcv:binance:ETH/USDT:1m", START, START + DAY)


def test_a_partial_answer_is_filled_behind(lab, exchange) -> None:
    exchange.set_faults(FaultPlan(latency_ms=50, routes=frozenset({"klines"})))
    heard = Heard()
    lab.add_sink(heard)
    first = lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
    assert (first.verdict, first.rows, first.exit_code) == ("PARTIAL", 0, 0)
    assert "seamless.artifact.published" not in heard.names()
    lab.wait()
    assert "seamless.artifact.published" in heard.names()
    exchange.clear_log()
    assert lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL").verdict == "PASS"
    lab.wait()
    assert asked(exchange) == []


def test_a_partial_answer_promises_no_fill_that_the_source_refuses(lab, exchange) -> None:
    for node in ("ohlcv:binance:BTX/USDT:1m", "ohlcv:nowhere:BTC/USDT:1m"):
        with pytest.raises(UnknownMarket):
            lab.fetch(node, START, START + DAY, strategy="PARTIAL_FILL")


def test_a_partial_answer_does_not_wait_for_a_source_that_hangs(tmp_path, exchange, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "REFUSED_WITHIN_S", 0.05)
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}, max_consecutive=None))
    with open_lab(tmp_path, exchange.url) as lab:
        assert lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL").verdict == "PARTIAL"


def test_closing_cancels_what_was_left_behind(tmp_path, exchange) -> None:
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}, routes=frozenset({"klines"}), max_consecutive=None))
    with open_lab(tmp_path, exchange.url) as lab:
        lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
    with open_lab(tmp_path, exchange.url) as lab:
        assert lab.coverage(NODE, START, START + DAY).coverage.slots(Cause.MISSING) == 1440


def test_a_fill_behind_that_fails_says_so(tmp_path) -> None:
    clock, heard = ManualClock(NOW_MS), Heard()
    source = ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.add_sink(heard)
        source.error = RuntimeError("a bug in the adapter")
        assert lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL").verdict == "PARTIAL"
        lab.wait()
        assert heard.of("seamless.backfill.behind_failed")[0].fields["error"] == "a bug in the adapter"
        source.error = SourceUnavailable("down")
        lab.fetch(NODE, START, START + DAY, strategy="PARTIAL_FILL")
        lab.wait()
        assert heard.of("seamless.backfill.fail")[0].fields["message"] == "down"
