"""Asking again for what is known: what changes becomes a version, what does not leaves the old one."""

from __future__ import annotations

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.sandbox.market import Restatement, Stretch
from tests.engine.backfill.market import DAY, DOWN, START, asked
from tests.labs import NODE, NOW_MS, open_lab
from tests.oracle import check_honest


def test_refreshing_what_has_not_changed_leaves_the_same_version(lab, exchange) -> None:
    first = lab.backfill(NODE, START, START + DAY)
    again = lab.backfill(NODE, START, START + DAY, refresh=True)
    assert again.requests > 0
    assert (again.version.tree.fingerprint, again.version.commit.as_of_ms) == (
        first.version.tree.fingerprint,
        first.version.commit.as_of_ms,
    )
    assert len(again.restated) == 0
    assert lab.artifacts(NODE).frame.height == 1


@pytest.mark.parametrize("kind", ["values", "late", "withdrawn"])
def test_restated_bars_become_a_new_version_that_says_where(tmp_path, exchange, kind) -> None:
    node, clock = "ohlcv:binance:ETH/USDT:1m", ManualClock(NOW_MS)
    first = START + 5 * DAY + 3_600 * ["values", "late", "withdrawn"].index(kind)
    span = Stretch(first, first + 600)
    exchange.restate(Restatement("ETH/USDT", span, NOW_MS + 1_000, kind))
    with open_lab(tmp_path, exchange.url, now=False) as lab:
        lab.wiring.clock = clock
        before = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        clock.advance(60)
        exchange.freeze(NOW_MS + 60_000)
        exchange.clear_log()
        unasked = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        assert unasked.content == before.content
        assert asked(exchange) == [], "what is answered is not asked again by itself"
        done = lab.backfill(node, START + 5 * DAY, START + 6 * DAY, refresh=True)
        after = lab.fetch(node, START + 5 * DAY, START + 6 * DAY)
        check_honest(exchange, after)
        assert after.content != before.content
        assert done.version.commit.seq == 2
        assert [[span.start, span.end]] == [pair for pair in done.restated.pairs() if pair[0] == first]
        pinned = lab.fetch(before.ref, START + 5 * DAY, START + 6 * DAY, domain="research")
        assert pinned.content == before.content, "the old version is as it was"


def test_a_refresh_that_got_no_answer_does_not_end_well(lab, exchange) -> None:
    lab.backfill(NODE, START, START + DAY)
    exchange.set_faults(DOWN)
    failed = lab.backfill(NODE, START, START + DAY, refresh=True)
    assert failed.coverage.complete
    assert failed.errors
    assert failed.exit_code == 1
    assert lab.fetch(NODE, START, START + DAY).verdict == "PASS", "what was known is known"


def test_quiet_slots_are_not_asked_again_by_themselves(lab, exchange) -> None:
    node = "ohlcv:binance:LTC/USDT:1m"
    first = lab.fetch(node, START, START + DAY)
    assert first.coverage.slots(Cause.QUIET) > 10
    exchange.clear_log()
    assert lab.fetch(node, START, START + DAY).content == first.content
    assert lab.backfill(node, START, START + DAY).requests == 0
    assert asked(exchange) == []
