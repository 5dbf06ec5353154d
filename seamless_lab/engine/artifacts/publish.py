"""Sealing: what is new is merged into the newest version, written, and made the next version in one atomic step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from seamless_lab.core.bars import Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.digest import Header, PackRef
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.core.version import Commit, Version, pack_to_bytes
from seamless_lab.engine.artifacts.documents import checksum, commit_path, data_path, tree_path, with_checksum
from seamless_lab.engine.artifacts.load import Loader, StoredCommit
from seamless_lab.engine.artifacts.merge import Candidate, Change, Merged, check_candidate, merge_candidate
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ, Resolver
from seamless_lab.engine.artifacts.rows import joined
from seamless_lab.engine.artifacts.write import Writer
from seamless_lab.engine.ports import Clock
from seamless_lab.errors import ClockSkew, DataError

SKEW_MS = 5_000
"""How far a publisher's clock may be behind the newest commit."""


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """The version that holds the candidate; `created` is False when the newest one already did.

    `retries` counts lost races, `bytes_written` the bytes of all objects that this call created.
    """

    version: Version
    created: bool
    retries: int = 0
    bytes_written: int = 0


def publish(loader: Loader, resolver: Resolver, candidate: Candidate, clock: Clock) -> Published:
    """Make the newest version hold the candidate; see `SealedStore.publish`."""
    check_candidate(candidate)
    node = candidate.header.node
    writer = Writer(loader.objects, loader.executor)
    retries = 0
    while True:
        head = resolver.base(node)
        base = None if head is None else loader.version(node, head.commit.seq)
        merged = merge_candidate(loader, base, candidate)
        if base is not None and (merged is None or merged.tree.fingerprint == base.tree.fingerprint):
            if merged is not None:
                writer.write_all([], _lost(loader, merged, clock.now_ms() // 1_000), loader.codec)
            return Published(base, created=False, retries=retries, bytes_written=writer.bytes_written)
        if merged is None:
            raise DataError(f"{node}: there is nothing answered to seal.", node=str(node))
        now_ms = now_after(clock, head, candidate.header)
        _write(loader, writer, merged, now_ms // 1_000)
        commit = _commit(head, candidate, merged, now_ms)
        path, body = commit_path(node, commit.seq), commit.to_bytes()
        if loader.objects.create(path, with_checksum(path, body)):
            break
        retries += 1
    writer.confirm()
    loader.remember_tree(merged.tree)
    resolver.saw(node, StoredCommit(commit, checksum(path, body)))
    return Published(Version(commit, merged.tree), True, retries, writer.bytes_written + len(body))


def _write(loader: Loader, writer: Writer, merged: Merged, now_s: int) -> None:
    header = merged.tree.header
    rows = chain(
        chain.from_iterable(_rows(loader, merged, change, now_s) for change in merged.changes),
        _lost(loader, merged, now_s),
    )
    documents: list[tuple[str, bytes]] = [
        _document(tree_path(header.node, change.pack.digest), pack_to_bytes(header, change.pack))
        for change in merged.changes
    ]
    documents.append(_document(tree_path(header.node, merged.tree.fingerprint), merged.tree.to_bytes()))
    for change in merged.changes:
        loader.remember_pack(change.pack)
    writer.write_all(documents, rows, loader.codec)


def _lost(loader: Loader, merged: Merged, now_s: int) -> list[tuple[str, Bars]]:
    """The rows of touched packs that do not change and whose data files are missing, as far as they are at hand.

    One file for a pack that is over and all of whose rows are at hand, else one for each leaf.
    """
    header, bounds = merged.tree.header, merged.touched.bounds
    node, exists = header.node, loader.objects.exists
    packs, leaves = pack_cells(header.grid), leaf_cells(header.grid)
    touched = set() if bounds is None else set(packs.starts(bounds)[:-1].tolist())
    kept_whole = touched - {change.pack.cell for change in merged.changes}
    found: list[tuple[str, Bars]] = []
    for ref in merged.tree.packs:
        if not ref.rows or ref.cell not in kept_whole:
            continue
        slots = packs.slots(ref.cell)
        if not merged.touched & Ranges.single(slots) or exists(data_path(node, ref.digest)):
            continue
        kept = [leaf for leaf in loader.pack(header, ref.digest).leaves if leaf.rows]
        lost = [
            (data_path(node, leaf.digest), merged.bars.window(leaves.slots(leaf.cell)))
            for leaf in kept
            if merged.touched.covers(leaves.slots(leaf.cell)) and not exists(data_path(node, leaf.digest))
        ]
        if len(lost) == len(kept) and slots.end <= now_s:
            lost = [(data_path(node, ref.digest), merged.bars.window(slots))]
        found += lost
    return found


def _rows(loader: Loader, merged: Merged, change: Change, now_s: int) -> Iterable[tuple[str, Bars]]:
    """The data files of a changed pack: one for all of it once its time is over, else one for each changed leaf.

    A pack whose other leaves exist as files keeps to leaf files until compaction, so that a late day costs a day.
    """
    header = merged.tree.header
    node = header.node
    slots = pack_cells(header.grid).slots(change.pack.cell)
    fresh = {leaf.cell for leaf in change.fresh}
    carried = any(leaf.rows for leaf in change.pack.leaves if leaf.cell not in fresh)
    if carried and change.before is not None:
        whole = loader.objects.exists(data_path(node, change.before.digest))
    else:
        whole = slots.end <= now_s
    if not whole:
        cells = leaf_cells(header.grid)
        return [
            (data_path(node, leaf.digest), merged.bars.window(cells.slots(leaf.cell)))
            for leaf in change.fresh
            if leaf.rows
        ]
    if not change.pack.rows:
        return []
    bars = merged.bars.window(slots)
    if carried and change.before is not None:
        old = Bars(node, header.grid, joined(loader.frames(header, change.before, newest=change.newest)))
        rest = old.within(Ranges.single(slots) - merged.touched)
        bars = Bars(node, header.grid, joined([rest.frame, bars.frame]).sort("ts", maintain_order=True))
    return [(data_path(node, change.pack.digest), bars)]


def _document(path: str, body: bytes) -> tuple[str, bytes]:
    return path, with_checksum(path, body)


def now_after(clock: Clock, head: StoredCommit | None, header: Header) -> int:
    """The `as_of` of a commit on top of `head`. Raises `ClockSkew` when the clock is too far behind it."""
    now_ms = clock.now_ms()
    if head is None:
        return now_ms
    newest_ms = head.commit.as_of_ms
    if now_ms < newest_ms - SKEW_MS:
        raise ClockSkew(
            f"The local clock says {format_time_ms(now_ms)}, but the newest version of {header.node} "
            f"is as of {format_time_ms(newest_ms)}.",
            hint="Set the clock of this machine (or SEAMLESS_NOW, if set), or find who published with a clock ahead.",
            now_ms=now_ms,
            newest_ms=newest_ms,
            allowed_ms=SKEW_MS,
        )
    return max(now_ms, newest_ms + 1)


def _commit(head: StoredCommit | None, candidate: Candidate, merged: Merged, as_of_ms: int) -> Commit:
    packs: Sequence[PackRef] = merged.tree.packs
    return Commit(
        seq=FIRST_SEQ if head is None else head.commit.seq + 1,
        previous="" if head is None else head.checksum,
        as_of_ms=as_of_ms,
        fingerprint=merged.tree.fingerprint,
        bounds=TimeRange(int(packs[0].answered.starts[0]), int(packs[-1].answered.ends[-1])),
        rows=merged.tree.rows,
        observed=merged.observed,
        conformance=candidate.conformance,
        producer=candidate.producer,
        watermark_ms=candidate.watermark_ms,
        provenance=candidate.provenance,
        withdrawn=Observed.none() if head is None else head.commit.withdrawn.without(merged.observed.answered),
    )
