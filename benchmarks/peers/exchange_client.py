"""ccxt's own way to a year of bars: fetch_ohlcv, page by page, into one frame."""

from __future__ import annotations

import asyncio
import json

import ccxt.async_support as ccxt
import pandas as pd

_PAGE = 1_000


def backfill(urls: str, symbol: str, start: int, end: int, concurrency: int) -> int:
    return asyncio.run(_backfill(json.loads(urls), symbol, start, end, concurrency))


async def _backfill(urls: dict, symbol: str, start: int, end: int, concurrency: int) -> int:
    exchange = ccxt.binance({"urls": urls, "enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}}})
    exchange.timeout_on_exit = 0
    try:
        await exchange.load_markets()
        pages: dict[int, list] = {}
        queue = iter(range(start, end, _PAGE * 60))

        async def work() -> None:
            for since in queue:
                until = min(since + _PAGE * 60, end)
                params = {"until": until * 1_000 - 1}
                pages[since] = await exchange.fetch_ohlcv(symbol, "1m", since * 1_000, _PAGE, params)

        await asyncio.gather(*(work() for _ in range(concurrency)))
    finally:
        await exchange.close()
    rows = [row for since in sorted(pages) for row in pages[since]]
    return len(pd.DataFrame(rows, columns=["ts", "open", "high", "low", "close", "volume"]))
