"""The cache of sealed reads: it tells what it does, and is never stale."""

from __future__ import annotations

import pytest

from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.engine.sources import Heard
from tests.labs import NODE, NOW_MS, open_lab
from tests.processes import forkserver

START, DAY = 1_704_067_200, 86_400


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


def cache_events(heard: Heard) -> list[str]:
    found = [event.name.removeprefix("seamless.cache.") for event in heard.events if ".cache." in event.name]
    heard.events.clear()
    return found


def test_hits_misses_and_purges_are_told(tmp_path, exchange) -> None:
    heard = Heard()
    with open_lab(tmp_path, exchange.url) as lab:
        lab.add_sink(heard)
        first = lab.fetch(NODE, START, START + DAY)
        assert cache_events(heard) == ["miss"]
        again = lab.fetch(NODE, START, START + DAY)
        assert cache_events(heard) == ["hit"]
        assert again.provenance.sources == ("cache",)
        assert again.bars.frame.equals(first.bars.frame)
        lab.fetch(NODE, START, START + DAY // 2)
        assert cache_events(heard) == ["miss"], "another window is another read"
        lab.fetch(NODE, START, START + DAY, domain="live")
        assert cache_events(heard) == ["purge", "miss"], "a world that moves to another domain starts afresh"
        lab.wiring.read_cache.clear()
        assert cache_events(heard) == ["purge"]
        lab.fetch(NODE, START, START + DAY, domain="live")
        assert cache_events(heard) == ["miss"]
        lab.fetch(NODE, START, START + DAY, world="other")
        assert cache_events(heard) == ["miss"]
        lab.fetch(NODE, START, START + DAY, domain="live")
        assert cache_events(heard) == ["hit"], "another world's domain does not matter"


@pytest.mark.parametrize("settings", [{"cache__enable": False}, {"cache__max_shards": 1}])
def test_the_cache_can_be_off_and_is_bounded(tmp_path, exchange, settings) -> None:
    heard = Heard()
    with open_lab(tmp_path, exchange.url, **settings) as lab:
        lab.add_sink(heard)
        for window in ((0, 1), (1, 2), (0, 1)):
            lab.fetch(NODE, START + window[0] * DAY, START + window[1] * DAY)
        assert "hit" not in cache_events(heard)


def backfill_elsewhere(home: str, url: str) -> None:
    with open_lab(home, url) as lab:
        lab.backfill(NODE, START, START + 2 * DAY)


def test_a_commit_of_another_process_is_seen_by_the_next_fetch(tmp_path, exchange) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        first = lab.fetch(NODE, START, START + DAY)
        other = forkserver().Process(target=backfill_elsewhere, args=(str(tmp_path), exchange.url))
        other.start()
        other.join(60)
        assert other.exitcode == 0
        exchange.clear_log()
        seen = lab.fetch(NODE, START, START + 2 * DAY)
        assert seen.provenance.seq == first.provenance.seq + 1
        assert (seen.rows, seen.verdict) == (2 * 1440, "PASS")
        assert lab.fetch(NODE, START, START + DAY).fingerprint == seen.fingerprint
        assert not [one for one in exchange.log() if one.route == "klines"]
