"""Make `datasets/store` again: the same bars, the same versions, the same names. See datasets/README.md.

    python scripts/make_datasets.py                    replaces datasets/store
    python scripts/make_datasets.py --out /tmp/store   beside it, to compare

The real ccxt asks a sandbox exchange over loopback; both live on clocks that stand still, so nothing depends on when or
where this runs.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seamless_lab import Lab
from seamless_lab.app.local_exchange import exchange_overrides
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from seamless_lab.sandbox.market import Restatement, Stretch

STORE = Path(__file__).resolve().parent.parent / "datasets" / "store"
SEED = 7
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "XRP/USDT")
START, END = "2024-01-01", "2025-01-01"

RESTATED = "SOL/USDT"
SUMMER, WINTER, SPRING = (datetime(*day, 9, tzinfo=UTC) for day in ((2024, 8, 5), (2025, 1, 6), (2025, 3, 3)))
"""When SOL was sealed: first up to the end of July, then the whole year, then after the exchange corrected July."""
CORRECTED = datetime(2025, 2, 17, tzinfo=UTC)
LOST = tuple(
    (datetime(2024, 7, 2, 5, 40, tzinfo=UTC) + index * timedelta(hours=53), timedelta(minutes=(20, 80, 140)[index % 3]))
    for index in range(13)
)
"""The trades of these stretches of July were lost at first, so hours closed early or did not exist; then they came."""


def main() -> int:
    """Make the store and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=STORE, help="folder of the store; replaced")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    for ref in make(out):
        print(ref)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size:,} bytes")
    return 0


def make(out: Path, symbols: Sequence[str] = SYMBOLS) -> list[str]:
    """Seal the symbols' bars in a new store at `out`; the references of all versions, oldest first."""
    made = []
    with tempfile.TemporaryDirectory() as home, exchange() as market:
        for symbol in symbols:
            node = f"ohlcv:binance:{symbol}:1h"
            if symbol == RESTATED:
                with lab(home, market, SUMMER) as early:
                    made.append(early.fetch(node, START, "2024-08-01").ref)
                with lab(home, market, WINTER) as later:
                    made.append(later.fetch(node, START, END).ref)
            with lab(home, market, SPRING) as last:
                last.backfill(node, START, END, refresh=symbol == RESTATED)
                made.append(last.manifest(node).ref)
        shutil.copytree(Path(home) / "artifacts", out)
    return made


@contextmanager
def exchange() -> Iterator[SandboxExchange]:
    """The exchange that loses trades and corrects itself."""
    lost = (
        Restatement(RESTATED, stretch(start, length), int(CORRECTED.timestamp() * 1000), "late")
        for start, length in LOST
    )
    with SandboxExchange(SandboxConfig(seed=SEED, restatements=tuple(lost))) as running:
        yield running


@contextmanager
def lab(home: str, market: SandboxExchange, now: datetime) -> Iterator[Lab]:
    """A lab, and the exchange, at a moment."""
    market.freeze(int(now.timestamp() * 1000))
    with Lab(home, overrides={**exchange_overrides(market.url), "now": now.isoformat()}) as opened:
        yield opened


def stretch(start: datetime, length: timedelta) -> Stretch:
    """A stretch of time as the exchange takes it."""
    return Stretch(int(start.timestamp()), int((start + length).timestamp()))


if __name__ == "__main__":
    sys.exit(main())
