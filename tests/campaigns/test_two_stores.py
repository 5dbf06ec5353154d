"""Two stores built differently agree on what a window holds, to the byte."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seamless_lab.app.export import writer
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.labs import NOW_MS, open_lab
from tests.oracle import check_honest
from tests.processes import forkserver

NODE = "ohlcv:binance:LTC/USDT:1m"
FEBRUARY, DAY = 1_706_745_600, 86_400
WINDOW = (FEBRUARY + 7 * DAY + 660, FEBRUARY + 29 * DAY - 420)  # edges inside days: leaves are clipped
ROUGH = FaultPlan(
    seed=5,
    rates={"server_error": 0.1, "reset": 0.05, "truncated": 0.05, "duplicates": 0.1, "out_of_order": 0.1, "html": 0.05},
    routes=frozenset({"klines"}),
)


@pytest.fixture(scope="module")
def exchange():
    quiet = {"LTC/USDT": 3_000}
    config = SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={}, quiet_per_million=quiet)
    with SandboxExchange(config) as running:
        yield running


def export(lab, folder: Path) -> tuple[str, bytes, bytes]:
    """The content digest of the window and the bytes of both kinds of file."""
    result = lab.fetch(lab.manifest(NODE).ref, *WINDOW, domain="research")
    paths = [folder / f"bars{suffix}" for suffix in (".parquet", ".csv")]
    for path in paths:
        writer(path, force=False)(result)
    return result.content, *(path.read_bytes() for path in paths)


def build_in_pieces(home: str, url: str, seed: int, results) -> None:
    """37 random overlapping windows, eight requests and three fetches at once, with a month more of history."""
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    rng = random.Random(seed)
    begin = FEBRUARY - 31 * DAY
    starts = [rng.randrange(begin, WINDOW[1]) for _ in range(34)]
    windows = [(start, start + rng.randrange(60, 4 * DAY)) for start in starts]
    windows += [(begin, begin + 3 * DAY), (WINDOW[0] - 60, WINDOW[0] + DAY), (WINDOW[1] - 10, WINDOW[1] + 1)]
    with open_lab(Path(home), url, seamless__backfill__max_concurrent_requests=8) as lab:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda window: lab.fetch(NODE, *window), windows))
        lab.backfill(NODE, begin, WINDOW[1] + DAY)
        lab.backfill(NODE, begin, WINDOW[1] + DAY)  # what the faults left
        results.put((*export(lab, Path(home)), lab.artifacts(NODE).frame.height))


def test_they_agree_on_content_and_bytes(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan())
    with open_lab(tmp_path / "calm", exchange.url, seamless__backfill__max_concurrent_requests=1) as lab:
        whole = lab.fetch(NODE, *WINDOW)
        check_honest(exchange, whole)
        assert whole.verdict == "PASS"
        calm = export(lab, tmp_path)
    assert calm[0] == whole.content
    exchange.set_faults(ROUGH)
    context = forkserver()
    results = context.Queue()
    process = context.Process(target=build_in_pieces, args=(str(tmp_path / "rough"), exchange.url, 37, results))
    process.start()
    *rough, versions = results.get(timeout=120)
    process.join(30)
    exchange.set_faults(FaultPlan())
    assert process.exitcode == 0
    assert versions > 5
    assert rough[0] == calm[0], "content differs"
    assert rough[1] == calm[1], "the Parquet file differs"
    assert rough[2] == calm[2], "the CSV file differs"
