"""A home with three sealed series, and a lab on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.app.lab import Lab
from tests.sealed_market import seal, walk

SLOTS = 600


@dataclass(frozen=True)
class Market:
    home: Path
    frames: dict[str, pl.DataFrame]
    refs: dict[str, str]

    @property
    def pins(self) -> dict[str, str | list[str]]:
        """Two pins, and a universe of three."""
        return {"btc": self.refs["BTC"], "eth": self.refs["ETH"], "coins": list(self.refs.values())}


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    home = tmp_path_factory.mktemp("sql") / "home"
    frames = {name: walk(SLOTS, 60, seed) for seed, name in enumerate(("BTC", "ETH", "SOL"))}
    refs = {name: seal(home, f"{name}/USDT", frame, timeframe="1m") for name, frame in frames.items()}
    return Market(home, frames, refs)


@pytest.fixture(scope="session")
def lab(market: Market) -> Iterator[Lab]:
    with Lab(str(market.home)) as opened:
        yield opened
