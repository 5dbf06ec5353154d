"""The small datasets whose digests and bytes are kept in `core.json`.

Run as a program (`python -m tests.golden.datasets`) to write the file anew: only together with a line in CHANGELOG.md.
"""

from __future__ import annotations

import json
from pathlib import Path

from seamless_lab.core.digest import PackRef, content_of, leaves_of, packs_of
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit, Tree, pack_to_bytes
from tests.core.models import series

GOLDEN = Path(__file__).with_name("core.json")
START = 1_709_164_800 - 7_200  # 2024-02-28T22:00Z: a leap day ahead
SEALED_AT_MS = 1_717_200_000_123
SETS = {
    "1s": ("binance", 9_000),
    "1m": ("binance", 3_000),
    "15m": ("binance", 400),
    "1d": ("binance", 900),
    "1w": ("kraken", 120),
}

Golden = dict[str, str | int | list[str]]


def golden_of(timeframe: str) -> Golden:
    """All that is kept of one dataset."""
    exchange, slots = SETS[timeframe]
    header, bars, answered = series(timeframe, START, slots, exchange=exchange)
    leaves = leaves_of(header, bars, answered)
    packs = packs_of(header, leaves)
    tree = Tree.of(header, tuple(PackRef(pack.cell, pack.digest, pack.rows, pack.answered) for pack in packs))
    bounds = answered.bounds or TimeRange(0, 1)
    window = TimeRange(bounds.start + 7 * header.grid.step_s, bounds.start + 200 * header.grid.step_s)
    half = answered.clip(TimeRange(bounds.start, window.end))
    observed = Observed.at(half, SEALED_AT_MS - 60_000)
    commit = Commit(
        seq=2,
        previous=content_of(header, bars.within(half), half),
        as_of_ms=SEALED_AT_MS,
        fingerprint=tree.fingerprint,
        bounds=answered.bounds,
        rows=tree.rows,
        observed=observed,
        conformance={"version": "v2", "flags": {"gap": 1}, "report": {"ratio": 0.5, "unit": "day"}},
        producer={"identity": "seamless", "version": "0.1.0", "exchange": exchange},
        watermark_ms=SEALED_AT_MS - 1_000,
        provenance={"note": "é"},
    )
    return {
        "node": str(header.node),
        "rows": tree.rows,
        "header": header.to_bytes().decode(),
        "leaves": [leaf.digest for leaf in leaves],
        "packs": [pack.digest for pack in packs],
        "first_pack": pack_to_bytes(header, packs[0]).decode(),
        "tree": tree.to_bytes().decode(),
        "fingerprint": tree.fingerprint,
        "window_content": content_of(header, bars.window(window), answered.clip(window)),
        "empty": Tree.of(header, ()).fingerprint,
        "no_bars": content_of(
            header, bars.window(TimeRange(0, 1)), Ranges.single(TimeRange(bounds.start, window.start))
        ),
        "commit": commit.to_bytes().decode(),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({timeframe: golden_of(timeframe) for timeframe in SETS}, indent=1) + "\n")
