"""The exchange itself: one market, its API families, and the state that control commands change."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from seamless_lab.sandbox.bars import TIMEFRAME_S
from seamless_lab.sandbox.binance import Binance
from seamless_lab.sandbox.clock import ExchangeClock
from seamless_lab.sandbox.coinbase import Coinbase
from seamless_lab.sandbox.config import SandboxConfig
from seamless_lab.sandbox.family import Family, Page
from seamless_lab.sandbox.faults import FaultState
from seamless_lab.sandbox.instruments import Instrument, list_instruments
from seamless_lab.sandbox.journal import Journal
from seamless_lab.sandbox.kraken import Kraken
from seamless_lab.sandbox.market import Market, Stretch
from seamless_lab.sandbox.recently_used import RecentlyUsed
from seamless_lab.sandbox.weights import WeightBudget

_UNLIMITED = 1 << 62
_QUOTES = {"binance": "USDT", "coinbase": "USD", "kraken": "USD"}


class Exchange:
    """State of a running sandbox. Owned by one event loop; nothing here is thread-safe."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.clock = ExchangeClock(config.now_ms)
        self.market = Market(config.outages, config.restatements)
        self.journal = Journal()
        self.pages: RecentlyUsed[str, Page] = RecentlyUsed(config.page_cache_bytes, lambda page: len(page.lines))
        self.faults = FaultState(config.faults)
        limits = {venue: config.weight_limits.get(venue, _UNLIMITED) for venue in _QUOTES}
        self.budgets = {
            venue: WeightBudget(limit, config.weight_window_s, config.ban_after_refusals, config.ban_s)
            for venue, limit in limits.items()
        }
        families: tuple[Family, ...] = (
            Binance(self.market, self.instruments("binance"), config.weight_limits.get("binance", 6000)),
            Coinbase(self.market, self.instruments("coinbase")),
            Kraken(self.market, self.instruments("kraken")),
        )
        self.families = {family.name: family for family in families}

    def closed_bars(self, venue: str, symbol: str, timeframe: str, window: Stretch) -> pl.DataFrame:
        """The bars of a window that are closed by now, as served to a client that makes no mistake.

        Columns `ts` (open time, epoch seconds), `open`, `high`, `low`, `close`, `volume`: the very floats that parsing
        the served decimals gives, because one division of exact integers rounds as parsing does.
        """
        instrument = self.instruments(venue)[symbol]
        step_s, now_ms = TIMEFRAME_S[timeframe], self.clock.now_ms()
        bars = self.market.bars(instrument, step_s, window, now_ms)
        bars = bars.take((bars.ts + step_s) * 1000 <= now_ms)
        tick, lot = 10.0**instrument.price_decimals, 10.0**instrument.lot_decimals
        prices = {name: getattr(bars, name) / tick for name in ("open", "high", "low", "close")}
        return pl.DataFrame({"ts": bars.ts, **prices, "volume": bars.volume / lot})

    def instruments(self, venue: str) -> dict[str, Instrument]:
        """What a venue lists, by pair, with the configured listing dates and quiet rates."""
        config = self.config
        return {
            name: replace(
                instrument,
                listed_s=config.listed_s.get(name, instrument.listed_s),
                quiet_per_million=config.quiet_per_million.get(name, instrument.quiet_per_million),
            )
            for name, instrument in list_instruments(venue, _QUOTES[venue], config.symbols, config.seed).items()
        }
