"""Object stores for counting, and histories written without publishing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import HEADER, Bench, candidate
from seamless_lab.core.grid import DAY
from seamless_lab.core.identity import NodeId
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit
from seamless_lab.engine.artifacts.documents import checksum, commit_path, with_checksum
from seamless_lab.engine.ports import ObjectStore

FIRST_AS_OF_MS = 1_600_000_000_000


class Counting:
    """An object store that writes down what is asked of another one."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner
        self.reads: list[str] = []
        self.read_fully: list[str] = []
        self.created: list[tuple[str, int]] = []
        self.listed: list[str] = []

    def clear(self) -> None:
        for log in (self.reads, self.read_fully, self.created, self.listed):
            log.clear()

    def create(self, path: str, data: bytes) -> bool:
        made = self._inner.create(path, data)
        if made:
            self.created.append((path, len(data)))
        return made

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        data = self._inner.read(path)
        self.read_fully.append(path)
        return data

    def exists(self, path: str) -> bool:
        self.reads.append(path)
        return self._inner.exists(path)

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        self.listed.append(prefix)
        return self._inner.list(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        self.listed.append(prefix)
        return self._inner.folders(prefix)

    def delete(self, path: str) -> None:
        self._inner.delete(path)

    @property
    def url(self) -> str:
        return self._inner.url


def write_commits(folder: Path, bench: Bench, commits: int) -> list[int]:
    """Make a store whose node has so many commits of one small tree; returns when each was made."""
    window = TimeRange(bench.window.start, bench.window.start + DAY)
    first = bench.open_store(folder).publish(candidate(bench.bars.window(window), window, at_ms=1)).version.commit
    (folder / commit_path(HEADER.node, 1)).unlink()
    times, previous = [], ""
    for seq in range(1, commits + 1):
        times.append(FIRST_AS_OF_MS + seq * 60_000)
        previous = _write(folder, HEADER.node, _commit(first, seq, times[-1], previous))
    return times


def write_nodes(folder: Path, bench: Bench, nodes: int) -> list[str]:
    """Make a store with so many nodes of one commit each, as a catalogue sees them; returns their names."""
    window = TimeRange(bench.window.start, bench.window.start + DAY)
    observed = Observed.at(Ranges.single(window), 1)
    bare = Commit(1, "", FIRST_AS_OF_MS, "0" * 64, window, 1_440, observed)
    names = []
    for place in range(nodes):
        node = NodeId("ohlcv", ("binance", "kraken", "coinbase")[place % 3], f"S{place:05d}/USDT", "1m")
        _write(folder, node, bare)
        names.append(str(node))
    return names


def _commit(model: Commit, seq: int, as_of_ms: int, previous: str) -> Commit:
    return Commit(
        seq, previous, as_of_ms, model.fingerprint, model.bounds, model.rows, model.observed, model.conformance,
        model.producer, model.watermark_ms, model.provenance,
    )  # fmt: skip


def _write(folder: Path, node: NodeId, commit: Commit) -> str:
    path, body = commit_path(node, commit.seq), commit.to_bytes()
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(with_checksum(path, body))
    return checksum(path, body)


def copied(source: Path, target: Path) -> Path:
    """A copy of a store or home."""
    shutil.copytree(source, target, symlinks=True)
    return target
