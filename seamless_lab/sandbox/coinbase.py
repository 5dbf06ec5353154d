"""Coinbase's public Advanced Trade REST (and the v2 currency lists) over the sandbox market.

Notes
-----
Shapes follow "Coinbase Advanced Trade API", sections Public / Get Public Product Candles, List Public Products and
Get Server Time, and "Coinbase App", sections Currencies, Exchange rates and Time. Candles come newest first,
`start` and `end` both included; a range of more than 350 candles is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from seamless_lab.sandbox.bars import TIMEFRAME_S, slot_ceil
from seamless_lab.sandbox.family import Page, Refused, Reply, Request, Route, document, web_page
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.market import Market, Stretch
from seamless_lab.sandbox.rows import Fixed, Whole, fixed_text, rendered

MAX_CANDLES = 350
_GRANULARITY = {
    "ONE_MINUTE": "1m",
    "FIVE_MINUTE": "5m",
    "FIFTEEN_MINUTE": "15m",
    "THIRTY_MINUTE": "30m",
    "ONE_HOUR": "1h",
    "TWO_HOUR": "2h",
    "FOUR_HOUR": "4h",
    "SIX_HOUR": "6h",
    "ONE_DAY": "1d",
}
_PRODUCTS = "/api/v3/brokerage/market/products"


class Coinbase:
    """Coinbase's dialect."""

    name = "coinbase"

    def __init__(self, market: Market, instruments: Mapping[str, Instrument]) -> None:
        self._market = market
        self._by_product = {f"{one.base}-{one.quote}": one for one in instruments.values()}
        self.routes: tuple[Route, ...] = (
            Route("v2Time", "/v2/time", _v2_time),
            Route("time", "/api/v3/brokerage/time", _time),
            Route("currencies", "/v2/currencies", self._fiat),
            Route("cryptoCurrencies", "/v2/currencies/crypto", self._crypto),
            Route("exchangeRates", "/v2/exchange-rates", self._exchange_rates),
            Route("products", _PRODUCTS, self._list_products),
            Route("product", _PRODUCTS + "/{subject}", self._one_product),
            Route("candles", _PRODUCTS + "/{subject}/candles", self._candles),
        )

    def not_found(self) -> Reply:
        """Unknown path."""
        return _error(404, "NOT_FOUND", "route not found")

    def rate_limited(self, retry_after_s: int) -> Reply:
        """Status 429, in the v2 format that clients match on."""
        errors = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
        return document(errors, 429, {"Retry-After": str(retry_after_s)})

    def banned(self, retry_after_s: int) -> Reply:
        """The network in front of the API says no, in HTML."""
        return web_page(403, {"Retry-After": str(retry_after_s)})

    def unavailable(self) -> Reply:
        """Status 503."""
        return _error(503, "UNAVAILABLE", "service temporarily unavailable")

    def usage_headers(self, used_weight: int) -> Mapping[str, str]:
        """Coinbase's public routes tell nothing."""
        return {}

    def _fiat(self, request: Request) -> Reply:
        return document({"data": [{"id": "USD", "name": "United States Dollar", "min_size": "0.01"}]})

    def _crypto(self, request: Request) -> Reply:
        bases = sorted({one.base for one in self._listed(request.now_ms).values()})
        entries = [
            {
                "asset_id": f"00000000-0000-4000-8000-{index:012d}",
                "code": base,
                "name": base.capitalize(),
                "color": "#0433FF",
                "sort_index": 100 + index,
                "exponent": 8,
                "type": "crypto",
                "address_regex": "^(?:0x)?[0-9a-fA-F]{40}$",
            }
            for index, base in enumerate(bases)
        ]
        return document({"data": entries})

    def _exchange_rates(self, request: Request) -> Reply:
        return document({"data": {"currency": "USD", "rates": {"USD": "1.0"}}})

    def _list_products(self, request: Request) -> Reply:
        if request.query.get("product_type", "SPOT") != "SPOT":
            return document({"products": [], "num_products": 0})
        products = [_product(one) for one in self._listed(request.now_ms).values()]
        return document({"products": products, "num_products": len(products)})

    def _one_product(self, request: Request) -> Reply:
        return document(_product(self._instrument(request)))

    def _candles(self, request: Request) -> Page:
        instrument = self._instrument(request)
        granularity = request.query.get("granularity", "")
        if granularity not in _GRANULARITY:
            raise Refused(_error(400, "INVALID_ARGUMENT", f"unsupported granularity {granularity!r}"))
        step_s = TIMEFRAME_S[_GRANULARITY[granularity]]
        start = slot_ceil(_seconds(request.query, "start"), step_s)
        end = slot_ceil(_seconds(request.query, "end") + 1, step_s)
        if (end - start) // step_s > MAX_CANDLES:
            detail = f"number of candles requested should be less than {MAX_CANDLES}"
            raise Refused(_error(400, "INVALID_ARGUMENT", detail))
        end = max(min(end, slot_ceil(request.now_ms // 1000 + 1, step_s)), start)
        bars = self._market.bars(instrument, step_s, Stretch(start, end), request.now_ms)
        price = instrument.price_decimals
        parts = (
            *('{"start":"', Whole(bars.ts), '","low":"', Fixed(bars.low, price, price)),
            *('","high":"', Fixed(bars.high, price, price), '","open":"', Fixed(bars.open, price, price)),
            *('","close":"', Fixed(bars.close, price, price)),
            *('","volume":"', Fixed(bars.volume, instrument.lot_decimals), '"}'),
        )
        final = end * 1000 <= request.now_ms
        page = Page(rendered(len(bars), parts), bars.ts, start, end, b'{"candles":[', b"]}", final)
        return page.reordered(np.arange(len(bars))[::-1])

    def _listed(self, now_ms: int) -> dict[str, Instrument]:
        return {name: one for name, one in self._by_product.items() if one.listed_s * 1000 <= now_ms}

    def _instrument(self, request: Request) -> Instrument:
        instrument = self._listed(request.now_ms).get(request.subject)
        if instrument is None:
            raise Refused(_error(404, "NOT_FOUND", "valid product_id is required"))
        return instrument


def _product(instrument: Instrument) -> dict[str, object]:
    name = f"{instrument.base}-{instrument.quote}"
    increment = fixed_text(1, instrument.price_decimals, instrument.price_decimals)
    lot = fixed_text(1, instrument.lot_decimals, instrument.lot_decimals)
    return {
        "product_id": name,
        "price": "",
        "base_increment": lot,
        "quote_increment": increment,
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": lot,
        "base_max_size": "1000000000",
        "base_name": instrument.base.capitalize(),
        "quote_name": "US Dollar",
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": instrument.quote,
        "base_currency_id": instrument.base,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [],
        "base_display_symbol": instrument.base,
        "quote_display_symbol": instrument.quote,
        "view_only": False,
        "price_increment": increment,
        "display_name": name,
        "product_venue": "CBE",
    }


def _error(status: int, error: str, details: str) -> Reply:
    return document({"error": error, "error_details": details, "message": details}, status)


def _seconds(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text.isdecimal() or len(text) > 12:
        raise Refused(_error(400, "INVALID_ARGUMENT", f"{name} must be a UNIX timestamp in seconds"))
    return int(text)


def _iso(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _v2_time(request: Request) -> Reply:
    return document({"data": {"iso": _iso(request.now_ms), "epoch": request.now_ms // 1000}})


def _time(request: Request) -> Reply:
    now_ms = request.now_ms
    return document({"iso": _iso(now_ms), "epochSeconds": str(now_ms // 1000), "epochMillis": str(now_ms)})
