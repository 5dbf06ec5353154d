"""What the exchange lists: names, scales, listing dates and how often a minute passes without a trade.

The well-known pairs have their real names, ticks and rough price levels (of early 2024); the rest are invented.
Everything is a pure function of the seed and the pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from seamless_lab.sandbox.path import ONE
from seamless_lab.sandbox.randomness import salt

DAY_S = 86_400
_FIRST_LISTING_S = 1_502_942_400  # 2017-08-17 04:00 UTC, the day Binance opened
_MAJORS_LISTED_S = 1_609_459_200  # 2021-01-01: by then all majors are listed
_LAST_LISTING_S = 1_730_419_200  # 2024-11-01

# base: price level, price decimals, lot decimals, mean lots per minute, one-minute deviation in millionths of an octave
_MAJORS: dict[str, tuple[str, int, int, int, int]] = {
    "BTC": ("43250.00", 2, 5, 300_000, 1100),
    "ETH": ("2345.00", 2, 4, 350_000, 1300),
    "BNB": ("312.00", 2, 3, 300_000, 1300),
    "SOL": ("98.50", 2, 3, 1_200_000, 1900),
    "XRP": ("0.6200", 4, 1, 2_500_000, 1500),
    "ADA": ("0.5900", 4, 1, 1_200_000, 1700),
    "DOGE": ("0.09100", 5, 0, 800_000, 1800),
    "LTC": ("72.50", 2, 3, 250_000, 1500),
    "LINK": ("14.90", 2, 2, 180_000, 1700),
    "DOT": ("7.900", 3, 2, 250_000, 1700),
    "AVAX": ("36.80", 2, 2, 150_000, 1900),
    "TRX": ("0.1080", 4, 1, 1_500_000, 1100),
    "BCH": ("255.0", 1, 3, 60_000, 1600),
    "ATOM": ("10.500", 3, 2, 90_000, 1700),
    "UNI": ("6.700", 3, 2, 90_000, 1800),
    "XLM": ("0.1240", 4, 0, 400_000, 1600),
    "FIL": ("6.300", 3, 2, 80_000, 1900),
    "NEAR": ("3.500", 3, 1, 70_000, 2000),
    "AAVE": ("105.0", 1, 3, 30_000, 1900),
    "SHIB": ("0.00001030", 8, 0, 900_000_000, 2000),
}
_CROSSES: dict[tuple[str, str], tuple[str, int, int, int, int]] = {
    ("ETH", "BTC"): ("0.05420", 5, 3, 60_000, 600),
    ("BNB", "BTC"): ("0.007210", 6, 2, 6_000, 700),
    ("SOL", "BTC"): ("0.0022770", 7, 1, 2_500, 1300),
}
_LISTED_FIRST = {"BTC", "ETH"}
_ALWAYS_TRADED = {"BTC", "ETH", "SOL", "BNB", "XRP"}


@dataclass(frozen=True)
class Instrument:
    """One tradable pair of one venue; prices are integers of `10**-price_decimals`, volumes of `10**-lot_decimals`.

    `price_decimals + lot_decimals <= 8`, so prices, volumes and quote volumes are all exact with eight decimals.
    """

    venue: str
    base: str
    quote: str
    price_ticks: int
    price_decimals: int
    lot_decimals: int
    mean_lots: int
    deviation: int
    listed_s: int
    quiet_per_million: int
    seed: int

    def __post_init__(self) -> None:
        if self.price_decimals + self.lot_decimals > 8:
            raise ValueError(
                f"{self.name}: price_decimals + lot_decimals must be at most 8,"
                f" got {self.price_decimals} + {self.lot_decimals}"
            )

    @cached_property
    def name(self) -> str:
        """The pair as ccxt writes it, `BASE/QUOTE`."""
        return f"{self.base}/{self.quote}"

    @cached_property
    def path_stream(self) -> str:
        """Name of the price path: shared by the venues and by the dollar-like quotes, so prices agree roughly."""
        quote = "$" if self.quote in {"USD", "USDT", "USDC"} else self.quote
        return f"{self.seed}:{self.base}/{quote}"

    @cached_property
    def bar_stream(self) -> str:
        """Name of the stream of wicks, volumes and trades: each venue has its own."""
        return f"{self.seed}:{self.venue}:{self.name}"


def _invented_bases(count: int) -> list[str]:
    """Pronounceable ticker names, always the same."""
    first, vowels, last = "BCDFGHJKLMNPRSTVWZ", "AEIOU", "KLMNRSTXZ"
    names = (f"{a}{e}{z}{o}" for a in first for z in last for e in vowels for o in vowels)
    return [name for _, name in zip(range(count), names, strict=False)]


def _instrument(venue: str, base: str, quote: str, seed: int) -> Instrument:
    random = int(salt(seed, "instrument", venue, base, quote))
    scale = _MAJORS.get(base) if quote in {"USD", "USDT", "USDC"} else _CROSSES.get((base, quote))
    if scale is None:
        decimals = 1 + random % 5
        lot_decimals = 5 - decimals
        price_ticks = 10 ** (4 + (random >> 8) % 2) * (1 + (random >> 12) % 9) + (random >> 16) % 7919
        turnover = 5_000 + (random >> 32) % 45_000  # in the quote currency, a minute
        mean_lots = turnover * 10**5 // price_ticks
        deviation = 1300 + (random >> 48) % 1200
    else:
        price, decimals, lot_decimals, mean_lots, deviation = scale
        price_ticks = int(price.replace(".", ""))
    days = ((_MAJORS_LISTED_S if base in _MAJORS else _LAST_LISTING_S) - _FIRST_LISTING_S) // DAY_S
    listed = _FIRST_LISTING_S
    if base not in _LISTED_FIRST:
        listed += (random >> 20) % days * DAY_S + (random >> 40) % 20 * 3600
    quiet = 0 if base in _ALWAYS_TRADED else (500 if base in _MAJORS else 2_000 + (random >> 44) % 48_000)
    return Instrument(
        venue=venue,
        base=base,
        quote=quote,
        price_ticks=price_ticks,
        price_decimals=decimals,
        lot_decimals=lot_decimals,
        mean_lots=mean_lots,
        deviation=deviation * ONE // 1_000_000,
        listed_s=listed,
        quiet_per_million=quiet,
        seed=seed,
    )


def list_instruments(venue: str, quote: str, count: int, seed: int) -> dict[str, Instrument]:
    """`count` instruments of a venue by name: the majors in `quote`, the crosses, then invented ones."""
    pairs = [(base, quote) for base in _MAJORS] + list(_CROSSES)
    pairs += [(base, quote) for base in _invented_bases(max(count - len(pairs), 0))]
    made = (_instrument(venue, base, counter, seed) for base, counter in pairs[:count])
    return {instrument.name: instrument for instrument in made}
