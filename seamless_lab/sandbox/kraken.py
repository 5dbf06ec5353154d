"""Kraken's public spot REST over the sandbox market.

Notes
-----
Shapes follow Kraken's "Spot REST API", section Market Data (Get Server Time, Get System Status, Get Asset Info, Get
Tradable Asset Pairs, Get OHLC Data, Get Recent Trades). OHLC serves the latest 720 bars whatever `since` says, the
forming one included; older history is in Trades only. Errors come with status 200.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import numpy as np

from seamless_lab.sandbox.bars import TIMEFRAME_S, slot_floor
from seamless_lab.sandbox.family import Page, Refused, Reply, Request, Route, document
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.market import Market
from seamless_lab.sandbox.rows import Either, Fixed, Whole, fixed_text, rendered
from seamless_lab.sandbox.tape import latest_trades, trades_between
from seamless_lab.sandbox.trades import single_trades

MAX_BARS, MAX_TRADES = 720, 1000
# Without the weeks: Kraken's open on Thursday, and those of this market on Monday.
_INTERVALS = {str(TIMEFRAME_S[name] // 60): TIMEFRAME_S[name] for name in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")}
_OLD_ASSETS = {"BTC": "XXBT", "ETH": "XETH", "XRP": "XXRP", "LTC": "XLTC", "XLM": "XXLM", "DOGE": "XXDG", "USD": "ZUSD"}
_ALTNAMES = {"BTC": "XBT", "DOGE": "XDG"}
_MS_IN_NS = 1_000_000
_LATEST_SECONDS = 10**11  # a larger `since` of Trades is in nanoseconds


class Kraken:
    """Kraken's dialect."""

    name = "kraken"

    def __init__(self, market: Market, instruments: Mapping[str, Instrument]) -> None:
        self._market = market
        self._by_pair = {_pair(one): one for one in instruments.values()}
        self._by_altname = {_altname(one): pair for pair, one in self._by_pair.items()}
        self.routes: tuple[Route, ...] = (
            Route("Time", "/0/public/Time", _time),
            Route("SystemStatus", "/0/public/SystemStatus", _status),
            Route("Assets", "/0/public/Assets", self._assets),
            Route("AssetPairs", "/0/public/AssetPairs", self._asset_pairs),
            Route("OHLC", "/0/public/OHLC", self._ohlc),
            Route("Trades", "/0/public/Trades", self._trades),
        )

    def not_found(self) -> Reply:
        """Unknown path."""
        return _error("EGeneral:Unknown method")

    def rate_limited(self, retry_after_s: int) -> Reply:
        """An error with status 200 and no header: Kraken does not say how long to wait."""
        return _error("EGeneral:Too many requests")

    def banned(self, retry_after_s: int) -> Reply:
        """A lockout, in the same form."""
        return _error("EGeneral:Temporary lockout")

    def unavailable(self) -> Reply:
        """Status 503 with Kraken's error."""
        return _error("EService:Unavailable", 503)

    def usage_headers(self, used_weight: int) -> Mapping[str, str]:
        """Kraken's public routes tell nothing."""
        return {}

    def _assets(self, request: Request) -> Reply:
        bases = {one.base for one in self._listed(request.now_ms).values()} | {"USD"}
        assets = {
            _OLD_ASSETS.get(base, base): {
                "aclass": "currency",
                "altname": _ALTNAMES.get(base, base),
                "decimals": 4 if base == "USD" else 10,
                "display_decimals": 2 if base == "USD" else 5,
                "status": "enabled",
            }
            for base in sorted(bases)
        }
        return _result(assets)

    def _asset_pairs(self, request: Request) -> Reply:
        listed = self._listed(request.now_ms)
        if "pair" in request.query:
            chosen = request.query["pair"].split(",")
            listed = {_pair(one): one for one in (self._instrument(pair, request.now_ms) for pair in chosen)}
        return _result({pair: _pair_info(one) for pair, one in listed.items()})

    def _ohlc(self, request: Request) -> Page:
        instrument = self._instrument(request.query.get("pair", ""), request.now_ms)
        interval = request.query.get("interval", "1")
        if interval not in _INTERVALS:
            raise Refused(_error("EGeneral:Invalid arguments"))
        step_s, now_ms = _INTERVALS[interval], request.now_ms
        since = _number(request.query.get("since", "0"))
        forming = slot_floor(now_ms // 1000, step_s)
        bars = self._market.last_bars(instrument, step_s, forming + step_s, MAX_BARS, now_ms)
        bars = bars.take((bars.ts > since) | (bars.ts == forming))
        price, lot = instrument.price_decimals, instrument.lot_decimals
        average = (bars.quote_volume + bars.volume // 2) // np.maximum(bars.volume, 1)
        parts = (
            *("[", Whole(bars.ts), ',"', Fixed(bars.open, price, price), '","', Fixed(bars.high, price, price)),
            *('","', Fixed(bars.low, price, price), '","', Fixed(bars.close, price, price)),
            *('","', Fixed(average, price, price), '","', Fixed(bars.volume, lot), '",', Whole(bars.trades), "]"),
        )
        start = int(bars.ts[0]) if len(bars) else forming
        head, tail = _envelope(instrument, forming - step_s)
        return Page(rendered(len(bars), parts), bars.ts, start, forming + step_s, head, tail)

    def _trades(self, request: Request) -> Page:
        instrument = self._instrument(request.query.get("pair", ""), request.now_ms)
        count = min(_number(request.query.get("count", str(MAX_TRADES))), MAX_TRADES)
        now_ms = request.now_ms
        if "since" in request.query:
            since = _number(request.query["since"])
            since_ns = since if since > _LATEST_SECONDS else since * 1000 * _MS_IN_NS
            start_ms = since_ns // _MS_IN_NS
            found = single_trades(trades_between(self._market, instrument, start_ms, now_ms + 1, count + 1, now_ms))
            found = found.take(found.time_ns() > since_ns).take(slice(count))
        else:
            since_ns = now_ms * _MS_IN_NS
            found = single_trades(latest_trades(self._market, instrument, count, now_ms)).take(slice(-count, None))
        parts = (
            *('["', Fixed(found.price, instrument.price_decimals, instrument.price_decimals), '","'),
            *(Fixed(found.lots, instrument.lot_decimals), '",', Fixed(found.time_ns() // 1000, 6, 6)),
            *(',"', Either(found.taker_buys == 1, "b", "s"), '","m","",', Whole(found.id), "]"),
        )
        last = str(int(found.time_ns()[-1]) if len(found) else since_ns)
        ts = found.time_ms // 1000
        window = (int(ts[0]), int(ts[-1]) + 1) if len(found) else (since_ns // 10**9, now_ms // 1000)
        return Page(rendered(len(found), parts), ts, *window, *_envelope(instrument, last))

    def _listed(self, now_ms: int) -> dict[str, Instrument]:
        return {pair: one for pair, one in self._by_pair.items() if one.listed_s * 1000 <= now_ms}

    def _instrument(self, name: str, now_ms: int) -> Instrument:
        instrument = self._by_pair.get(self._by_altname.get(name, name))
        if instrument is None or instrument.listed_s * 1000 > now_ms:
            raise Refused(_error("EQuery:Unknown asset pair"))
        return instrument


def _result(value: object) -> Reply:
    return document({"error": [], "result": value})


def _error(message: str, status: int = 200) -> Reply:
    return document({"error": [message]}, status)


def _envelope(instrument: Instrument, last: int | str) -> tuple[bytes, bytes]:
    end = f'"{last}"' if isinstance(last, str) else str(last)
    return f'{{"error":[],"result":{{"{_pair(instrument)}":['.encode(), f'],"last":{end}}}}}'.encode()


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}(\.[0-9]*)?", text):
        raise Refused(_error("EGeneral:Invalid arguments"))
    return int(text.partition(".")[0])


def _altname(instrument: Instrument) -> str:
    return "".join(_ALTNAMES.get(asset, asset) for asset in (instrument.base, instrument.quote))


def _pair(instrument: Instrument) -> str:
    """The key of a pair: two old assets carry their X and Z in it, all others do not (nor did Dogecoin ever)."""
    old = {asset: name for asset, name in _OLD_ASSETS.items() if asset != "DOGE"}
    if instrument.base in old and instrument.quote in old:
        return old[instrument.base] + old[instrument.quote]
    return _altname(instrument)


def _pair_info(instrument: Instrument) -> dict[str, object]:
    fees = [[0, 0.25], [10000, 0.2], [50000, 0.14]]
    return {
        "altname": _altname(instrument),
        "wsname": "/".join(_ALTNAMES.get(asset, asset) for asset in (instrument.base, instrument.quote)),
        "aclass_base": "currency",
        "base": _OLD_ASSETS.get(instrument.base, instrument.base),
        "aclass_quote": "currency",
        "quote": _OLD_ASSETS.get(instrument.quote, instrument.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": instrument.price_decimals,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": fees,
        "fees_maker": fees,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": fixed_text(1, instrument.lot_decimals, instrument.lot_decimals),
        "costmin": "0.5",
        "tick_size": fixed_text(1, instrument.price_decimals, instrument.price_decimals),
        "status": "online",
    }


def _time(request: Request) -> Reply:
    moment = datetime.fromtimestamp(request.now_ms // 1000, UTC)
    return _result({"unixtime": request.now_ms // 1000, "rfc1123": format_datetime(moment, usegmt=True)})


def _status(request: Request) -> Reply:
    moment = datetime.fromtimestamp(request.now_ms // 1000, UTC)
    return _result({"status": "online", "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")})
