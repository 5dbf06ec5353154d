"""Digests: equal content gives equal digests however it came about, and any change shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.bars import VALUES, Bars
from seamless_lab.core.cells import leaf_cells, pack_cells
from seamless_lab.core.conformance import examine
from seamless_lab.core.digest import Header, PackRef, content_of, leaf_of, leaves_of, packs_of, root_of
from seamless_lab.core.observed import Observed, merge
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Tree
from tests.core.models import ranges_of, series

START = 1_709_164_800 - 7_200  # 2024-02-28T22:00Z: two days, two months and a leap day ahead
HEADER, BARS, ANSWERED = series("1m", START, 3_000)
CONTENT = content_of(HEADER, BARS, ANSWERED)


def tree_of(header: Header, bars: Bars, answered: Ranges) -> Tree:
    packs = packs_of(header, leaves_of(header, bars, answered))
    return Tree.of(header, tuple(PackRef(pack.cell, pack.digest, pack.rows, pack.answered) for pack in packs))


def with_frame(frame: pl.DataFrame) -> Bars:
    return Bars(HEADER.node, HEADER.grid, frame)


# -- what leaves no trace -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, BARS.frame.height - 1), max_size=8).map(sorted))
def test_chunks_leave_no_trace(cuts: list[int]) -> None:
    edges = [0, *cuts, BARS.frame.height]
    parts = [BARS.frame[low:high] for low, high in pairwise(edges)]
    assert content_of(HEADER, with_frame(pl.concat(parts, rechunk=False)), ANSWERED) == CONTENT


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_leave_no_trace(workers: int) -> None:
    header, bars, answered = series("1m", START, 300_000)
    with ThreadPoolExecutor(workers) as executor:
        assert content_of(header, bars, answered, executor=executor) == content_of(header, bars, answered)


def test_the_sign_of_zero_leaves_no_trace() -> None:
    zeros = pl.when(pl.col("volume") == 0.0)
    signed = BARS.frame.with_columns(volume=zeros.then(-0.0).otherwise(pl.col("volume")))
    assert np.signbit(signed["volume"].fill_null(1.0).to_numpy()).any()
    assert content_of(HEADER, with_frame(signed), ANSWERED) == CONTENT


def test_the_payload_of_a_nan_leaves_no_trace() -> None:
    def having(payload: int) -> str:
        volume = BARS.frame["volume"].fill_null(1.0).to_numpy().copy()
        volume.view(np.int64)[[5, 2_000]] = payload
        return content_of(HEADER, with_frame(BARS.frame.with_columns(volume=pl.Series(volume))), ANSWERED)

    quiet, signalling, negative = 0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0001, -0x7_FFFF_FFFF_FFFF
    assert having(quiet) == having(signalling) == having(negative) != CONTENT


def test_what_lies_under_a_null_leaves_no_trace() -> None:
    volume = BARS.frame["volume"]
    hidden = volume.fill_null(777.0).to_frame().select(pl.when(volume.is_not_null()).then(pl.col("volume"))).to_series()
    assert content_of(HEADER, with_frame(BARS.frame.with_columns(hidden.alias("volume"))), ANSWERED) == CONTENT


@pytest.mark.parametrize(
    "spelling",
    [
        lambda frame: frame.select(reversed(frame.columns)),
        lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=4),
        lambda frame: pl.concat([frame[1_000:], frame[:1_000], frame[500:1_500]]),
        lambda frame: frame.with_columns(pl.col("volume").cast(pl.Int64)),
        lambda frame: frame.with_columns(pl.col(VALUES).cast(pl.Float32)),
        lambda frame: frame.with_columns(pl.col(VALUES).cast(pl.String)),
        lambda frame: frame.with_columns(pl.col("ts").cast(pl.String)),
        lambda frame: frame.with_columns(pl.col("ts").cast(pl.Datetime("ms", "Asia/Kathmandu"))),
        lambda frame: frame.with_columns(note=1),
    ],
    ids=["columns", "order", "pages", "ints", "narrow", "text", "text ts", "zoned ts", "extra"],
)
def test_how_rows_were_spelled_leaves_no_trace(spelling: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    raw = RawBars(spelling(BARS.frame.with_columns(ts=pl.col("ts") * 1_000)), TimeUnit.MILLISECONDS)
    found = examine(raw, HEADER, ANSWERED.bounds or TimeRange(0, 1), answered=ANSWERED)
    assert content_of(HEADER, found.bars, ANSWERED) == CONTENT


@given(st.lists(st.tuples(st.integers(-100, 2_900), st.integers(1, 1_500)), min_size=1, max_size=12))
def test_the_batches_of_a_backfill_leave_no_trace(windows: list[tuple[int, int]]) -> None:
    whole = ANSWERED.bounds or TimeRange(0, 1)
    cover = [TimeRange(START + 60 * first, START + 60 * (first + count)) for first, count in windows] + [whole]
    bars, observed = Bars.none(HEADER.node, HEADER.grid), Observed.none()
    for moment, window in enumerate(cover):
        part = ANSWERED.clip(window)
        bars, observed, _ = merge(bars, observed, BARS.within(part), Observed.at(part, moment))
    assert content_of(HEADER, bars, observed.answered) == CONTENT


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
def test_the_time_zone_and_the_hash_seed_of_a_process_leave_no_trace(zone: str) -> None:
    program = "from tests.core.test_digest import CONTENT; print(CONTENT)"
    environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(len(zone)), "POLARS_MAX_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == CONTENT


# -- content and fingerprint ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "1d", "1w"])
def test_the_content_of_all_is_the_fingerprint(timeframe: str) -> None:
    header, bars, answered = series(timeframe, START, 2_000)
    assert content_of(header, bars, answered) == tree_of(header, bars, answered).fingerprint


@given(st.integers(0, 2_990), st.integers(1, 2_000), st.integers(0, 900), st.integers(0, 900))
def test_stores_with_different_history_agree_on_a_window(first: int, count: int, before: int, after: int) -> None:
    window = TimeRange(START + 60 * first, START + 60 * (first + count))
    held = TimeRange(window.start - 60 * before, window.end + 60 * after)
    mine = content_of(HEADER, BARS.window(held).window(window), ANSWERED.clip(held).clip(window))
    assert mine == content_of(HEADER, BARS.window(window), ANSWERED.clip(window))


def test_leaves_outside_a_window_are_shared_with_the_whole() -> None:
    whole = {leaf.cell: leaf.digest for leaf in leaves_of(HEADER, BARS, ANSWERED)}
    window = TimeRange(START + 60 * 500, START + 60 * 3_000)
    part = leaves_of(HEADER, BARS.window(window), ANSWERED.clip(window))
    assert [leaf.digest == whole[leaf.cell] for leaf in part] == [False] + [True] * (len(part) - 1)


@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "1d", "1w"])
def test_a_leaf_by_itself_is_the_leaf_among_others(timeframe: str) -> None:
    header, bars, answered = series(timeframe, START, 2_000)
    for leaf in leaves_of(header, bars, answered):
        alone = leaf_of(header, leaf.cell, bars.within(leaf.answered), leaf.answered)
        assert (alone.cell, alone.digest, alone.rows, alone.answered) == (
            leaf.cell,
            leaf.digest,
            leaf.rows,
            leaf.answered,
        )


def test_leaves_and_packs_partition_what_is_answered() -> None:
    for timeframe in ("1s", "1m", "15m", "1d", "1w"):
        header, bars, answered = series(timeframe, START, 4_000)
        leaves = leaves_of(header, bars, answered)
        packs = packs_of(header, leaves)
        assert sum(leaf.rows for leaf in leaves) == sum(pack.rows for pack in packs) == len(bars)
        assert Ranges.of(r for leaf in leaves for r in leaf.answered) == answered
        assert Ranges.of(r for pack in packs for r in pack.answered) == answered
        cells, coarse = leaf_cells(header.grid), pack_cells(header.grid)
        for leaf in leaves:
            assert cells.slots(leaf.cell).contains(leaf.answered.bounds or cells.slots(leaf.cell))
        for pack in packs:
            assert {int(coarse.cell_of(np.array([leaf.cell]))[0]) for leaf in pack.leaves} == {pack.cell}


def test_the_empty_series_has_a_fingerprint_of_its_own() -> None:
    empty = content_of(HEADER, Bars.none(HEADER.node, HEADER.grid), Ranges.empty())
    assert empty == root_of(HEADER, []) != CONTENT
    assert leaves_of(HEADER, Bars.none(HEADER.node, HEADER.grid), Ranges.empty()) == ()
    assert packs_of(HEADER, []) == ()


# -- what shows -----------------------------------------------------------------------------------------------------


@given(st.integers(0, BARS.frame.height - 1), st.sampled_from(VALUES), st.booleans())
def test_any_single_value_shows(row: int, column: str, null: bool) -> None:
    values = BARS.frame[column].to_list()
    before = values[row]
    values[row] = 1.0 if before is None else None if null else float(np.nextafter(before, np.inf))
    assert content_of(HEADER, with_frame(BARS.frame.with_columns(pl.Series(column, values))), ANSWERED) != CONTENT


@given(st.integers(0, 2_999))
def test_any_single_answered_slot_shows(slot: int) -> None:
    changed = ranges_of([(START + 60 * slot, START + 60 * slot + 60)])
    toggled = (ANSWERED - changed) if changed & ANSWERED else (ANSWERED | changed)
    assert content_of(HEADER, BARS.within(toggled), toggled) != CONTENT


def test_any_moved_or_dropped_bar_shows() -> None:
    quiet = next(iter(ANSWERED - BARS.slots)).start
    ts = BARS.frame["ts"].to_list()
    place = int(np.searchsorted(ts, quiet)) - 1
    moved = BARS.frame.with_columns(ts=pl.Series([*ts[:place], quiet, *ts[place + 1 :]]))
    assert content_of(HEADER, with_frame(moved), ANSWERED) != CONTENT
    assert content_of(HEADER, with_frame(BARS.frame[1:]), ANSWERED) != CONTENT


def test_a_null_and_a_zero_and_a_nan_differ() -> None:
    found = {
        content_of(HEADER, with_frame(BARS.frame.with_columns(volume=pl.Series(values, dtype=pl.Float64))), ANSWERED)
        for values in ([value, *BARS.frame["volume"].to_list()[1:]] for value in (0.0, None, float("nan"), 1.0))
    }
    assert len(found) == 4


def test_the_header_shows() -> None:
    for other in (replace(HEADER, conformance="v3"), replace(HEADER, node=replace(HEADER.node, symbol="BTC/USDC"))):
        assert content_of(other, BARS, ANSWERED) != CONTENT
        assert root_of(other, []) != root_of(HEADER, [])
