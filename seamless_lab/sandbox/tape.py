"""Finding stretches of trades: from a time, from an id, or the latest."""

from __future__ import annotations

from seamless_lab.sandbox.bars import MINUTE_S
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.legs import LEGS
from seamless_lab.sandbox.market import Market, Stretch
from seamless_lab.sandbox.trades import TradeColumns, concatenate_trades, minute_of_id


def trades_between(
    market: Market, instrument: Instrument, start_ms: int, end_ms: int, limit: int, now_ms: int
) -> TradeColumns:
    """The earliest `limit` aggregate trades with `start_ms <= time < end_ms`."""
    minute = max(start_ms, instrument.listed_s * 1000) // 60_000
    end = min(-(-end_ms // 60_000), now_ms // 60_000 + 1)
    parts: list[TradeColumns] = []
    wanted = limit
    while wanted > 0 and minute < end:
        upper = min(minute + wanted // LEGS + 2, end)
        found = market.trades(instrument, Stretch(minute * MINUTE_S, upper * MINUTE_S), now_ms)
        parts.append(found.take((found.time_ms >= start_ms) & (found.time_ms < end_ms)))
        wanted -= len(parts[-1])
        minute = upper
    return concatenate_trades(parts).take(slice(limit))


def trades_from_id(market: Market, instrument: Instrument, first_id: int, limit: int, now_ms: int) -> TradeColumns:
    """The earliest `limit` aggregate trades with an id of at least `first_id`."""
    start_ms = minute_of_id(instrument, max(first_id, 0)) * 60_000
    found = trades_between(market, instrument, start_ms, now_ms + 1, limit + LEGS, now_ms)
    return found.take(found.id >= first_id).take(slice(limit))


def latest_trades(market: Market, instrument: Instrument, limit: int, now_ms: int) -> TradeColumns:
    """The latest `limit` aggregate trades, in ascending order."""
    upper = now_ms // 60_000 + 1
    earliest = instrument.listed_s // MINUTE_S
    parts: list[TradeColumns] = []
    wanted = limit
    while wanted > 0 and upper > earliest:
        lower = max(upper - wanted // LEGS - 2, earliest)
        parts.insert(0, market.trades(instrument, Stretch(lower * MINUTE_S, upper * MINUTE_S), now_ms))
        wanted -= len(parts[0])
        upper = lower
    return concatenate_trades(parts).take(slice(-limit, None))
