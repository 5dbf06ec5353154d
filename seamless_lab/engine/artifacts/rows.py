"""Frames of rows against the leaves they must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from seamless_lab.core.bars import SCHEMA, Bars
from seamless_lab.core.cells import leaf_cells
from seamless_lab.core.digest import Header, Leaf, leaves_of
from seamless_lab.core.identity import NodeId
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.engine.artifacts.documents import data_path
from seamless_lab.errors import Corrupted

NO_ROWS = pl.DataFrame(schema=SCHEMA)


def leaves_in(header: Header, leaves: Sequence[Leaf], window: TimeRange | None) -> Sequence[Leaf]:
    """The leaves whose cell has slots in `window`; decided by cells, which digests cover."""
    if window is None:
        return leaves
    first, last = (
        leaf_cells(header.grid)
        .cell_of(np.array([window.start, window.end - header.grid.step_s], dtype=np.int64))
        .tolist()
    )
    return [leaf for leaf in leaves if first <= leaf.cell <= last]


def cut(frame: pl.DataFrame, window: TimeRange | None) -> pl.DataFrame:
    """The rows of a sorted frame that open in `window`; a slice."""
    if window is None:
        return frame
    first, last = np.searchsorted(frame["ts"].to_numpy(), [window.start, window.end])
    return frame.slice(int(first), int(last - first))


def joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames in time order as one, without a copy."""
    first, *rest = [frame for frame in frames if frame.height] or [NO_ROWS]
    whole = first.clone()
    for frame in rest:  # `concat` would hand this to its thread pool, and wait for it for milliseconds when it is busy
        whole.vstack(frame, in_place=True)
    return whole


def mismatches(header: Header, frame: pl.DataFrame, leaves: Sequence[Leaf]) -> list[tuple[Leaf, str]]:
    """The leaves that a frame does not hold exactly, each with the digest it has instead.

    A frame with rows beyond the leaves mismatches all.
    """
    answered = Ranges.joined(leaf.answered for leaf in leaves)
    found = {leaf.cell: leaf for leaf in leaves_of(header, Bars(header.node, header.grid, frame), answered)}
    wrong = [
        (leaf, found[leaf.cell].digest if leaf.cell in found else "")
        for leaf in leaves
        if leaf.cell not in found or found[leaf.cell].digest != leaf.digest or found[leaf.cell].rows != leaf.rows
    ]
    if not wrong and frame.height != sum(leaf.rows for leaf in leaves):
        return [(leaf, "") for leaf in leaves]
    return wrong


def check_rows(header: Header, frame: pl.DataFrame, leaves: Sequence[Leaf], path: str) -> None:
    """Raise `Corrupted`, naming `path`, unless a frame holds exactly these leaves."""
    wrong = mismatches(header, frame, leaves)
    if wrong:
        leaf, found = wrong[0]
        raise Corrupted(
            f"{path} does not hold the bars it is named for ({len(wrong)} of {len(leaves)} leaves differ).",
            hint=f"Move it aside, then {mending(header, leaves[0].answered, leaves[-1].answered)}",
            path=path,
            expected=leaf.digest,
            found=found,
        )


def mending(header: Header, first: Ranges, last: Ranges) -> str:
    """What brings a missing data file back, said after "then"; `first`, `last`: answered slots of its ends."""
    return (
        f"restore it from a copy or ask the exchange again: seamless backfill {header.node} "
        f"--start {format_time(int(first.starts[0]))} --end {format_time(int(last.ends[-1]))} --refresh. "
        "Unchanged answers write the file again; changed ones make a new version, and the old one stays damaged."
    )


def missing_files(
    node: NodeId, digest: str, leaves: Sequence[Leaf], exists: Callable[[str], bool]
) -> Iterator[tuple[Sequence[Leaf], str, str, str]]:
    """Of a pack that has no file: some leaves, the file to name for them, what is wrong with it, and its digest.

    Its own file where its several leaves have none either, else that of each leaf without one.
    """
    whole, parts = data_path(node, digest), [leaf for leaf in leaves if leaf.rows]
    lost = [leaf for leaf in parts if not exists(data_path(node, leaf.digest))]
    if len(lost) == len(parts) > 1:
        yield lost, whole, f"is missing, and none of its {len(parts)} parts has a file of its own", digest
        return
    for leaf in lost:
        yield (leaf,), data_path(node, leaf.digest), f"is missing, and so is {whole.rpartition('/')[2]}", leaf.digest
