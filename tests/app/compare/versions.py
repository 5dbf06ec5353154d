"""A node with four versions, and what may happen to its files."""

from __future__ import annotations

from pathlib import Path

from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
from seamless_lab.app.compare.results import DiffResult
from seamless_lab.app.render import text
from seamless_lab.app.render.view import Look
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import SealedStore
from tests.engine.artifacts.making import DAY, HEADER, HOUR, T0, Ticking, candidate, days

NODE, OTHER = str(HEADER.node), "ohlcv:binance:ETH/USDT:1m"
FIRST_MS = (T0 + 10 * DAY) * 1_000


def fill(store: SealedStore, clock: Ticking) -> None:
    """Three days; then an hour of the second restated and one thinned out to every other bar; then a fourth day."""
    clock.now = FIRST_MS
    store.publish(candidate(days(0, 2), FIRST_MS, every=15))
    clock.now += DAY * 1_000
    restated = candidate(TimeRange(T0 + DAY, T0 + DAY + HOUR), clock.now, salt=1, every=15)
    store.publish(restated)
    store.publish(candidate(TimeRange(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR), clock.now, every=30))
    clock.now += DAY * 1_000
    store.publish(candidate(days(3), clock.now, every=15))


def shown(result: DiffResult | BarHistory | WindowHistory) -> str:
    return text.render(result.view(), Look(static=True))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))
