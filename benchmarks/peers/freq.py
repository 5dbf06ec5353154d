"""freqtrade's data handlers: Feather, its default, and Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import CandleType

from benchmarks.peers.frames import indexed

_STATE: dict = {}
_PAIR, _FRAME = "BTC/USDT", "1m"


def _candles(data: str) -> pd.DataFrame:
    frame = indexed(data).tz_localize("UTC").rename_axis("date").reset_index()
    frame["date"] = frame["date"].astype("datetime64[ms, UTC]")
    return frame


def prepare(folder: str, data: str, kind: str) -> None:
    Path(folder).mkdir(parents=True)
    handler = get_datahandler(Path(folder), kind)
    handler.ohlcv_store(_PAIR, _FRAME, _candles(data), CandleType.SPOT)
    _STATE[kind] = handler


def read(kind: str) -> object:
    return _STATE[kind].ohlcv_load(_PAIR, _FRAME, CandleType.SPOT, fill_missing=False)


def week(start: int, end: int, kind: str) -> object:
    window = TimeRange("date", "date", start, end - 60)
    return _STATE[kind].ohlcv_load(_PAIR, _FRAME, CandleType.SPOT, timerange=window, fill_missing=False)


def load_day(data: str) -> None:
    _STATE["day"] = _candles(data)


def append(kind: str) -> None:
    handler = _STATE[kind]
    whole = handler.ohlcv_load(_PAIR, _FRAME, CandleType.SPOT, fill_missing=False)
    handler.ohlcv_store(_PAIR, _FRAME, pd.concat([whole, _STATE["day"]], ignore_index=True), CandleType.SPOT)
