"""The jobs of `benchmarks.child`. Each imports what it needs, so that imports can be measured too."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
import time
from typing import Any

from benchmarks.child import BENCH_NOW, clocked, resident_mb

NODE = "ohlcv:binance:BTC/USDT:1m"
Told = dict[str, Any]


def import_package() -> Told:
    """`import seamless_lab`, then `%load_ext` in an IPython that is up."""
    told: Told = {}
    with clocked(told):
        import seamless_lab  # noqa: F401  # what is timed
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    loading: Told = {}
    with clocked(loading):
        shell.run_line_magic("load_ext", "seamless_lab")
    return told | {"load_ms": loading["wall_ms"], "load_cpu_ms": loading["cpu_ms"]}


def import_bare(modules: list[str]) -> Told:
    """Import of something else, for comparison."""
    told: Told = {}
    with clocked(told):
        for module in modules:
            __import__(module)
    return told


def open_lab(home: str) -> Told:
    """Import `Lab`, and open one."""
    told: Told = {}
    with clocked(told):
        from seamless_lab import Lab

        lab = Lab(home)
    lab.close()
    return told


def fetch_sealing(home: str, start: int, end: int) -> Told:
    """`Lab.fetch` of what the hot store holds."""
    from seamless_lab.app.lab import Lab

    told: Told = {}
    with Lab(home, overrides={"now": BENCH_NOW}) as lab:
        lab.wiring.engine  # noqa: B018  # made before the clock starts
        told["before_mb"] = resident_mb()
        with clocked(told):
            result = lab.fetch(NODE, start, end)
        told["rows"] = result.rows
        told["timings_ms"] = result.answer.timings_ms
    return told


def backtest(home: str, nodes: list[str], fast: int, slow: int) -> Told:
    """A crossover backtest over sealed nodes."""
    from seamless_lab import Lab, crossover

    told: Told = {}
    with Lab(home) as lab:
        refs = {node: lab.manifest(node).ref for node in nodes}
        with clocked(told):
            result = lab.backtest(crossover(fast, slow), pins=refs, fee_bps=10)
        told["trades"] = result.metrics.trades
        told["digest"] = result.digest
    return told


def pinned_read(home: str, start: int, end: int) -> Told:
    """Resident memory around a pinned read, every byte touched."""
    from seamless_lab.app.lab import Lab

    told: Told = {}
    with Lab(home) as lab:
        ref = lab.fetch(NODE, start, start + 86_400).ref
        before = resident_mb()
        with clocked(told):
            frame = lab.fetch(ref, start, end, domain="research").bars.frame
            told["total"] = sum(float(frame[name].sum()) for name in frame.columns)
        told["added_mb"] = resident_mb() - before
        told["frame_mb"] = frame.estimated_size("mb")
        told["rows"] = frame.height
    return told


def _overrides(url: str, concurrency: int, **more: object) -> dict[str, object]:
    from seamless_lab.app.local_exchange import exchange_overrides

    limits: dict[str, object] = {"seamless.backfill.max_concurrent_requests": concurrency}
    return {**exchange_overrides(url), **limits, "now": BENCH_NOW, **more}


def backfill(home: str, url: str, start: int, end: int, concurrency: int, seal: bool) -> Told:
    """A backfill through ccxt, with or without sealing; markets are loaded before the clock starts."""
    from seamless_lab.app.lab import Lab
    from seamless_lab.core.ranges import Ranges
    from seamless_lab.core.time import TimeRange

    told: Told = {}
    with Lab(home, overrides=_overrides(url, concurrency)) as lab:
        lab.plan(NODE, start, start + 3_600)
        told["before_mb"] = resident_mb()
        if seal:
            with clocked(told):
                done = lab.backfill(NODE, start, end)
            told["rows"], told["requests"] = done.rows, done.requests
            return told
        wiring, header = lab.wiring, lab.door.series(NODE)  # the fill alone has no public door
        gaps = Ranges.single(TimeRange(start, end))
        with clocked(told):
            outcome = lab._portal.call(lambda: wiring.backfiller.fill(header, gaps, sealed=Ranges.empty()))
        told["rows"], told["requests"] = outcome.rows, outcome.requests
        if outcome.errors:
            raise outcome.errors[0]
    return told


def bare_loop(url: str, start: int, end: int, concurrency: int) -> Told:
    """The floor of a backfill: aiohttp, orjson, numpy, one array a page."""
    import aiohttp
    import numpy as np
    import orjson

    told: Told = {}
    page_s = 1_000 * 60

    async def run() -> int:
        pages: dict[int, Any] = {}
        queue = iter(range(start, end, page_s))
        async with aiohttp.ClientSession(url) as session:

            async def work() -> None:
                for since in queue:
                    until = min(since + page_s, end)
                    asked = {"symbol": "BTCUSDT", "interval": "1m", "limit": "1000", "startTime": str(since * 1_000)}
                    async with session.get(
                        "/binance/api/v3/klines", params={**asked, "endTime": str(until * 1_000 - 1)}
                    ) as answer:
                        rows = orjson.loads(await answer.read())
                    pages[since] = np.array([each[:6] for each in rows], dtype=np.float64)

            await asyncio.gather(*(work() for _ in range(concurrency)))
        return int(np.concatenate([pages[since] for since in sorted(pages)]).shape[0])

    with clocked(told):
        told["rows"] = asyncio.run(run())
    return told


def first_progress(home: str, url: str, start: int, end: int) -> Told:
    """From the first command of a lab, and again from the next, to the first progress that is shown."""
    opening = time.perf_counter()
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.progress import Progress

    told: Told = {}

    def measure(lab: Lab, begin: int) -> tuple[float, float]:
        progress, seen = Progress(), [0.0, 0.0]
        begun = time.perf_counter()

        def note(event: Any) -> None:
            if not seen[0]:
                seen[0] = (time.perf_counter() - begun) * 1_000
            if progress.note(event) and progress.asked and not seen[1]:
                seen[1] = (time.perf_counter() - begun) * 1_000

        lab.backfill(NODE, begin, begin + (end - start), on_event=note)
        return seen[0], seen[1]

    with Lab(home, overrides=_overrides(url, 8)) as lab:
        told["open_ms"] = (time.perf_counter() - opening) * 1_000
        told["cold_event_ms"], told["cold_ms"] = measure(lab, start)
        told["warm_event_ms"], told["warm_ms"] = measure(lab, end)
    return told


def stop_button(home: str, url: str, start: int, end: int) -> Told:
    """From SIGINT in the middle of a backfill to the error that says so."""
    from seamless_lab.app.lab import Lab
    from seamless_lab.errors import Interrupted

    told: Told = {}
    pressed = [0.0]

    def press() -> None:
        pressed[0] = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    with Lab(home, overrides=_overrides(url, 8)) as lab:
        armed = False

        def note(event: Any) -> None:
            nonlocal armed
            if event.name == "seamless.backfill.progress" and not armed:
                armed = True
                threading.Timer(random.uniform(0.05, 0.15), press).start()

        try:
            lab.backfill(NODE, start, end, on_event=note)
        except Interrupted:
            told["wall_ms"] = (time.perf_counter() - pressed[0]) * 1_000
        told["leases"] = _leases(lab)
    return told


def small_budget(home: str, url: str, start: int, calls: int, budget_ms: int) -> Told:
    """Fetches with a small budget on a source that hangs."""
    import numpy as np

    from seamless_lab.app.lab import Lab
    from seamless_lab.core.policy import SLAPolicy

    took, phases = [], set()
    with Lab(home, overrides=_overrides(url, 8)) as lab:
        lab.plan(NODE, start, start + 3_600)  # markets are loaded: only bars hang
        policy = SLAPolicy(max_wait_backfill_ms=budget_ms)
        for place in range(calls):
            begun = time.perf_counter()
            result = lab.fetch(
                NODE, start + place * 86_400, start + place * 86_400 + 36_000, strategy="SEAMLESS", sla=policy
            )
            took.append((time.perf_counter() - begun) * 1_000)
            phases.add(result.answer.violated)
        loop = lab._portal.loop  # nothing public shows the loop's tasks
        time.sleep(0.2)
        tasks = asyncio.run_coroutine_threadsafe(_tasks(), loop).result()
        return {
            "wall_ms": float(np.percentile(took, 99)),
            "median_ms": float(np.median(took)),
            "first_ms": took[0],
            "phases": sorted(phases),
            "tasks": len(tasks),
            "left": tasks,
            "leases": _leases(lab),
        }


async def _tasks() -> list[str]:
    """What still runs on the loop, besides this."""
    return [repr(task.get_coro())[:100] for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def _leases(lab: Any) -> int:
    now_ms = int(time.time() * 1_000)
    with lab.wiring.database.reading() as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(lease)")]
        rows = [dict(zip(columns, row, strict=True)) for row in connection.execute("SELECT * FROM lease")]
    return sum(bool(row.get("owner")) and (row.get("expires_at_ms") or 0) > now_ms for row in rows)


def hot_process(path: str, role: str, place: int, seconds: float, pace_ms: float) -> Told:
    """One of many writers or readers of a hot store: one window each pace, until the time is over."""
    from pathlib import Path

    import numpy as np

    from benchmarks.bench import HEADER, T0, walk
    from benchmarks.hot_stores import open_hot, write_of
    from seamless_lab.core.time import TimeRange

    store = open_hot(Path(path))
    frame = walk(T0, 30 * 1_440)
    window = TimeRange(T0, T0 + 86_400)
    store.load(HEADER, window)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    took, errors, end, number = [], [], time.monotonic() + seconds, 0
    rng = random.Random(place)
    while (now := time.monotonic()) < end:
        number += 1
        day = rng.randrange(30)
        begun = time.perf_counter()
        try:
            if role == "write":
                part = frame.slice(day * 1_440 + rng.randrange(540), 900)
                store.write(write_of(part, 1_735_700_000_000 + number * 10 + place))
            else:
                store.load(HEADER, TimeRange(T0 + day * 86_400, T0 + (day + 1) * 86_400))
        except Exception as error:  # any error of the store is a result
            errors.append(repr(error)[:200])
        took.append((time.perf_counter() - begun) * 1_000)
        time.sleep(max(0.0, pace_ms / 1_000 * rng.uniform(0.5, 1.5) - (time.monotonic() - now)))
    store.close()
    return {"p99_ms": float(np.percentile(took, 99)), "took": took, "done": number, "errors": errors}
