"""How each exchange's bars can be asked for: documented or measured, and cautious guesses for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seamless_lab.core.proof import Order
from seamless_lab.engine.ports import SourceTraits

FALLBACK_PAGE_BARS = 100
FAMILIES = {"binance": ("spot", "linear", "inverse")}
"""Exchanges whose markets ccxt loads by family; asking for spot alone saves two requests of three."""


@dataclass(frozen=True, slots=True)
class BarApi:
    """How one exchange gives bars.

    Parameters
    ----------
    page_bars
        Rows of one request at most.
    request_weight
        Tokens of the rate limiter that a full page costs.
    order
        In which order rows come over the wire; None if that is not known.
    since_honoured
        The page begins at the first bar at or after `since`, so what lies between is proven empty.
    until_honoured
        The request may say where to end, and the page ends at the last bar before it.
    open_ended
        Without `until` the page goes on, however far away the next bar is; otherwise a request covers `page_bars`
        slots at most.
    history_bars
        How many of its latest bars the exchange serves at all; None for all.
    """

    page_bars: int
    request_weight: float = 1.0
    order: Order | None = Order.ASCENDING
    since_honoured: bool = False
    until_honoured: bool = False
    open_ended: bool = False
    history_bars: int | None = None

    def traits(self, listed_s: int | None) -> SourceTraits:
        """The same for the engine."""
        return SourceTraits(
            page_bars=self.page_bars,
            request_weight=self.request_weight,
            history_bars=self.history_bars,
            listed_s=listed_s,
        )


# Origins. Binance: "Kline/Candlestick data" of the Spot API (limit 1000, weight 2) and of the USDⓈ-M and COIN-M
# futures APIs (weight 5 for 500 to 1000 rows; ccxt never asks for more than 1000); startTime and endTime inclusive,
# ascending from startTime: measured. Coinbase: "Get Public Product Candles" of the Advanced Trade API; start and
# end are always sent, at most 300 rows, newest first: measured. Kraken: "Get OHLC Data": at most the latest 720
# bars, whatever `since`, and neither an end nor a limit: measured.
BAR_APIS: Mapping[tuple[str, str], BarApi] = {
    ("binance", "spot"): BarApi(1000, 2.0, since_honoured=True, until_honoured=True, open_ended=True),
    ("binance", "linear"): BarApi(1000, 5.0, since_honoured=True, until_honoured=True, open_ended=True),
    # ccxt adds an end to requests for inverse contracts, so they are not open-ended
    ("binance", "inverse"): BarApi(1000, 5.0, since_honoured=True, until_honoured=True),
    # the same APIs under names of their own
    ("binanceus", ""): BarApi(1000, 2.0, since_honoured=True, until_honoured=True, open_ended=True),
    ("binanceusdm", ""): BarApi(1000, 5.0, since_honoured=True, until_honoured=True, open_ended=True),
    ("coinbase", ""): BarApi(300, order=Order.DESCENDING, since_honoured=True, until_honoured=True),
    ("kraken", ""): BarApi(720, since_honoured=True, open_ended=True, history_bars=720),
}


def family_of(exchange: str, symbol: str) -> str:
    """Which of an exchange's market families a symbol belongs to; empty where ccxt knows only one.

    `BTC/USDT:USDT` settles in its quote currency and is linear, `BTC/USD:BTC` is inverse.
    """
    if exchange not in FAMILIES:
        return ""
    pair, _, settle = symbol.partition(":")
    if not settle:
        return "spot"
    return "linear" if settle.partition("-")[0] == pair.partition("/")[2] else "inverse"


def bar_api(exchange: str, family: str, documented_page_bars: int | None) -> BarApi:
    """The known API of an exchange; for others a cautious one that trusts nothing but rows."""
    known = BAR_APIS.get((exchange, family))
    return known if known is not None else BarApi(documented_page_bars or FALLBACK_PAGE_BARS, order=None)
