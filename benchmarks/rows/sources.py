"""A year through ccxt from a local exchange; and what that and a pinned read take in memory."""

from __future__ import annotations

import json
import shutil

import polars as pl

from benchmarks.bench import HEADER, Bench, row, walk
from benchmarks.child import in_child
from benchmarks.environment import Peer
from benchmarks.hot_stores import fill, open_hot
from benchmarks.measure import Contender, Kind, Row, Sample, race, timed
from benchmarks.rows.reading import home_on
from seamless_lab.app.local_exchange import LocalExchange
from seamless_lab.core.conformance import conform
from seamless_lab.core.grid import DAY
from seamless_lab.core.policy import BackfillPolicy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import TimeRange

START = 1_672_531_200  # 2023-01-01T00:00Z
EXCHANGE = ("--now", "2025-06-01T00:00:30", "--weight-limit", "100000000")
LATENCY_MS = 50
SCENES = ((1, "c=1", 0), (8, "c=8", 0), (8, f"c=8, {LATENCY_MS} ms", LATENCY_MS))
"""Concurrency, how it is called, latency of the exchange; a smoke test makes do with the middle one."""


@row("backfill-year")
def backfill_year(bench: Bench) -> Row:
    """One year of 1m bars through ccxt, the exchange in a process of its own and its pages computed before."""
    days = bench.sizes.year_days
    end = START + days * DAY
    found = Row("backfill-year", f"backfill {days} days of 1m through ccxt over loopback")
    peaks: list[float] = []
    with LocalExchange(*EXCHANGE) as exchange:
        peer = bench.peer("exchange_client")
        urls = _urls(exchange.url)

        def ours_once(concurrency: int, seal: bool) -> Sample:
            home = bench.new("home")
            told = in_child(
                "backfill", home=str(home), url=exchange.url, start=START, end=end, concurrency=concurrency, seal=seal
            )
            shutil.rmtree(home, ignore_errors=True)
            if seal:
                peaks.append(told["peak_mb"])
            return Sample(told["wall_ms"], told["cpu_ms"])

        def bare(concurrency: int) -> Sample:
            told = in_child("bare_loop", url=exchange.url, start=START, end=end, concurrency=concurrency)
            return Sample(told["wall_ms"], told["cpu_ms"])

        bare(8)
        ours_once(8, seal=False)  # its blocks ask for other pages than the bare loop's
        for concurrency, suffix, latency in SCENES if bench.sizes.rounds > 1 else SCENES[1:2]:
            if latency:
                exchange.set_faults(latency_ms=latency)
            contenders: list[Contender] = [
                Contender(Kind.OURS, f"ours: fill, {suffix}", lambda c=concurrency: ours_once(c, seal=False)),
                Contender(Kind.FLOOR, f"aiohttp + orjson + numpy, {suffix}", lambda c=concurrency: bare(c)),
            ]
            if bench.with_peers:
                contenders.append(_ccxt(peer, urls, end, concurrency, f"ccxt async, {suffix}"))
            if concurrency > 1 and not latency:
                contenders.append(
                    Contender(Kind.OURS, f"ours: backfill and seal, {suffix}", lambda: ours_once(8, seal=True))
                )
            found.measures += race(contenders, min(4, bench.sizes.rounds))
    after = _conform_and_write(bench, days)
    for suffix in ("c=1", "c=8"):
        spent, bare_ms = found.best(f"ours: fill, {suffix}"), found.best(f"aiohttp + orjson + numpy, {suffix}")
        allowed = None if bare_ms is None else 1.3 * bare_ms + after
        value = None if spent is None or allowed is None else spent / allowed
        found.at_most(f"{suffix} ≤ 1.3 × floor + conform + write", value, 1.0, "×")
    slow = f"c=8, {LATENCY_MS} ms"
    found.against(f"ours: fill, {slow}", f"aiohttp + orjson + numpy, {slow}", 1.2, f"{slow} ≤ 1.2 × the bare loop")
    found.at_most("peak memory with sealing ≤ 300 MB", min(peaks, default=None), 300, "MB")
    found.notes.append(
        f"Conforming and writing these bars, page by page, takes {after:.0f} ms by itself. The floor asks for pages of "
        f"1,000 bars, ours for blocks of {BackfillPolicy().window_bars}."
    )
    ours, alone = found.best("ours: fill, c=1"), found.best("ccxt async, c=1")
    if ours is not None and alone is not None:
        found.notes.append(
            f"At c=1 a fill takes {ours / alone:.2f} × what ccxt's own client takes for asking alone, with nothing "
            "behind it: what stands above the bare loop is nearly all in ccxt's requests."
        )
    found.notes.append(
        "The floor at c=8 is fair: like ours it is one process that keeps one core busy, and of its 2.2 ms of CPU "
        "a page 1.0 turns text into numbers, while ccxt with our columns takes 1.05 ms in all. What is above it comes "
        "after: of ours, about 4.1 ms a block, 1.0 goes into handing work to threads and back four times (claim, look "
        "again, keep, give back; with the same calls made on the loop a block takes 3.3), 0.4 into collecting garbage "
        "among ccxt's 250,000 objects, 0.7 into conforming and writing, the rest into paging with proof and leases."
    )
    return found


def _urls(url: str) -> str:
    from seamless_lab.sandbox.ccxt_urls import ccxt_urls  # imports ccxt

    return json.dumps(ccxt_urls("binance", url))


def _ccxt(peer: Peer, urls: str, end: int, concurrency: int, label: str) -> Contender:
    return peer.contender(
        label, "backfill", urls=urls, symbol="BTC/USDT", start=START, end=end, concurrency=concurrency
    )


def _conform_and_write(bench: Bench, days: int) -> float:
    """Milliseconds for conforming a year page by page and writing it to a hot store."""
    frame = walk(START, days * DAY // 60)
    step = BackfillPolicy().window_bars

    def conform_all() -> None:
        for first in range(0, frame.height, step):
            part = frame.slice(first, step)
            window = TimeRange(int(part["ts"][0]), int(part["ts"][-1]) + 60)
            raw = RawBars(part.with_columns(pl.col("ts") * 1_000), TimeUnit.MILLISECONDS)
            conform(raw, HEADER, window, answered=Ranges.single(window))

    def write_all() -> None:
        store = open_hot(bench.new("hot.db"))
        fill(store, frame, window_bars=step)
        store.close()

    return min(timed(conform_all).wall_ms for _ in range(2)) + min(timed(write_all).wall_ms for _ in range(2))


@row("pinned-memory")
def pinned_memory(bench: Bench) -> Row:
    """What a pinned read of five years adds to a process, every byte touched."""
    found = Row("pinned-memory", f"memory of a pinned read of {bench.frame.height:,} bars, every byte touched")
    home = home_on(bench)
    window = bench.window
    in_child("pinned_read", home=str(home), start=window.start, end=window.end)
    told = in_child("pinned_read", home=str(home), start=window.start, end=window.end)
    found.at_most("added resident memory ≤ 1.2 × frame", told["added_mb"] / told["frame_mb"], 1.2, "×")
    found.notes.append(
        f"The frame is {told['frame_mb']:.0f} MB; the process grew by {told['added_mb']:.0f} MB to a peak of "
        f"{told['peak_mb']:.0f} MB. Most of it is page cache that the system takes back."
    )
    return found
