"""A process of its own that uses a hot store, told what to do on its command line; prints one line per finished step.

Blocks are 300 minutes (some cross a day). All bars of a write carry its `observed_at_ms` as their open, so that a
torn or mixed read shows.
"""

import asyncio
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.adapters.coordinator_sqlite import SqliteCoordinator
from seamless_lab.adapters.hot_sqlite import SqliteHotStore
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.bars import Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Attempt, Claimed, HotState, HotStore, HotWrite, LeaseKey
from seamless_lab.errors import LeaseLost

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
HEADER = Header(NODE, grid_of("binance", "1m"))
T0, BLOCK_S, BLOCKS = 1_704_067_200, 300 * 60, 12
EVERYTHING = TimeRange(T0, T0 + BLOCKS * BLOCK_S)
KEY = LeaseKey(str(NODE), 60, T0)
LEASE_TTL_MS = 400


def block(number: int) -> TimeRange:
    return TimeRange(T0 + number * BLOCK_S, T0 + (number + 1) * BLOCK_S)


def stamped(number: int, stamp: int, lease: Claimed | None = None) -> HotWrite:
    """A whole block of bars that carry `stamp`."""
    window = block(number)
    ts = np.arange(window.start, window.end, 60)
    price = pl.Series(np.full(ts.size, float(stamp)))
    frame = pl.DataFrame({"ts": ts, **dict.fromkeys(("open", "high", "low", "close", "volume"), price)})
    asked = Attempt(NODE, window, stamp, "answered", ts.size, 1)
    return HotWrite(HEADER, window, Bars(NODE, HEADER.grid, frame), Ranges.single(window), stamp, asked, lease=lease)


def stamps(state: HotState) -> list[int]:
    """The stamp of each block, 0 where nothing is known. Raises if a block is torn or bars and knowledge differ."""
    found = []
    for number in range(BLOCKS):
        prices = state.bars.window(block(number)).frame["open"].unique().to_list()
        at = np.unique(state.observed.at_of(np.arange(block(number).start, block(number).end, 60))).tolist()
        rows = len(state.bars.window(block(number)))
        if (prices, at, rows) != ([], [-1], 0) and (len(at), rows, prices) != (1, 300, [float(at[0])]):
            raise AssertionError(f"block {number} is torn: stamps {prices}, observed {at}, {rows} bars")
        found.append(max(at[0], 0))
    return found


def write(store: HotStore, first_stamp: int, step: int, count: int) -> None:
    """Overwrite blocks round and round under growing stamps."""
    for place in range(count):
        stamp = first_stamp + place * step
        store.write(stamped((first_stamp + place) % BLOCKS, stamp))
        say(f"{(first_stamp + place) % BLOCKS} {stamp}")


def read(store: HotStore, seconds: float) -> None:
    """Load everything again and again; each load must be whole and none may go back."""
    before, loads, end = [0] * BLOCKS, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        now = stamps(store.load(HEADER, EVERYTHING))
        if any(new < old for new, old in zip(now, before, strict=True)):
            raise AssertionError(f"went back from {before} to {now}")
        before, loads = now, loads + 1
    say(f"read {loads}")


async def hold(file: SqliteFile, store: HotStore) -> None:
    """Claim the lease, wait to be told, write under it."""
    claimed = await SqliteCoordinator(file, SystemClock(), ttl_ms=LEASE_TTL_MS).claim(KEY, "holder")
    say(type(claimed).__name__)
    await asyncio.to_thread(sys.stdin.readline)
    assert isinstance(claimed, Claimed)
    try:
        store.write(stamped(0, 1, claimed))
    except LeaseLost:
        say("LeaseLost")
    else:
        say("written")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    file = SqliteFile(Path(sys.argv[2]), busy_timeout_s=30)
    store = SqliteHotStore(file)
    match sys.argv[1], *sys.argv[3:]:
        case "write", first_stamp, step, count:
            write(store, int(first_stamp), int(step), int(count))
        case "read", seconds:
            read(store, float(seconds))
        case "hold", *_:
            asyncio.run(hold(file, store))
    store.close()


if __name__ == "__main__":
    main()
