"""What a client keeps of an answer, besides its columns."""

from __future__ import annotations

import weakref
from contextvars import Context, copy_context
from typing import Any

import pytest

from seamless_lab.adapters.ccxt_client import CcxtClient, _guarded, open_client
from seamless_lab.adapters.ccxt_paging import Ask, Purpose
from seamless_lab.errors import ConfigError


class Row(list[object]):
    """A row that tells when it is gone."""


class Exchange:
    """As ccxt's: while it asks, timers are set, and each keeps the context it was set in."""

    id = "x"

    def __init__(self) -> None:
        self.timers: list[Context] = []
        self.seen: list[weakref.ref[Row]] = []

    async def fetch_ohlcv(self: Any, *_: object) -> object:
        self.timers.append(copy_context())
        rows = [Row([1_735_689_600_000 + 60_000 * place, 1.5, 2.5, 0.5, 1.0, 7.0]) for place in range(3)]
        self.seen += map(weakref.ref, rows)
        return self.parse_ohlcvs(rows)

    def market(self, symbol: str) -> dict[str, object]:
        return {}

    def parse_ohlcv(self, row: list[Any], market: object) -> list[float]:
        return [int(float(row[0])), *(float(value) for value in row[1:6])]


async def test_the_rows_of_an_answer_are_gone_once_they_are_columns() -> None:
    exchange = _guarded(Exchange)()
    answer = await CcxtClient(exchange).page("BTC/USDT", "1m", Ask(Purpose.PAGE, 60, 0, None, 3))
    assert answer.frame.height == 3
    assert len(exchange.timers) == 1
    assert [row() for row in exchange.seen] == [None] * 3, "hundreds of pages would be searched for garbage"


@pytest.mark.parametrize("name", ["sandbox", "ccxt.sandbox", "ccxt.testnet"])
async def test_an_exchange_without_a_test_network_is_refused_by_the_name_of_the_setting(name: str) -> None:
    options = {name.removeprefix("ccxt."): True} if "." in name else {}
    with pytest.raises(ConfigError, match=rf"^exchanges\.coinbase\.{name} is true; ccxt knows no test network"):
        await open_client("coinbase", "", options, 1_000, test_network=not options)


@pytest.mark.parametrize("name", ["has", "options"])
async def test_options_that_ccxt_falls_over_are_refused_by_their_names(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"exchanges\.kraken\.ccxt, which has {name}\."):
        await open_client("kraken", "", {name: 5}, 1_000)


@pytest.mark.parametrize("exchange", ["binance", "bitget"])  # bitget has one without URLs of its own
async def test_an_exchange_with_a_test_network_opens(exchange: str) -> None:
    await (await open_client(exchange, "", {}, 1_000, test_network=True)).close()
