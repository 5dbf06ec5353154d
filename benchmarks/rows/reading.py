"""Reading sealed bars: whole, cold, in part, as of a moment."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.bench import HEADER, KEEPERS, NODE, Bench, candidate, row
from benchmarks.environment import Peer
from benchmarks.measure import Contender, Kind, Row, Sample, floor, local, ours, race
from benchmarks.objects import Counting, write_commits
from seamless_lab.adapters.objects_folder import FolderObjects
from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from seamless_lab.app.lab import Lab
from seamless_lab.core.bars import COLUMNS, VALUES
from seamless_lab.core.grid import DAY
from seamless_lab.core.reference import AsOf
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import NoSegmentCache

WEEK = 7 * DAY


def _total(frame: pl.DataFrame) -> float:
    return float(sum(frame[name].sum() for name in VALUES))


@row("pinned-read")
def pinned_read(bench: Bench) -> Row:
    """Five years of a pinned version to polars, everything verified before."""
    found = Row("pinned-read", f"pinned read of {bench.frame.height:,} bars, warm cache, to polars")
    store = bench.open_store(bench.store_folder, ArrowSegmentCache(bench.cache_folder))
    fingerprint = store.resolve(HEADER.node).tree.fingerprint
    monthly = sorted(str(path) for path in bench.store_folder.rglob("data/*.parquet"))

    def read() -> pl.DataFrame:
        return store.read(store.resolve(HEADER.node, fingerprint=fingerprint)).bars.frame

    def mapped() -> pl.DataFrame:
        return pl.DataFrame(pa.ipc.open_file(pa.memory_map(bench.data)).get_batch(0))

    with Lab(str(home_on(bench)), overrides={"cache.enable": False}) as lab:

        def fetch() -> pl.DataFrame:
            ref = f"{NODE}@sha256:{fingerprint[:16]}"
            return lab.fetch(ref, bench.window.start, bench.window.end, domain="research").bars.frame

        contenders: list[Contender] = [
            ours("ours: store", read, store.forget),
            ours("ours: Lab.fetch", fetch, lab.wiring.sealed.forget),
            ours("ours: every byte touched", lambda: _total(read()), store.forget),
            floor("one mapped Arrow file", mapped),
            floor("one mapped Arrow file, every byte touched", lambda: _total(mapped())),
            local("polars, monthly zstd Parquet", lambda: pl.read_parquet(monthly)),
        ]
        for keeper in bench.keepers:
            contenders.append(keeper.contender("read"))
            if keeper.label in ("ArcticDB", "Delta Lake", "Iceberg"):
                contenders.append(keeper.contender("read_and_sum", f"{keeper.label}, every byte touched"))
            if keeper.label == "ArcticDB":
                contenders += [
                    keeper.contender("read_as", f"ArcticDB ({output})", output=output)
                    for output in ("pandas", "pyarrow")
                ]
        found.measures = race(contenders, bench.sizes.rounds * 2)
    found.against("ours: store", "ArcticDB", 0.5, "≤ 0.5 × ArcticDB")
    found.against(
        "ours: every byte touched", "ArcticDB, every byte touched", 0.8, "every byte touched ≤ 0.8 × ArcticDB"
    )
    found.notes.append("Before each of our rounds the process forgets everything; the machine's segment cache is warm.")
    return found


@row("pinned-read-cold")
def pinned_read_cold(bench: Bench) -> Row:
    """The same where nothing was read before: Parquet, checked against every digest, and kept as segments."""
    found = Row("pinned-read-cold", f"the same, first read on a machine: {bench.frame.height:,} bars from Parquet")
    cold = bench.new("cold-segments")
    store = bench.open_store(bench.store_folder, ArrowSegmentCache(cold))
    bare = bench.open_store(bench.store_folder, NoSegmentCache())
    monthly = sorted(str(path) for path in bench.store_folder.rglob("data/*.parquet"))

    def forget() -> None:
        shutil.rmtree(cold, ignore_errors=True)
        store.forget()
        bare.forget()

    found.measures = race(
        [
            ours("ours, keeping segments", lambda: store.read(store.resolve(HEADER.node)), forget),
            ours("ours, no segment cache", lambda: bare.read(bare.resolve(HEADER.node)), forget),
            floor("polars Parquet decode", lambda: pl.read_parquet(monthly)),
            floor("decode, and SHA-256 of the same bytes", lambda: list(bench.executor.map(_hashed, monthly))),
        ],
        max(2, bench.sizes.rounds - 2),
    )
    found.against("ours, no segment cache", "polars Parquet decode", 1.5, "≤ 1.5 × decode")
    found.against("ours, keeping segments", "polars Parquet decode", 1.5, "also with the segments written")
    hashing = found.ratio("decode, and SHA-256 of the same bytes", "polars Parquet decode")
    found.notes.append("Ours hashes every file and every leaf; the decode checks nothing.")
    found.notes.append(
        "Decoding is parallel itself, so no hash hides behind it: the second floor, which hashes the same files and "
        f"columns and compares nothing, takes {hashing:.2f} × the first. Beyond that ours reads and checks the packs "
        "that list the leaves, and copies each day's columns together, as a leaf is one digest. Keeping segments "
        "writes and syncs all bars uncompressed before it answers: what it returns is their map, and the decoded copy "
        "is freed."
    )
    return found


def _hashed(path: str) -> list[bytes]:
    data = Path(path).read_bytes()
    frame = pl.read_parquet(data)
    return [hashlib.sha256(part).digest() for part in (data, *(frame[name].to_numpy() for name in COLUMNS))]


@row("week-window")
def week_window(bench: Bench) -> Row:
    """One week out of five years, the version resolved on the way."""
    weeks = max(1, bench.sizes.days // 7 - 1)
    found = Row("week-window", f"one-week window out of {bench.sizes.days} days, resolution included")
    turn = count()

    def any_week() -> TimeRange:
        start = bench.window.start + (next(turn) * 37 % weeks) * WEEK + 3_600
        return TimeRange(start, start + WEEK - DAY)

    with Lab(str(home_on(bench))) as lab:
        sealed = lab.wiring.sealed
        fingerprint = sealed.resolve(HEADER.node).tree.fingerprint
        ref = f"{NODE}@sha256:{fingerprint[:16]}"
        whole = lab.fetch(ref, bench.window.start, bench.window.end, domain="research").bars.frame.rechunk()
        times = whole["ts"].to_numpy()

        def fetch() -> object:
            window = any_week()
            return lab.fetch(ref, window.start, window.end, domain="research")

        def read() -> object:
            return sealed.read(sealed.resolve(HEADER.node, fingerprint=fingerprint), any_week())

        def slice_() -> object:
            window = any_week()
            first, last = np.searchsorted(times, [window.start, window.end])
            return whole.slice(int(first), int(last - first))

        def ask(**form: object) -> tuple[str, dict[str, object]]:
            window = any_week()
            return "week", {"start": window.start, "end": window.end, **form}

        contenders = [
            ours("ours: Lab.fetch on a pin", fetch),
            ours("ours: store", read),
            floor("slice of a mapped frame", slice_),
        ]
        contenders += [keeper.asked(ask) for keeper in bench.keepers]
        for keeper in bench.keepers[:1]:
            contenders += [
                keeper.asked(partial(ask, output=output), f"ArcticDB ({output})") for output in ("pandas", "pyarrow")
            ]
        found.measures = race(contenders, bench.sizes.rounds * 6)
    found.against("ours: Lab.fetch on a pin", "ArcticDB", 0.5, "Lab.fetch ≤ 0.5 × ArcticDB")
    found.notes.append(
        "Another week each round, so that nobody's answer is a repeated one; the edges fall inside days."
    )
    if (store := found.ratio("ours: store", "ArcticDB")) is not None:
        found.notes.append(
            f"Finding the version and reading the week, as the store does it, takes {store:.2f} × ArcticDB. The rest "
            "of Lab.fetch is the way from the caller's thread to the engine's loop, to a worker and back, coverage by "
            "cause, the read's entry in the journal, and the entry in the log of fetches."
        )
    return found


@row("resolve-as-of")
def resolve_as_of(bench: Bench) -> Row:
    """Which version a moment means, among many commits."""
    found = Row("resolve-as-of", f"resolve as_of at {', '.join(f'{n:,}' for n in bench.sizes.commits)} commits")
    random = np.random.default_rng(3)
    for commits in bench.sizes.commits:
        folder = bench.new(f"commits-{commits}")
        times = write_commits(folder, bench, commits)
        counting = Counting(FolderObjects(folder))
        held = bench.open_store(counting)
        held.select(HEADER.node, AsOf(times[-1]))
        pick = [int(at) for at in random.choice(times, 4_000)]
        turn, index = count(), np.array(times)

        def warm(store: object = held, pick: list[int] = pick, turn: Iterator[int] = turn) -> object:
            return store.select(HEADER.node, AsOf(pick[next(turn) % len(pick)]))

        def cold(objects: Counting = counting, pick: list[int] = pick, turn: Iterator[int] = turn) -> object:
            return bench.open_store(objects).select(HEADER.node, AsOf(pick[next(turn) % len(pick)]))

        contenders = [
            ours(f"ours: {commits:,}, new process", cold),
            ours(f"ours: {commits:,}", warm),
            floor(
                f"bisect of a held index: {commits:,}",
                lambda index=index, pick=pick: np.searchsorted(index, pick[7]),
            ),
        ]
        contenders += _resolving_peers(bench, commits)
        found.measures += race(contenders, bench.sizes.rounds * 30)
        most, listed = 0, 0
        for _ in range(min(40, len(pick))):
            counting.clear()
            cold()
            most, listed = max(most, len(counting.reads) - 1), listed + len(counting.listed)  # -1: the tree itself
        bound = 2 * math.log2(commits) + 4
        found.at_most(f"object reads at {commits:,} commits ≤ 2·log2(n)+4", most, bound, "reads")
        found.at_most(f"listings at {commits:,} commits", listed, 0, "")
        bench.close_peers()
    last = bench.sizes.commits[-1]
    found.against(f"ours: {last:,}", f"ArcticDB: {last:,}", 1.0, f"≤ ArcticDB at {last:,}")
    found.notes.append(
        "Moments are random. Delta and Iceberg are left out where writing that many commits takes minutes."
    )
    return found


def _resolving_peers(bench: Bench, commits: int) -> list[Contender]:
    made = []
    most = {"ArcticDB": 10_000, "Delta Lake": 1_000, "Iceberg": 10}
    for label, module, _ in KEEPERS[:3]:
        if not bench.with_peers or commits > most[label]:
            continue
        peer = bench.peer(module)
        peer.prepare("history", folder=str(bench.new(module)), commits=commits)
        turn = count()

        def run(peer: Peer = peer, turn: Iterator[int] = turn) -> Sample:
            return peer.sample("resolve", as_of=next(turn) * 7_919 % commits)

        made.append(Contender(Kind.PEER, f"{label}: {commits:,}", run))
    return made


@row("diff-day")
def diff_day(bench: Bench) -> Row:
    """What changed between two versions of five years that differ in one day."""
    found = Row("diff-day", f"diff of two versions of {bench.sizes.days} days that differ in one")
    folder = bench.new("diff-store")
    shutil.copytree(bench.store_folder, folder)
    counting = Counting(FolderObjects(folder))
    store = bench.open_store(counting)
    middle = bench.sizes.days // 2
    day = TimeRange(bench.window.start + middle * DAY, bench.window.start + (middle + 1) * DAY)
    changed = bench.bars.window(day)
    changed = type(changed)(changed.node, changed.grid, changed.frame.with_columns(pl.col("close") + 0.01))
    old = store.resolve(HEADER.node)
    new = store.publish(candidate(changed, day, at_ms=1_735_800_000_000)).version
    store.forget()
    counting.clear()
    difference = store.diff(old, new)
    opened = len({path for path in counting.read_fully if "/data/" in path})
    found.measures = race([ours("ours", lambda: store.diff(old, new), store.forget)], bench.sizes.rounds)
    found.at_most("opens ≤ 2 data files", opened, 2, "files")
    found.notes.append(f"{difference.restated.height:,} bars restated.")
    return found


def home_on(bench: Bench) -> Path:
    """A lab's home over the dataset's store."""
    home = bench.new("home")
    home.mkdir()
    (home / "artifacts").symlink_to(bench.store_folder)
    return home
