"""A reader of the campaign on the segment cache, run as a process of its own."""

import random
from multiprocessing.connection import Connection
from pathlib import Path

from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.core.digest import content_of
from tests.engine.artifacts.making import HEADER, NODE, bars_of, days, open_store


def read_windows(root: str, cache: str, seed: int, rounds: int, notes: Connection) -> None:
    """Read windows through a cache too small for them; send how many were exact."""
    chance = random.Random(seed)
    exact = 0
    for _ in range(rounds):
        store = open_store(Path(root), cache=ArrowSegmentCache(cache, limit_bytes=3 << 20))
        window = days(first := chance.randrange(40), first + chance.randrange(30))
        sealed = store.read(store.resolve(NODE), window)
        expected = bars_of(HEADER, window).frame
        exact += sealed.bars.frame.equals(expected) and sealed.content == content_of(
            HEADER, sealed.bars, sealed.answered
        )
    notes.send(exact)
