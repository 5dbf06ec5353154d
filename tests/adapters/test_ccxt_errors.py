"""Answers of every kind from a server that says what it is told to: all are classified, none is an empty success."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from seamless_lab.adapters.clock_system import FixedClock
from seamless_lab.adapters.fetcher_ccxt import CcxtFetcher, CcxtSettings
from seamless_lab.core.conformance import examine
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import SourceRejected, SourceUnavailable, UnknownMarket
from tests.adapters.exchanges import OpenGate, Pauses

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
START = 1_714_521_600
WINDOW = TimeRange(START, START + 600)
SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "isSpotTradingAllowed": True,
    "permissions": ["SPOT"],
    "filters": [],
}


def kline(ts: int, price: object = "1.5") -> list[object]:
    return [ts * 1000, price, "2", "1", "1.5", "10", ts * 1000 + 59_999, "15", 3, "5", "7", "0"]


@dataclass
class Scripted:
    """Answers `klines` with `replies` in turn, the last one for ever."""

    url: str = ""
    replies: list[web.Response] = field(default_factory=list)
    asked: int = 0

    async def klines(self, request: web.Request) -> web.Response:
        reply = self.replies[min(self.asked, len(self.replies) - 1)]
        self.asked += 1
        return web.Response(
            status=reply.status, body=reply.body, content_type=reply.content_type, headers=self._extra(reply)
        )

    @staticmethod
    def _extra(reply: web.Response) -> dict[str, str]:
        return {name: value for name, value in reply.headers.items() if name == "Retry-After"}


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()

    async def info(request: web.Request) -> web.Response:
        return web.json_response({"symbols": [SYMBOL]})

    async def now(request: web.Request) -> web.Response:
        return web.json_response({"serverTime": (START + 86_400) * 1000})

    app = web.Application()
    app.router.add_get("/api/v3/exchangeInfo", info)
    app.router.add_get("/api/v3/time", now)
    app.router.add_get("/api/v3/klines", scripted.klines)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3"
    yield scripted
    await runner.cleanup()


@pytest.fixture
async def fetcher(server: Scripted) -> AsyncIterator[CcxtFetcher]:
    settings = CcxtSettings(options={"urls": {"api": {"public": server.url}}}, max_attempts=3)
    made = CcxtFetcher(OpenGate(), FixedClock((START + 86_400) * 1000), {"binance": settings}, sleep=Pauses())
    yield made
    await made.close()


def json(text: str, status: int = 200, **headers: str) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def html(status: int, **headers: str) -> web.Response:
    return web.Response(text="<html>blocked</html>", status=status, content_type="text/html", headers=headers)


@pytest.mark.parametrize(
    "reply, said",
    [
        (html(200), "a web page instead of data"),
        (html(500), "HTTP 500"),
        (html(403), "HTTP 403"),
        (json("", 200), "an empty body"),
        (json("null", 200), "no JSON"),
        (json('[[1714521600000,"1.5"', 200), "broken JSON"),
        (json('{"rows": []}', 200), "gave no usable answer: the answer has no list of bars"),
        (json("[7]", 200), "gave no usable answer: the answer has no list of bars"),
        (json('{"code":-1000,"msg":"An unknown error"}', 503), "HTTP 503"),
        (json('{"code":-1000,"msg":"An unknown error"}', 400), "HTTP 400"),
        (web.Response(text="no time", status=504), "HTTP 504"),
    ],
)
async def test_what_may_pass_is_tried_again_and_then_unavailable(
    server: Scripted, fetcher: CcxtFetcher, reply: web.Response, said: str
) -> None:
    server.replies = [reply]
    with pytest.raises(SourceUnavailable, match=said):
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert server.asked == 3


@pytest.mark.parametrize(
    "reply, kind, said",
    [
        (html(451), SourceRejected, "does not serve this region"),
        (json('{"code":0,"msg":"Service unavailable from a restricted location"}', 451), SourceRejected, "region"),
        (json('{"code":-1121,"msg":"Invalid symbol."}', 400), UnknownMarket, "does not know the symbol"),
        (json('{"code":-1100,"msg":"Illegal characters"}', 400), SourceRejected, "refused"),
        (html(404), SourceRejected, "HTTP 404"),
        (html(401), SourceRejected, "HTTP 401"),
    ],
)
async def test_what_cannot_pass_is_refused_at_once(
    server: Scripted, fetcher: CcxtFetcher, reply: web.Response, kind: type[SourceRejected], said: str
) -> None:
    server.replies = [reply]
    with pytest.raises(kind, match=said):
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert server.asked == 1


@pytest.mark.parametrize("status", [429, 418, 403, 503])
async def test_a_wish_for_a_pause_is_carried_whatever_the_status(
    server: Scripted, fetcher: CcxtFetcher, status: int
) -> None:
    server.replies = [html(status, **{"Retry-After": "42"})]
    with pytest.raises(SourceUnavailable, match="asks for fewer requests") as caught:
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert caught.value.retry_after_s == 42.0
    assert "wait 42 s" in caught.value.hint


@pytest.mark.parametrize("body", ["[]", "{}"])
async def test_an_empty_answer_answers_nothing(server: Scripted, fetcher: CcxtFetcher, body: str) -> None:
    server.replies = [json(body)]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert not len(fetched.answered)


async def test_a_price_that_is_text_reaches_conformance_as_text(server: Scripted, fetcher: CcxtFetcher) -> None:
    rows = [kline(START + 60 * k, "n/a" if k == 4 else "1.5") for k in range(10)]
    server.replies = [web.json_response(rows)]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.rows.frame["open"].to_list() == ["1.5"] * 4 + ["n/a"] + ["1.5"] * 5
    assert fetched.answered.covers(WINDOW)


async def test_bars_that_all_lie_off_the_grid_are_refused_with_the_anchor(
    server: Scripted, fetcher: CcxtFetcher
) -> None:
    server.replies = [web.json_response([kline(START + 60 * k + 7) for k in range(10)])]
    with pytest.raises(SourceRejected, match="open 7 s off"):
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)


async def test_times_outside_the_window_declare_no_anchor(server: Scripted, fetcher: CcxtFetcher) -> None:
    server.replies = [web.json_response([[START + 7, *kline(0)[1:]]])]  # seconds where milliseconds belong
    with pytest.raises(SourceRejected, match="but such as at 1970-01-20") as caught:
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert "anchors" not in caught.value.hint


MOVED = {
    "one ms late": lambda ms: ms + 1,
    "half a ms late": lambda ms: ms + 0.5,
    "one ms early": lambda ms: ms - 1,
    "half a bar late": lambda ms: ms + 30_000,
    "no time": lambda ms: None,
    "no number": lambda ms: "soon",
    "a fraction as text": lambda ms: f"{ms}.5",
    "the smallest integer": lambda ms: -(2**63),
    "too large an integer": lambda ms: 2**63,
    "far beyond the calendar": lambda ms: 60_000 * 10**13,
    "a float that no integer holds": lambda ms: 1e300,
    "a float just too large": lambda ms: 2e19,
    "nothing": lambda ms: 0,
    "nothing as text": lambda ms: "0",
    "in seconds": lambda ms: ms // 1000,
    "a day early": lambda ms: ms - 86_400_000,
    "a day late": lambda ms: ms + 86_400_000,
    "a year early": lambda ms: ms - 366 * 86_400_000,
}


@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("moved", MOVED)
async def test_a_row_with_a_strange_time_makes_no_slot_quiet(
    server: Scripted, fetcher: CcxtFetcher, moved: str, place: int
) -> None:
    rows = [kline(START + 60 * k) for k in range(12)]
    rows[place][0] = MOVED[moved](rows[place][0])
    server.replies = [web.json_response(rows)]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    its_own = Ranges.single(TimeRange(START + 60 * place, START + 60 * place + 60))
    assert fetched.answered == Ranges.single(WINDOW) - its_own
    found = examine(fetched.rows, Header(NODE, grid_of("binance", "1m")), WINDOW, answered=fetched.answered)
    assert len(found.bars) == 9
    told = sum(map(found.report.count, ("off_grid", "invalid_timestamp", "out_of_window")))
    outside = "a day" in moved or "a year" in moved or (place == 0 and "early" in moved)
    assert told == (0 if outside else 1)
    assert server.asked <= 3


async def test_a_page_of_nothing_but_strange_times_ends(server: Scripted, fetcher: CcxtFetcher) -> None:
    rows = [kline(START + 60 * k) for k in range(10)]
    for place, row in enumerate(rows):
        row[0] += place % 2  # type: ignore[operator]  # it is a number
    server.replies = [web.json_response(rows)]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.answered.pairs() == [[START + 120 * k, START + 120 * k + 60] for k in range(5)]
    assert server.asked <= 3


@pytest.mark.parametrize("beyond_s", [600, 10 * 86_400])
async def test_a_row_that_was_not_asked_for_is_no_witness(
    server: Scripted, fetcher: CcxtFetcher, beyond_s: int
) -> None:
    half = [kline(START + 60 * k) for k in range(5)]
    server.replies = [web.json_response([*half, kline(START + beyond_s)]), web.json_response(half)]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.answered.pairs() == [[START, START + 300]]


async def test_a_lone_row_of_1970_proves_nothing_empty(server: Scripted, fetcher: CcxtFetcher) -> None:
    server.replies = [web.json_response([[0, *kline(0)[1:]]])]
    with pytest.raises(SourceRejected, match="but such as at 1970-01-01"):
        await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)


async def test_a_latest_row_of_1970_proves_nothing_empty(server: Scripted, fetcher: CcxtFetcher) -> None:
    half = [kline(START + 60 * k) for k in range(5)]
    server.replies = [web.json_response(half), json("[]"), json("[]"), web.json_response([[0, *kline(0)[1:]]])]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.answered.pairs() == [[START, START + 300]]


async def test_one_row_off_the_grid_is_left_to_conformance(server: Scripted, fetcher: CcxtFetcher) -> None:
    rows = [kline(START + 60 * k) for k in range(10)]
    server.replies = [web.json_response([*rows[:5], kline(START + 271), *rows[5:]])]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.rows.frame["ts"].to_list()[5] == (START + 271) * 1000
    assert fetched.answered.covers(WINDOW)


async def test_rows_outside_the_window_are_dropped(server: Scripted, fetcher: CcxtFetcher) -> None:
    server.replies = [web.json_response([kline(START + 60 * k) for k in range(-3, 13)])]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.rows.frame["ts"].to_list() == [(START + 60 * k) * 1000 for k in range(10)]


async def test_the_same_page_for_ever_ends(server: Scripted, fetcher: CcxtFetcher) -> None:
    server.replies = [web.json_response([kline(START + 60 * k) for k in range(3)])]
    fetched = await fetcher.fetch(NODE, grid_of("binance", "1m"), WINDOW)
    assert fetched.answered.covers(TimeRange(START, START + 180))
    assert server.asked < 10
