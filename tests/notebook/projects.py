"""A project with sealed bars: its own home and a few days of one market, as a researcher has it in a repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from seamless_lab.app.lab import Lab
from seamless_lab.core.bars import Bars
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from tests.engine.artifacts.making import DAY, HEADER, T0, candidate, days, header_of

BTC, ETH = str(HEADER.node), "ohlcv:binance:ETH/USDT:1m"
LATER_MS = 5


def new_project(folder: Path) -> Path:
    """Three days of two symbols, sealed in the project's own home."""
    (folder / ".seamless").mkdir(parents=True)
    with opened(folder) as lab:
        lab.wiring.sealed.publish(candidate(days(0, 2)))
        lab.wiring.sealed.publish(candidate(days(0, 2), header=header_of(symbol="ETH/USDT"), salt=7))
    return folder


def opened(folder: Path) -> Lab:
    return Lab(str(folder / ".seamless"))


def head(folder: Path, node: str = BTC) -> str:
    """The reference of the newest version."""
    with opened(folder) as lab:
        return lab.manifest(node).ref


def restate(folder: Path, at_s: int, *, symbol: str = "BTC/USDT", tick: float = 0.1) -> None:
    """Seal another close for one bar, one tick away: the exchange has changed its mind."""
    header = header_of(symbol=symbol)
    with opened(folder) as lab:
        store = lab.wiring.sealed
        window = TimeRange(at_s, at_s + 60)
        held = store.read(store.head(header.node), window)
        frame = held.bars.frame.with_columns(pl.col("close") + tick)
        again = Bars(header.node, header.grid, frame)
        observed = Observed.at(Ranges.single(window), LATER_MS)
        store.publish(replace(candidate(window, header=header), bars=again, observed=observed))


def minute(day: int, number: int) -> int:
    """When a bar opens: epoch seconds."""
    return T0 + day * DAY + number * 60


__all__ = ["BTC", "ETH", "head", "minute", "new_project", "opened", "restate"]
