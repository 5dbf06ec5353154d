"""Trades as integer columns, spelled out from the legs that bars are summed from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from seamless_lab.sandbox.bars import MINUTE_S
from seamless_lab.sandbox.instruments import Instrument
from seamless_lab.sandbox.legs import LEGS, MAX_FILLS, Legs
from seamless_lab.sandbox.randomness import Integers


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades in ascending order of id: price in ticks, size in lots, `taker_buys` 0 or 1.

    Ids count from the listing: four aggregate ids a minute and eight trade ids an aggregate, whether used or not. They
    ascend but have holes, which is what lets any stretch of trades be found without history.
    """

    id: Integers
    first_fill: Integers
    last_fill: Integers
    time_ms: Integers
    price: Integers
    lots: Integers
    taker_buys: Integers

    def __len__(self) -> int:
        return len(self.id)

    def time_ns(self) -> Integers:
        """Distinct times in nanoseconds: the fills of one order follow each other by a microsecond."""
        return self.time_ms * 1_000_000 + self.id % MAX_FILLS * 1_000

    def take(self, selection: slice | NDArray[np.bool_] | Integers) -> TradeColumns:
        """The trades at a slice, at indices, or where a mask is true."""
        return TradeColumns(*(getattr(self, column.name)[selection] for column in fields(self)))


def concatenate_trades(parts: list[TradeColumns]) -> TradeColumns:
    """The trades of all parts in the order given."""
    nothing = np.empty(0, dtype=np.int64)
    columns = (
        np.concatenate([getattr(part, column.name) for part in parts]) if parts else nothing
        for column in fields(TradeColumns)
    )
    return TradeColumns(*columns)


def minute_of_id(instrument: Instrument, aggregate_id: int) -> int:
    """The minute (since the epoch) that the aggregate trade of this id falls into."""
    return instrument.listed_s // MINUTE_S + aggregate_id // LEGS


def aggregate_trades(instrument: Instrument, legs: Legs, exists: NDArray[np.bool_]) -> TradeColumns:
    """One trade per leg of the minutes that exist."""
    minutes = np.arange(legs.first, legs.first + legs.price.shape[1], dtype=np.int64)[exists]
    number = minutes - instrument.listed_s // MINUTE_S
    ids = (number[:, None] * LEGS + np.arange(LEGS)).ravel()
    fills = legs.fills[:, exists].T.ravel()
    return TradeColumns(
        id=ids,
        first_fill=ids * MAX_FILLS,
        last_fill=ids * MAX_FILLS + fills - 1,
        time_ms=(minutes[:, None] * (MINUTE_S * 1000) + legs.offset_ms[:, exists].T).ravel(),
        price=legs.price[:, exists].T.ravel(),
        lots=legs.lots[:, exists].T.ravel(),
        taker_buys=legs.taker_buys[:, exists].T.ravel(),
    )


def single_trades(aggregates: TradeColumns) -> TradeColumns:
    """Every fill of every aggregate trade: equal parts, the first with the remainder."""
    fills = aggregates.last_fill - aggregates.first_fill + 1
    spread = aggregates.take(np.repeat(np.arange(len(fills)), fills))
    position = np.arange(len(spread)) - np.repeat(np.cumsum(fills) - fills, fills)
    count = np.repeat(fills, fills)
    ids = spread.first_fill + position
    share = spread.lots // count
    return TradeColumns(
        id=ids,
        first_fill=ids,
        last_fill=ids,
        time_ms=spread.time_ms,
        price=spread.price,
        lots=np.where(position == 0, spread.lots - share * (count - 1), share),
        taker_buys=spread.taker_buys,
    )
