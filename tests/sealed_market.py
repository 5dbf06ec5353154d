"""Sealed bars for tests of research: random walks in ticks, published straight into a home's store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from seamless_lab.app.lab import Lab
from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate

START = 1_704_067_200  # 2024-01-01T00:00Z
SEALED_AT_MS = 1_717_200_000_000


def walk(slots: int, step: int, seed: int, *, start: int = START) -> pl.DataFrame:
    """Bars of a random walk in cents, one in every slot."""
    random = np.random.default_rng(seed)
    close = np.maximum(np.abs(10_000 + np.cumsum(random.integers(-60, 61, slots))), 100)  # prices stay above zero
    opened = np.concatenate(([10_000], close[:-1])) + random.integers(-5, 6, slots)
    high, low = np.maximum(opened, close) + 3, np.minimum(opened, close) - 3
    cents = np.column_stack((opened, high, low, close)) / np.float64(100)
    return pl.DataFrame(
        {
            "ts": start + step * np.arange(slots, dtype=np.int64),
            **{name: cents[:, place] for place, name in enumerate(("open", "high", "low", "close"))},
            "volume": random.integers(1, 900, slots).astype(np.float64),
        },
        schema=SCHEMA,
    )


def seal(
    home: Path,
    symbol: str,
    frame: pl.DataFrame,
    *,
    timeframe: str = "1h",
    slots: int | None = None,
    unanswered: Iterable[tuple[int, int]] = (),
    at_ms: int = SEALED_AT_MS,
) -> str:
    """Publish bars and return `NODE@sha256:…`; every slot is answered but those of `unanswered` (ranges of numbers)."""
    header = Header(parse_node(f"ohlcv:binance:{symbol}:{timeframe}"), grid_of("binance", timeframe))
    step, start = header.grid.step_s, int(frame["ts"][0])
    whole = TimeRange(start, start + step * (slots or frame.height))
    holes = Ranges.of(TimeRange(start + first * step, start + last * step) for first, last in unanswered)
    answered = Ranges.single(whole) - holes
    bars = Bars.validated(header.node, header.grid, frame).within(answered)
    with Lab(str(home)) as lab:
        published = lab.wiring.sealed.publish(Candidate(header, bars, Observed.at(answered, at_ms)))
        return f"{header.node}@sha256:{published.version.tree.fingerprint[:16]}"
