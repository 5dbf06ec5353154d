"""NautilusTrader's Parquet catalogue, a file for each month."""

from __future__ import annotations

import pandas as pd
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from benchmarks.peers.frames import indexed

_STATE: dict = {}
_INSTRUMENT = TestInstrumentProvider.btcusdt_binance()
_TYPE = BarType.from_str("BTCUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL")


def _bars(frame: pd.DataFrame) -> list[Bar]:
    return BarDataWrangler(_TYPE, _INSTRUMENT).process(frame.tz_localize("UTC").rename_axis("timestamp"))


def prepare(folder: str, data: str) -> None:
    catalog = ParquetDataCatalog(folder)
    frame = indexed(data)
    for _, month in frame.groupby(pd.PeriodIndex(frame.index, freq="M")):
        catalog.write_data(_bars(month))
    _STATE["catalog"] = catalog


def read() -> object:
    return _STATE["catalog"].bars(bar_types=[str(_TYPE)])


def week(start: int, end: int) -> object:
    return _STATE["catalog"].bars(bar_types=[str(_TYPE)], start=start * 10**9, end=(end - 60) * 10**9)


def load_day(data: str) -> None:
    _STATE["day"] = _bars(indexed(data))


def append() -> None:
    _STATE["catalog"].write_data(_STATE["day"])
