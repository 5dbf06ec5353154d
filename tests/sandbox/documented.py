"""Payloads as the exchanges document them, and a checker that knows nothing about how the sandbox makes its own.

Binance: "Public Rest API for Binance" (`rest-api.md` of binance-spot-api-docs), the section named at each constant.
Coinbase: "Coinbase Advanced Trade API", Get Public Product Candles, Get Server Time; "Coinbase App", Time.
Kraken: "Spot REST API", Market Data, the method named at each constant.
"""

import re
from typing import Any

BINANCE_ERROR = {"code": -1121, "msg": "Invalid symbol."}  # Error Codes

BINANCE_TIME = {"serverTime": 1499827319559}  # Check server time

BINANCE_KLINES = [  # Kline/Candlestick data
    [
        1499040000000,
        "0.01634790",
        "0.80000000",
        "0.01575800",
        "0.01577100",
        "148976.11427815",
        1499644799999,
        "2434.19055334",
        308,
        "1756.87402397",
        "28.46694368",
        "0",
    ]
]

BINANCE_AGG_TRADES = [  # Compressed/Aggregate trades list
    {
        "a": 26129,
        "p": "0.01633102",
        "q": "4.70443515",
        "f": 27781,
        "l": 27781,
        "T": 1498793709153,
        "m": True,
        "M": True,
    }
]

BINANCE_TRADES = [  # Recent trades list; quoteQty is documented as "48.000012" and served with eight decimals
    {
        "id": 28457,
        "price": "4.00000100",
        "qty": "12.00000000",
        "quoteQty": "48.00001200",
        "time": 1499865549590,
        "isBuyerMaker": True,
        "isBestMatch": True,
    }
]

BINANCE_TICKER_PRICE = {"symbol": "LTCBTC", "price": "4.00000200"}  # Symbol price ticker

BINANCE_EXCHANGE_INFO = {  # Exchange information; rate limit from ENUM definitions, filters from Filters
    "timezone": "UTC",
    "serverTime": 1565246363776,
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "ETHBTC",
            "status": "TRADING",
            "baseAsset": "ETH",
            "baseAssetPrecision": 8,
            "quoteAsset": "BTC",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": True,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.00000100",
                    "maxPrice": "100000.00000000",
                    "tickSize": "0.00000100",
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": "0.00100000",
                    "maxQty": "100000.00000000",
                    "stepSize": "0.00100000",
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": "10.00000000",
                    "applyMinToMarket": False,
                    "maxNotional": "10000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
            ],
            "permissions": ["SPOT"],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }
    ],
}

COINBASE_CANDLES = {  # Get Public Product Candles
    "candles": [
        {
            "start": "1639508050",
            "low": "140.21",
            "high": "140.21",
            "open": "140.21",
            "close": "140.21",
            "volume": "56437345",
        }
    ]
}

COINBASE_TIME = {"iso": "2024-02-27T03:37:14Z", "epochSeconds": "1709005034", "epochMillis": "1709005034333"}

COINBASE_V2_TIME = {"data": {"iso": "2015-06-23T18:02:51Z", "epoch": 1435082571}}

KRAKEN_TIME = {  # Get Server Time
    "error": [],
    "result": {"unixtime": 1688669448, "rfc1123": "Thu, 06 Jul 23 18:50:48 +0000"},
}

KRAKEN_OHLC = {  # Get OHLC Data
    "error": [],
    "result": {
        "XXBTZUSD": [[1688671200, "30306.1", "30306.2", "30305.7", "30305.7", "30306.1", "3.39243896", 23]],
        "last": 1688672160,
    },
}

KRAKEN_TRADES = {  # Get Recent Trades
    "error": [],
    "result": {
        "XXBTZUSD": [["30243.40000", "0.34507674", 1688669597.8277369, "b", "m", "", 61044952]],
        "last": "1688671969993150842",
    },
}

KRAKEN_ASSETS = {  # Get Asset Info
    "error": [],
    "result": {
        "XXBT": {"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"}
    },
}

KRAKEN_ASSET_PAIRS = {  # Get Tradable Asset Pairs
    "error": [],
    "result": {
        "XXBTZUSD": {
            "altname": "XBTUSD",
            "wsname": "XBT/USD",
            "aclass_base": "currency",
            "base": "XXBT",
            "aclass_quote": "currency",
            "quote": "ZUSD",
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": 1,
            "lot_decimals": 8,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.26]],
            "fees_maker": [[0, 0.16]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": "0.0001",
            "costmin": "0.5",
            "tick_size": "0.1",
            "status": "online",
        }
    },
}

KRAKEN_ERROR = {"error": ["EQuery:Unknown asset pair"]}

_TEXTS = (
    ("decimal with eight places", re.compile(r"\d+\.\d{8}")),
    ("decimal", re.compile(r"\d+(\.\d+)?")),
    ("moment", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")),
)


def differences(documented: Any, served: Any, at: str = "$", *, open_keys: bool = False) -> list[str]:
    """Where the served value has another structure: keys and their order, types, lengths of rows, formats of numbers.

    Lists of several documented entries compare position by position; a list with one entry is a template for all. With
    `open_keys`, a mapping with one documented key is a template for all its values.
    """
    if type(documented) is not type(served) and not _both_numbers(documented, served):
        return [f"{at}: documented {type(documented).__name__}, served {type(served).__name__}"]
    if isinstance(documented, dict):
        if open_keys and len(documented) == 1:
            return [d for key, item in served.items() for d in differences(*documented.values(), item, f"{at}.{key}")]
        if list(documented) != list(served):
            return [f"{at}: documented keys {list(documented)}, served {list(served)}"]
        return [d for key in documented for d in differences(documented[key], served[key], f"{at}.{key}")]
    if isinstance(documented, list):
        if len(documented) == 1:
            return [d for i, item in enumerate(served) for d in differences(documented[0], item, f"{at}[{i}]")]
        if len(documented) != len(served):
            return [f"{at}: documented {len(documented)} entries, served {len(served)}"]
        return [
            d for i, pair in enumerate(zip(documented, served, strict=True)) for d in differences(*pair, f"{at}[{i}]")
        ]
    if isinstance(documented, str):
        for name, form in _TEXTS:
            if form.fullmatch(documented):
                return [] if form.fullmatch(served) else [f"{at}: documented a {name}, served {served!r}"]
    return []


def _both_numbers(documented: Any, served: Any) -> bool:
    """JSON knows one kind of number; booleans are none."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (documented, served))
