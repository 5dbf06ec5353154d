"""Following a series as its bars close."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from seamless_lab.errors import Interrupted, UnknownMarket
from seamless_lab.sandbox import SandboxConfig, SandboxExchange, Stretch
from tests.labs import NODE, NOW_MS, NOW_S, open_lab

TEN_MINUTES_AGO = NOW_S - 30 - 600


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


def test_live_gives_closed_bars_only_and_keeps_them_unsealed(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab:
        with closing(lab.live(NODE, start=TEN_MINUTES_AGO, limit=10)) as bars:
            frame = next(bars)
        expected = exchange.bars("binance", "BTC/USDT", "1m", Stretch(TEN_MINUTES_AGO, NOW_S - 30))
        assert frame.drop("time").equals(expected)
        assert frame.height == 10
        assert frame.columns[:2] == ["ts", "time"]
        assert lab.artifacts().frame.is_empty()


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_live_gives_no_more_bars_than_asked_for_while_it_catches_up(tmp_path, exchange, limit):
    with open_lab(tmp_path, exchange.url) as lab:
        times = [ts for frame in lab.live(NODE, start=TEN_MINUTES_AGO, limit=limit) for ts in frame["ts"]]
    assert times == [TEN_MINUTES_AGO + 60 * slot for slot in range(limit)]


async def test_live_for_async_code_ends_at_its_limit(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab:
        frames = [frame async for frame in lab.alive(NODE, start=TEN_MINUTES_AGO, limit=5)]
    assert [frame["ts"].to_list() for frame in frames] == [[TEN_MINUTES_AGO + 60 * slot for slot in range(5)]]


def test_an_unknown_market_is_refused_at_once(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab, pytest.raises(UnknownMarket):
        next(lab.live("ohlcv:binance:BCT/USDT:1m"))


def test_closing_the_lab_ends_what_is_followed(tmp_path, exchange):
    with open_lab(tmp_path, exchange.url) as lab:
        bars = lab.live(NODE, start=TEN_MINUTES_AGO)
        next(bars)
        lab.close()
        with pytest.raises(Interrupted):
            next(bars)
        left = lab.live(NODE, start=TEN_MINUTES_AGO)
        next(left)
        lab.close()
        left.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "seamless-engine"]
        assert lab.fetch(NODE, TEN_MINUTES_AGO, TEN_MINUTES_AGO + 60).rows == 1
