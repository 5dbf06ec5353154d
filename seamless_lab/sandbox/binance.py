"""Binance's public spot REST (api/v3) over the sandbox market.

Notes
-----
Shapes, weights, limits and error codes follow Binance's `rest-api.md` and `errors.md` ("Public Rest API for Binance").
Differences: a minute without trades has no kline at all, trade ids have holes, the intervals 1s, 3d and 1M are absent.
The futures' exchangeInfo exist and list nothing, so that a client which loads every market type by default can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import orjson

from seamless_lab.sandbox.bars import TIMEFRAME_S, BarColumns, slot_ceil
from seamless_lab.sandbox.family import Page, Refused, Reply, Request, Route, document
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.market import Market, Stretch
from seamless_lab.sandbox.rows import Either, Fixed, Whole, fixed_text, rendered
from seamless_lab.sandbox.tape import latest_trades, trades_between, trades_from_id
from seamless_lab.sandbox.trades import TradeColumns, single_trades

DEFAULT_LIMIT, MAX_LIMIT = 500, 1000
_NUMBER = re.compile(r"[0-9]{1,20}")


class Binance:
    """Binance's dialect."""

    name = "binance"

    def __init__(self, market: Market, instruments: Mapping[str, Instrument], weight_limit: int) -> None:
        self._market = market
        self._by_symbol = {f"{one.base}{one.quote}": one for one in instruments.values()}
        self._weight_limit = weight_limit
        self.routes: tuple[Route, ...] = (
            Route("ping", "/api/v3/ping", lambda request: document({})),
            Route("time", "/api/v3/time", lambda request: document({"serverTime": request.now_ms})),
            Route("exchangeInfo", "/api/v3/exchangeInfo", self._exchange_info, lambda query: 20),
            Route("klines", "/api/v3/klines", self._klines, lambda query: 2),
            Route("aggTrades", "/api/v3/aggTrades", self._agg_trades, lambda query: 4),
            Route("trades", "/api/v3/trades", self._trades, lambda query: 25),
            Route("historicalTrades", "/api/v3/historicalTrades", self._trades, lambda query: 25),
            Route(
                "tickerPrice", "/api/v3/ticker/price", self._ticker_price, lambda query: 2 if "symbol" in query else 4
            ),
            Route("fapiExchangeInfo", "/fapi/v1/exchangeInfo", self._no_futures),
            Route("dapiExchangeInfo", "/dapi/v1/exchangeInfo", self._no_futures),
        )

    # ------------------------------------------------------------------------------------------------ what goes wrong

    def not_found(self) -> Reply:
        """Unknown path."""
        return Reply(404, b"<html><body><h2>404 Not found</h2></body></html>", "text/html")

    def rate_limited(self, retry_after_s: int) -> Reply:
        """Code -1003 with Retry-After."""
        message = (
            f"Too much request weight used; current limit is {self._weight_limit} request weight per 1 MINUTE."
            " Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return _error(429, -1003, message, {"Retry-After": str(retry_after_s)})

    def banned(self, retry_after_s: int) -> Reply:
        """Code -1003 with status 418 and Retry-After."""
        message = (
            "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates to avoid bans."
        )
        return _error(418, -1003, message, {"Retry-After": str(retry_after_s)})

    def unavailable(self) -> Reply:
        """Code -1000 with status 503."""
        return _error(503, -1000, "An unknown error occurred while processing the request.")

    def usage_headers(self, used_weight: int) -> Mapping[str, str]:
        """The used weight of the current minute."""
        return {"X-MBX-USED-WEIGHT": str(used_weight), "X-MBX-USED-WEIGHT-1M": str(used_weight)}

    # ------------------------------------------------------------------------------------------------------ endpoints

    def _exchange_info(self, request: Request) -> Reply:
        if "symbol" in request.query:
            chosen = [request.query["symbol"]]
        elif "symbols" in request.query:
            chosen = _symbol_list(request.query["symbols"])
        else:
            chosen = self._listed(request.now_ms)
        head = {
            "timezone": "UTC",
            "serverTime": request.now_ms,
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self._weight_limit}
            ],
            "exchangeFilters": [],
        }
        symbols = b",".join(_symbol_info(self._instrument(symbol, request.now_ms)) for symbol in chosen)
        return Reply(200, orjson.dumps(head)[:-1] + b',"symbols":[' + symbols + b"]}")

    def _no_futures(self, request: Request) -> Reply:
        return document({"timezone": "UTC", "serverTime": request.now_ms, "rateLimits": [], "symbols": []})

    def _klines(self, request: Request) -> Page:
        instrument = self._instrument(_mandatory(request.query, "symbol"), request.now_ms)
        interval = _mandatory(request.query, "interval")
        if interval not in TIMEFRAME_S:
            raise Refused(_error(400, -1120, "Invalid interval."))
        step_s, now_ms = TIMEFRAME_S[interval], request.now_ms
        limit = _limit(request.query)
        start_ms, end_ms = _optional(request.query, "startTime"), _optional(request.query, "endTime")
        end = slot_ceil((now_ms if end_ms is None else min(end_ms, now_ms)) // 1000 + 1, step_s)
        if start_ms is None:
            bars = self._market.last_bars(instrument, step_s, end, limit, now_ms)
            start = int(bars.ts[0]) if len(bars) == limit else 0
        else:
            start = slot_ceil(-(-start_ms // 1000), step_s)
            end = max(start, end)
            bars = self._market.first_bars(instrument, step_s, Stretch(start, end), limit, now_ms)
            end = int(bars.ts[-1]) + step_s if len(bars) == limit else end
        lines = _kline_lines(bars, step_s, instrument)
        return Page(lines, bars.ts, start, end, is_final=end * 1000 <= now_ms)

    def _agg_trades(self, request: Request) -> Page:
        instrument = self._instrument(_mandatory(request.query, "symbol"), request.now_ms)
        now_ms, limit = request.now_ms, _limit(request.query)
        first_id = _optional(request.query, "fromId")
        start_ms, end_ms = _optional(request.query, "startTime"), _optional(request.query, "endTime")
        if first_id is not None:
            found = trades_from_id(self._market, instrument, first_id, limit, now_ms)
        elif start_ms is None and end_ms is None:
            found = latest_trades(self._market, instrument, limit, now_ms)
        else:
            until_ms = now_ms if end_ms is None else min(end_ms, now_ms)
            found = trades_between(self._market, instrument, start_ms or 0, until_ms + 1, limit, now_ms)
        return _trade_page(_aggregate_lines(found, instrument), found)

    def _trades(self, request: Request) -> Page:
        instrument = self._instrument(_mandatory(request.query, "symbol"), request.now_ms)
        now_ms, limit = request.now_ms, _limit(request.query)
        first_id = _optional(request.query, "fromId")
        if first_id is None:
            found = single_trades(latest_trades(self._market, instrument, limit, now_ms)).take(slice(-limit, None))
        else:
            found = single_trades(trades_from_id(self._market, instrument, first_id // 8, limit + 1, now_ms))
            found = found.take(found.id >= first_id).take(slice(limit))
        return _trade_page(_single_lines(found, instrument), found)

    def _ticker_price(self, request: Request) -> Reply:
        if "symbol" in request.query:
            return document(self._price(request.query["symbol"], request.now_ms))
        text = request.query.get("symbols")
        chosen = self._listed(request.now_ms) if text is None else _symbol_list(text)
        return document([self._price(symbol, request.now_ms) for symbol in chosen])

    def _listed(self, now_ms: int) -> list[str]:
        return [symbol for symbol, one in self._by_symbol.items() if one.listed_s * 1000 <= now_ms]

    def _price(self, symbol: str, now_ms: int) -> dict[str, str]:
        instrument = self._instrument(symbol, now_ms)
        price = self._market.last_price(instrument, now_ms)
        return {"symbol": symbol, "price": fixed_text(price, instrument.price_decimals)}

    def _instrument(self, symbol: str, now_ms: int) -> Instrument:
        instrument = self._by_symbol.get(symbol)
        if instrument is None or instrument.listed_s * 1000 > now_ms:
            raise Refused(_error(400, -1121, "Invalid symbol."))
        return instrument


def _error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return document({"code": code, "msg": message}, status, headers)


def _mandatory(query: Mapping[str, str], name: str) -> str:
    if not query.get(name):
        message = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise Refused(_error(400, -1102, message))
    return query[name]


def _optional(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        message = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        raise Refused(_error(400, -1100, message))
    return int(text)


def _limit(query: Mapping[str, str]) -> int:
    limit = _optional(query, "limit")
    if limit == 0:
        raise Refused(_error(400, -1130, "Data sent for parameter 'limit' is not valid."))
    return DEFAULT_LIMIT if limit is None else min(limit, MAX_LIMIT)


def _symbol_list(text: str) -> list[str]:
    try:
        symbols = orjson.loads(text)
    except orjson.JSONDecodeError:
        symbols = None
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        message = "Illegal characters found in parameter 'symbols'; it must be a JSON array of symbols."
        raise Refused(_error(400, -1100, message))
    return symbols


@lru_cache(maxsize=4096)
def _symbol_info(instrument: Instrument) -> bytes:
    """The entry of one symbol, as bytes: it never changes."""
    tick, lot = fixed_text(1, instrument.price_decimals), fixed_text(1, instrument.lot_decimals)
    entry = {
        "symbol": f"{instrument.base}{instrument.quote}",
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000000.00000000", "stepSize": lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": ["SPOT"],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }
    return orjson.dumps(entry)


def _kline_lines(bars: BarColumns, step_s: int, instrument: Instrument) -> bytes:
    price, lot = instrument.price_decimals, instrument.lot_decimals
    parts = (
        *("[", Whole(bars.ts * 1000), ',"', Fixed(bars.open, price), '","', Fixed(bars.high, price)),
        *('","', Fixed(bars.low, price), '","', Fixed(bars.close, price), '","', Fixed(bars.volume, lot)),
        *('",', Whole(bars.ts * 1000 + (step_s * 1000 - 1)), ',"', Fixed(bars.quote_volume, price + lot)),
        *('",', Whole(bars.trades), ',"', Fixed(bars.taker_volume, lot)),
        *('","', Fixed(bars.taker_quote_volume, price + lot), '","0"]'),
    )
    return rendered(len(bars), parts)


def _aggregate_lines(trades: TradeColumns, instrument: Instrument) -> bytes:
    price, size = Fixed(trades.price, instrument.price_decimals), Fixed(trades.lots, instrument.lot_decimals)
    parts = (
        *('{"a":', Whole(trades.id), ',"p":"', price, '","q":"', size, '","f":', Whole(trades.first_fill)),
        *(',"l":', Whole(trades.last_fill), ',"T":', Whole(trades.time_ms)),
        *(',"m":', Either(trades.taker_buys == 0, "true", "false"), ',"M":true}'),
    )
    return rendered(len(trades), parts)


def _single_lines(trades: TradeColumns, instrument: Instrument) -> bytes:
    paid = Fixed(trades.price * trades.lots, instrument.price_decimals + instrument.lot_decimals)
    parts = (
        *('{"id":', Whole(trades.id), ',"price":"', Fixed(trades.price, instrument.price_decimals)),
        *('","qty":"', Fixed(trades.lots, instrument.lot_decimals), '","quoteQty":"', paid),
        *('","time":', Whole(trades.time_ms), ',"isBuyerMaker":', Either(trades.taker_buys == 0, "true", "false")),
        ',"isBestMatch":true}',
    )
    return rendered(len(trades), parts)


def _trade_page(lines: bytes, trades: TradeColumns) -> Page:
    ts = trades.time_ms // 1000
    return Page(lines, ts, int(ts[0]) if len(ts) else 0, int(ts[-1]) + 1 if len(ts) else 0)
