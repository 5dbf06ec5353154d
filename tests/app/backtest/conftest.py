from __future__ import annotations

import polars as pl
import pytest

from seamless_lab import Lab
from tests.app.backtest.market import HOUR, SLOTS
from tests.sealed_market import seal, walk


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("research")
    for seed, name in enumerate(("BTC", "ETH", "SOL")):
        seal(place, f"{name}/USDT", walk(SLOTS, HOUR, seed))
    frame = walk(SLOTS, HOUR, 9)
    quiet = frame.filter((pl.col("ts") // HOUR) % 7 != 3)
    seal(place, "QUIET/USDT", quiet, slots=SLOTS)
    seal(place, "GAP/USDT", frame, unanswered=[(100, 130), (500, 501)])
    seal(place, "BTC/USDT", walk(SLOTS, 60, 4), timeframe="1m")
    return place


@pytest.fixture
def lab(home):
    with Lab(str(home)) as opened:
        yield opened
