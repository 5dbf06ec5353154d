"""The hot store in one SQLite file: columnar chunks per calendar cell, one transaction per window, fenced by leases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import numpy as np
import numpy.typing as npt

from seamless_lab.adapters.hot_attempts import compact_attempts, count_attempts, insert_attempt, load_attempts
from seamless_lab.adapters.hot_chunks import Chunk, Layout, Rows, decode, decode_rows, decode_runs, encode
from seamless_lab.adapters.sqlite_file import SqliteFile, corrupted
from seamless_lab.core.asks import failed_slots
from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed, overlay
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import LATEST_S, TimeRange
from seamless_lab.engine.ports import Attempt, Claimed, HotState, HotWrite
from seamless_lab.errors import InvalidTime, LeaseLost

ATTEMPTS_KEPT = 2_048
_CELL_BITS = 32
_STORABLE = TimeRange(0, 1 << _CELL_BITS)  # the times that a chunk's id can tell apart from other series'

_CHUNKS = "SELECT crc, id, rows, codec, observed, before_listing, bars FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id"


class SqliteHotStore:
    """Recent bars, what was answered when, and every ask, shared by all processes of a machine.

    Parameters
    ----------
    file
        Also holds the leases that fence writes (`SqliteCoordinator`).
    attempts_kept
        Asks remembered per node, or up to a quarter more; of older ones only those parts of failed asks remain that
        still stand.

    Notes
    -----
    A write rewrites the cells it touches (a day of 1m bars is 60 kB), so its cost does not depend on what else is
    stored.
    """

    def __init__(self, file: SqliteFile, *, attempts_kept: int = ATTEMPTS_KEPT) -> None:
        self._file = file
        self._attempts_kept = attempts_kept
        self._before_count: dict[str, int] = {}  # asks until those of a node are counted again

    def load(self, header: Header, window: TimeRange, *, with_bars: bool = True) -> HotState:
        """Everything known about a window, in one consistent snapshot; without its bars where they are not needed."""
        with self._file.reading() as connection:
            attempts = load_attempts(connection, str(header.node), window)
            series = _series(connection, header)
            layout = _layout(header.grid, window, series or 0)
            chunks = [] if series is None else self._chunks(connection, layout)
        observed, before = decode_runs(chunks)
        rows = decode_rows(chunks, layout.of([chunk.id for chunk in chunks])) if with_bars else Rows.none()
        first, last = np.searchsorted(rows.ts, [window.start, window.end])
        bars = Bars(header.node, header.grid, rows.slice(int(first), int(last)).frame())
        known = observed.clip(window)
        failed = failed_slots(attempts.asks, known).clip(window)
        return HotState(bars, known, failed, before.clip(window), attempts.frame)

    def observed(self, header: Header, window: TimeRange) -> Observed:
        """What of a window is answered, and since when."""
        with self._file.reading() as connection:
            series = _series(connection, header)
            chunks = [] if series is None else self._chunks(connection, _layout(header.grid, window, series))
        return decode_runs(chunks)[0].clip(window)

    def write(self, write: HotWrite) -> None:
        """Record bars, answered slots and the attempt, in one transaction.

        Per slot the later observation wins, ties go to what is stored. An unpriced slot is not answered, whatever
        `write.answered` says.

        Raises
        ------
        LeaseLost
            `write.lease` was taken over or given back; nothing was written.
        InvalidTime
            An answered slot opens before 1970 or after what a chunk's id can hold; nothing was written.
        """
        header = write.header
        answered = write.answered.clip(write.window) - write.unpriced
        bounds = answered.bounds
        if bounds is not None and not _STORABLE.contains(bounds):
            raise InvalidTime(
                f"{header.node}: bars of {bounds} cannot be kept, only those that open from 1970 on.",
                hint="Ask for a later window.",
                node=str(header.node),
            )
        newcomer, news = Observed.at(answered, write.observed_at_ms), Rows.of(write.bars)
        news = news.where(answered.contains(news.ts))
        with self._file.writing() as connection:
            _check_fence(connection, write.lease)
            self._record(connection, write.attempt, write.observed_at_ms, write.unpriced)
            if bounds is None:
                return
            layout = _layout(header.grid, bounds, _series_for(connection, header))
            chunks = self._chunks(connection, layout)
            if not chunks:  # the way of a backfill: cells that nobody has written to
                _store(connection, layout, news, newcomer, write.before_listing & answered)
                return
            rows, observed, before = decode(chunks, layout.of([chunk.id for chunk in chunks]))
            if int(observed.ends[-1]) <= bounds.start:  # and appending, also that of a live tail
                joint = Observed.from_runs(observed.runs() + newcomer.runs())
                _store(connection, layout, rows.joined(news), joint, before | (write.before_listing & answered))
                return
            decided = overlay(observed, newcomer)
            if len(decided.won):
                merged = rows.where(~decided.won.contains(rows.ts)).joined(news.where(decided.won.contains(news.ts)))
                _store(
                    connection,
                    layout,
                    merged,
                    decided.result,
                    (before - decided.won) | (write.before_listing & decided.won),
                )

    def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Record asks that brought nothing, all or none of them."""
        with self._file.writing() as connection:
            for attempt in attempts:
                self._record(connection, attempt, attempt.asked_at_ms, Ranges.empty())

    def bounds(self, header: Header) -> TimeRange | None:
        """From the first to the last answered slot held, or None."""
        with self._file.reading() as connection:
            series = _series(connection, header)
            if series is None:
                return None
            low, high = series << _CELL_BITS, (series + 1) << _CELL_BITS
            ends = connection.execute(
                "SELECT (SELECT observed FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1),"
                "       (SELECT observed FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1)",
                (low, high),
            ).get
        if ends[0] is None:
            return None
        first, last = (Observed.from_runs(np.frombuffer(runs, dtype=np.int64)) for runs in ends)
        return TimeRange(int(first.starts[0]), int(last.ends[-1]))

    def nodes(self) -> Sequence[Header]:
        """All series held, sorted by node."""
        with self._file.reading() as connection:
            held: list[Any] = connection.execute(
                "SELECT node, step_s, anchor_s, conformance FROM series"
                " WHERE EXISTS"
                " (SELECT 1 FROM chunk WHERE chunk.id BETWEEN series.id << 32 AND (series.id << 32) + 4294967295)"
                " ORDER BY node, step_s, anchor_s, conformance"
            ).fetchall()
        return [Header(parse_node(node), Grid(step, anchor), conformance) for node, step, anchor, conformance in held]

    def evict(self, header: Header, sealed: Observed, *, before_s: int) -> int:
        """Drop bars older than `before_s` that `sealed` contains at least as new; returns slots dropped.

        Knowledge about a dropped slot goes with it: the commit has it.
        """
        until = header.grid.floor(min(before_s, LATEST_S))
        if until <= _STORABLE.start:
            return 0
        old = sealed.clip(TimeRange(_STORABLE.start, until))
        bounds = old.answered.bounds
        if bounds is None:
            return 0
        with self._file.writing() as connection:
            series = _series(connection, header)
            if series is None:
                return 0
            found = self._chunks(connection, _layout(header.grid, bounds, series))
            layout = _layout(header.grid, bounds, series).of([chunk.id for chunk in found])
            known, _ = decode_runs(found)
            kept = overlay(old, known).won | (known.answered - old.answered)
            dropped = known.answered - kept
            holds, loses = _meets(layout, kept), _meets(layout, dropped)
            connection.executemany("DELETE FROM chunk WHERE id = ?", [(id_,) for id_ in layout.ids[~holds].tolist()])
            chunks = [chunk for chunk, both in zip(found, (holds & loses).tolist(), strict=True) if both]
            if chunks:  # cells that lose a part only; most go as a whole, and their bars need not be looked at
                some = layout.of([chunk.id for chunk in chunks])
                rows, observed, before = decode(chunks, some)
                _store(connection, some, rows.where(kept.contains(rows.ts)), observed.within(kept), before & kept)
        return dropped.seconds // header.grid.step_s

    def check(self) -> None:
        """Read every byte of the file; raises `Corrupted` with the first thing found to be wrong."""
        self._file.check()
        with self._file.reading() as connection:
            for row in connection.execute("SELECT crc, id, rows, codec, observed, before_listing, bars FROM chunk"):
                self._intact(row)

    def close(self) -> None:
        """Release files and connections."""
        self._file.close()

    def _chunks(self, connection: apsw.Connection, layout: Layout) -> list[Chunk]:
        if not layout.ids.size:
            return []
        found = connection.execute(_CHUNKS, (int(layout.ids[0]), int(layout.ids[-1]))).fetchall()
        return [self._intact(row) for row in found]

    def _intact(self, row: tuple[Any, ...]) -> Chunk:
        chunk = Chunk(*row[1:])
        if row[0] != chunk.checksum:
            raise corrupted(self._file.path, f"chunk {chunk.id} does not match its checksum")
        return chunk

    def _record(self, connection: apsw.Connection, attempt: Attempt, observed_at_ms: int, unpriced: Ranges) -> None:
        insert_attempt(connection, attempt, observed_at_ms, unpriced)
        node, more = str(attempt.node), max(1, self._attempts_kept // 8)
        if self._before_count.get(node, 0) == 0:  # also the first time: other processes have recorded before
            self._before_count[node] = more
            if count_attempts(connection, node) >= self._attempts_kept + more:
                compact_attempts(connection, node, keep=self._attempts_kept)
        self._before_count[node] -= 1


def _layout(grid: Grid, window: TimeRange, series: int) -> Layout:
    """The cells of the storable part of a window: the ids of others would be another series'."""
    if not window.overlaps(_STORABLE):
        nothing = np.empty(0, dtype=np.int64)
        return Layout(nothing, nothing, nothing, grid.step_s)
    cells = leaf_cells(grid)
    starts = cells.starts(TimeRange(max(window.start, _STORABLE.start), min(window.end, _STORABLE.end)))
    edges = cells.edges(starts)
    return Layout(starts[:-1] + (series << _CELL_BITS), edges[:-1], edges[1:], grid.step_s)


def _meets(layout: Layout, ranges: Ranges) -> npt.NDArray[np.bool_]:
    """Which cells have slots of a set."""
    first = np.searchsorted(ranges.ends, layout.begins, side="right")
    meets: npt.NDArray[np.bool_] = np.searchsorted(ranges.starts, layout.ends, side="left") > first
    return meets


def _store(connection: apsw.Connection, layout: Layout, rows: Rows, observed: Observed, before: Ranges) -> None:
    chunks, empty = encode(layout, rows, observed, before)
    connection.executemany(
        "INSERT OR REPLACE INTO chunk (id, crc, rows, codec, observed, before_listing, bars)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(c.id, c.checksum, c.rows, c.codec, c.observed, c.before_listing, c.bars) for c in chunks],
    )
    if empty:
        connection.executemany("DELETE FROM chunk WHERE id = ?", [(id_,) for id_ in empty])


def _series(connection: apsw.Connection, header: Header) -> int | None:
    found: int | None = connection.execute(
        "SELECT id FROM series WHERE node = ? AND step_s = ? AND anchor_s = ? AND conformance = ?", _key(header)
    ).get
    return found


def _series_for(connection: apsw.Connection, header: Header) -> int:
    found = _series(connection, header)
    if found is not None:
        return found
    connection.execute("INSERT INTO series (node, step_s, anchor_s, conformance) VALUES (?, ?, ?, ?)", _key(header))
    return connection.last_insert_rowid()


def _key(header: Header) -> tuple[str, int, int, str]:
    return str(header.node), header.grid.step_s, header.grid.anchor_s, header.conformance


def _check_fence(connection: apsw.Connection, lease: Claimed | None) -> None:
    if lease is None:
        return
    key = lease.key
    held = connection.execute(
        "SELECT owner, token FROM lease WHERE node = ? AND interval = ? AND start = ?",
        (key.node, key.interval, key.start),
    ).get
    if held != (lease.owner, lease.token):
        raise LeaseLost(
            f"The lease {key} with token {lease.token} is no longer {lease.owner}'s; nothing was written.",
            hint="Ask again; whoever took over writes this block.",
            key=str(key),
            token=lease.token,
        )
