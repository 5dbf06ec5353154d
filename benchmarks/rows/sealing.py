"""Sealing: a day on top of years, a million bars from the hot store."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from itertools import count
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from benchmarks.bench import HEADER, T0, Bench, candidate, row, walk
from benchmarks.child import in_child
from benchmarks.hot_stores import fill, open_hot
from benchmarks.measure import Contender, Kind, Row, Sample, floor, ours, race
from benchmarks.objects import Counting, copied
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.core.bars import Bars
from seamless_lab.core.grid import DAY
from seamless_lab.core.time import TimeRange


class SetClock:
    """A clock that says what it is told."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return time.monotonic()


def write_parquet(path: Path, frame: pl.DataFrame) -> int:
    """The floor's file: zstd, one row group, synced; returns its bytes."""
    with path.open("wb") as file:
        pq.write_table(frame.to_arrow(), file, compression="zstd", compression_level=1, use_dictionary=False)
        file.flush()
        os.fsync(file.fileno())
    return path.stat().st_size


def _synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@row("publish-day")
def publish_day(bench: Bench) -> Row:
    """One new day on top of five years, and on top of a month."""
    found = Row("publish-day", f"publish one new day on {bench.sizes.days} days")
    rounds = bench.sizes.rounds * 3
    after = T0 + bench.sizes.days * DAY
    frame = walk(after, (rounds + 2) * DAY // 60)
    whole, month = bench.window, TimeRange(after - 31 * DAY, after)
    today = SetClock(after * 1_000)
    counting = Counting(FolderObjects(bench.new("growing")))
    long, short = bench.open_store(counting, clock=today), bench.open_store(bench.new("month"), clock=today)
    long.publish(candidate(bench.bars, whole, after * 1_000))
    short.publish(candidate(bench.bars.window(month), month, after * 1_000))
    plain = bench.new("plain")
    plain.mkdir()
    days = {"ours": 0, "ours: on a month": 0, "peer": 0}

    def next_day(who: str) -> TimeRange:
        days[who] += 1
        return TimeRange(after + (days[who] - 1) * DAY, after + days[who] * DAY)

    def publish(who: str) -> object:
        store = long if who == "ours" else short
        window = next_day(who)
        today.ms = (window.end + 600) * 1_000  # sealed a few minutes after the day, while its month is open
        return store.publish(candidate(Bars(HEADER.node, HEADER.grid, frame).window(window), window, today.ms))

    sizes = []

    def bare() -> None:
        number = len(sizes)
        data = frame.slice(0, 1_440)
        sizes.append(write_parquet(plain / f"{number}.parquet", data))
        digest = hashlib.sha256(data.to_arrow().to_batches()[0].serialize()).hexdigest()
        _synced(plain / f"{number}.json", json.dumps({"seq": number, "digest": digest}).encode())

    empty, numbers = FolderObjects(bench.new("empty")), count()

    def create() -> None:
        number = next(numbers)  # the same sizes again when ours has not run since: paths of their own
        *before, commit = [(f"{path}.{number}", bytes(size)) for path, size in counting.created]
        list(bench.executor.map(lambda item: empty.create(*item), before))
        empty.create(*commit)

    contenders: list[Contender] = [
        ours("ours", lambda: publish("ours"), counting.clear),
        ours("ours: on a month", lambda: publish("ours: on a month")),
        floor("one-day Parquet and manifest, synced", bare),
        floor("objects of our sizes, of zeros", create),
    ]
    day_files: dict[str, int] = {}
    for keeper in bench.keepers:
        few = keeper.label.startswith("freqtrade")

        def load(keeper: object = keeper) -> None:
            label = keeper.label
            number = day_files[label] = day_files.get(label, -1) + 1
            keeper.peer.call("load_day", data=bench.arrow_file(frame.slice(number * 1_440, 1_440)))

        made = keeper.contender("append", before=load)
        contenders.append(Contender(made.kind, made.label, made.run, made.before, rounds=2 if few else None))
    found.measures = race(contenders, rounds)
    objects, written = len(counting.created), sum(size for _, size in counting.created)
    found.against("ours", "one-day Parquet and manifest, synced", 1.5, "≤ 1.5 × floor")
    found.against("ours", "ours: on a month", 1.25, "independent of history: five years ≤ 1.25 × a month")
    found.at_most("objects written ≤ 4", objects, 4, "objects")
    found.at_most("bytes ≤ 2 × the day's + 16 kB", written, 2 * min(sizes) + 16_000, "bytes")
    creating = found.ratio("objects of our sizes, of zeros", "one-day Parquet and manifest, synced")
    found.notes.append(f"{objects} objects, {written:,} bytes; the day alone as Parquet is {min(sizes):,} bytes.")
    found.notes.append(
        "Each of our objects is written aside, synced, linked to its name, and its folder synced, the commit after the "
        "others, so that a power cut leaves a version whole or absent; the floor writes two files in place and syncs "
        f"the folder once. Creating objects of these sizes, of zeros, takes {creating:.2f} × the floor. The rest is "
        "the day's Parquet, which the floor writes too, and the merge with the newest version, whose commit is read "
        "again."
    )
    return found


@row("hot-to-sealed")
def hot_to_sealed(bench: Bench) -> Row:
    """`Lab.fetch` of bars that only the hot store has: publish them and read them back."""
    bars = bench.sizes.bars
    found = Row("hot-to-sealed", f"fetch and publish {bars:,} bars from the hot store")
    home = bench.new("hot-home")
    home.mkdir()
    frame = walk(T0, bars)
    hot = open_hot(home / "hot.db")
    fill(hot, frame, window_bars=50_000)
    hot.close()
    peaks: list[float] = []

    def ours_in_child() -> Sample:
        place = copied(home, bench.new("copy"))
        told = in_child("fetch_sealing", home=str(place), start=T0, end=T0 + bars * 60)
        shutil.rmtree(place)
        peaks.append(told["peak_mb"])
        if told["rows"] != bars:
            raise ValueError(f"{told['rows']} bars instead of {bars}")
        return Sample(told["wall_ms"], told["cpu_ms"])

    target = bench.new("floor.parquet")
    found.measures = race(
        [
            Contender(Kind.OURS, "ours: Lab.fetch", ours_in_child),
            floor("Parquet write", lambda: write_parquet(target, frame)),
        ],
        min(3, bench.sizes.rounds),
    )
    found.against("ours: Lab.fetch", "Parquet write", 2.5, "≤ 2.5 × floor")
    found.at_most("peak memory ≤ 350 MB", min(peaks, default=None), 350, "MB")
    found.notes.append(
        "Ours runs in a process of its own, the lab opened before the clock starts; its segments are new."
    )
    return found
