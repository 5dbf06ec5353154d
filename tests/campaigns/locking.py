"""Programs of the campaigns on the lockfile; each runs as a process of its own and reports what it was told."""

import random
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange

NODE = NodeId("ohlcv", "binance", "BTC/USDT", "1m")


def pin(name: str, number: int = 1) -> Pin:
    """A pin whose every digest tells its number, so that half of one is seen."""
    digest = f"{number:064x}"
    return Pin(name, NODE, TimeRange(0, 60 * number), digest, digest, number, number, number)


def put(*pins: Pin) -> Callable[[Lockfile], Lockfile]:
    """The change that adds some pins."""
    return lambda lock: lock.with_pins(pins, {"polars": f"1.{pins[0].seq}"})


def add_pins(path: str, writer: int, rounds: int, notes: Connection) -> None:
    """Add one pin a round, rewrite a shared one, and take out every third again; send the names that must be left."""
    left = []
    for number in range(1, rounds + 1):
        name = f"w{writer}.{number}"
        edit(Path(path), put(pin(name, number), pin("shared", number)))
        if number % 3 == 0:
            edit(Path(path), lambda lock, name=name: lock.without(name))
        else:
            left.append((name, number))
    notes.send(left)


def add_until_killed(path: str, first: int, seed: int, notes: Connection) -> None:
    """Add pins for ever; send each number before it is tried (negative) and again when it is acknowledged."""
    chance, number = random.Random(seed), first
    while True:
        notes.send(-number)
        edit(Path(path), put(pin(f"p{number}", number), pin(f"again{chance.randrange(8)}", number)))
        notes.send(number)
        number += 1
