"""The same pins and the same code give the same digest: in every process, on any cores, cold and warm."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.sealed_market import seal, walk

ROOT = Path(__file__).parents[2]
SYMBOLS, MINUTES = 5, 3 * 1_440

SEEDS = ("0", "1", "random")
CORES = ("all", "0")
THREADS = ("1", "2", "7")
CACHES = ("warm", "cold", "parquet")
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")
ALL = tuple(itertools.product(SEEDS, CORES, THREADS, CACHES, ZONES))
FEW = (
    ("0", "all", "2", "warm", "UTC"),
    ("1", "0", "1", "cold", "Asia/Kathmandu"),
    ("random", "all", "7", "parquet", "America/St_Johns"),
    ("random", "0", "2", "warm", "UTC"),
)


def run(home: Path, caches: Path, number: int, seed: str, cores: str, threads: str, cache: str, zone: str) -> object:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": seed,
        "POLARS_MAX_THREADS": threads,
        "SEAMLESS_CACHE_DIR": str(caches / ("warm" if cache == "warm" else f"{number}")),
        "TZ": zone,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.backtesting", str(home), cores, cache],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def market(home: Path, symbols: int = SYMBOLS, minutes: int = MINUTES) -> Path:
    chance = random.Random(1)
    for number in range(symbols):
        frame = walk(minutes, 60, number)
        quiet = set(chance.sample(range(1, minutes), minutes // 50 * (number % 2)))
        kept = [place for place in range(minutes) if place not in quiet]
        seal(home, f"S{number}/USDT", frame[kept], timeframe="1m", slots=minutes)
    return home


def test_processes_that_differ_in_everything_else_give_one_digest(tmp_path: Path) -> None:
    home = market(tmp_path / "home")
    found = [run(home, tmp_path, number, *variant) for number, variant in enumerate(FEW)]
    assert all(one == found[0] for one in found)


@pytest.mark.soak
def test_processes_of_every_kind_and_fifty_of_one_give_one_digest(tmp_path: Path) -> None:
    home = market(tmp_path / "home", 8, 30 * 1_440)
    chosen = [*ALL[::3], *[("random", "all", "7", "warm", "UTC")] * 50]
    found = [run(home, tmp_path, number, *variant) for number, variant in enumerate(chosen)]
    assert all(one == found[0] for one in found)


def test_one_price_one_tick_away_is_another_digest(tmp_path: Path) -> None:
    home = market(tmp_path / "home", 2, 2_000)
    before = run(home, tmp_path, 0, *FEW[0])
    changed = walk(2_000, 60, 0).with_columns(
        close=pl.when(pl.int_range(pl.len()) == 1_234).then(pl.col("close") + 0.01).otherwise("close")
    )
    other = market(tmp_path / "other", 2, 2_000)
    seal(other, "S0/USDT", changed, timeframe="1m", at_ms=1_717_300_000_000)
    after = run(other, tmp_path, 1, *FEW[0])
    assert [one[0] for one in before] != [one[0] for one in after]
    assert before[0][2][0] != after[0][2][0]
    assert before[0][2][1] == after[0][2][1]
