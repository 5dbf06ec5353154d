"""Rows of every shape as columns: exact numbers, text kept as text, ccxt's own parser as the judge."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.adapters.ccxt_rows import Layout, learn_layout, times_ms, to_frame
from seamless_lab.core.bars import COLUMNS, SCHEMA

BINANCE = [
    1591478520000,
    "0.02501300",
    "0.02501800",
    "0.02500000",
    "0.02500000",
    "22.19000000",
    1591478579999,
    "0.55",
    40,
]
KRAKEN = [1591475640, "0.02500", "0.02501", "0.02499", "0.02500", "0.02500", "9.12201000", 5]
COINBASE = {
    "start": "1673391780",
    "low": "17414.36",
    "high": "17417.99",
    "open": "17417.74",
    "close": "17417.38",
    "volume": "1.87",
}


def parser(exchange_id: str, **market: object) -> Callable[[Any], list[Any]]:
    ccxt = importlib.import_module("ccxt")
    exchange = getattr(ccxt, exchange_id)()
    return lambda row: exchange.parse_ohlcv(row, market)


@pytest.mark.parametrize(
    "exchange_id, row, layout",
    [
        ("binance", BINANCE, Layout((0, 1, 2, 3, 4, 5), 1)),
        ("kraken", KRAKEN, Layout((0, 1, 2, 3, 4, 6), 1000)),
        ("coinbase", COINBASE, Layout(("start", "open", "high", "low", "close", "volume"), 1000)),
    ],
)
def test_the_layout_is_learned_from_ccxt(exchange_id: str, row: object, layout: Layout) -> None:
    parse = parser(exchange_id)
    assert learn_layout(row, parse) == layout
    assert to_frame([row, row], parse).row(1) == tuple(parse(row))


def test_inverse_contracts_take_their_volume_from_another_place() -> None:
    parse = parser("binance", inverse=True)
    assert learn_layout(BINANCE, parse) == Layout((0, 1, 2, 3, 4, 7), 1)


@pytest.mark.parametrize("exchange_id", ["bybit", "okx", "kucoin", "gate", "bitfinex", "bitget", "mexc", "deribit"])
def test_other_exchanges_give_what_their_own_parsers_give(exchange_id: str) -> None:
    parse = parser(exchange_id, type="spot")
    rows = [[str(1591478520 + 60 * k), "1.5", "2.5", "3.5", "4.5", "5.5", "6.5", "7.5"] for k in range(3)]
    expected = [tuple(float(value) for value in parse(row)) for row in rows]
    assert [tuple(map(float, row)) for row in to_frame(rows, parse).rows()] == expected


@given(st.lists(st.decimals(0, 10**9, places=8, allow_nan=False), min_size=1, max_size=30))
def test_decimal_text_becomes_the_nearest_float(values: list[Any]) -> None:
    rows = [[1591478520000, str(value), *BINANCE[2:]] for value in values]
    got = to_frame(rows, lambda row: [row[0], *map(float, row[1:6])])
    assert got["open"].to_list() == [float(value) for value in values]
    assert dict(got.schema) == SCHEMA


NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.sampled_from([0, 1, 0.0, 1.0]), st.floats())


@given(st.lists(st.tuples(*[NUMBERS] * 5), min_size=1, max_size=20), st.sampled_from([int, float]))
def test_numbers_become_the_floats_that_they_are(values: list[tuple[float, ...]], kind: type) -> None:
    rows = [[kind(1591478520000 + 60_000 * place), *row] for place, row in enumerate(values)]
    got = to_frame(rows, parser_of_numbers)
    assert dict(got.schema) == SCHEMA
    expected = pl.DataFrame([[int(ts), *map(float, row)] for ts, *row in rows], schema=SCHEMA, orient="row")
    assert got.equals(expected)


def parser_of_numbers(row: Any) -> list[Any]:
    return [int(float(row[0])), *map(float, row[1:6])]


@pytest.mark.parametrize("odd, expected", [("abc", "abc"), (None, None), (2**60 + 1, 2.0**60)])
def test_what_is_no_number_among_numbers_is_not_taken_for_one(odd: object, expected: object) -> None:
    rows: list[object] = [[1591478520000 + place, 2.5, 3.5, 1.5, 2.0, 7.0] for place in range(3)]
    rows[1] = [1591478520001, 2.5, odd, 1.5, 2.0, 7.0]
    frame = to_frame(rows, parser_of_numbers)
    assert frame["high"][1] == expected
    assert frame["low"].to_list() == [1.5] * 3


@pytest.mark.parametrize("row", [[1591478520001, 2.5, 3.5], None, [1591478520001, 2.5, 3.5, 1.5, 2.0, 7.0, 8.0]])
def test_a_row_of_another_shape_among_numbers_shifts_no_value(row: object) -> None:
    page: list[object] = [[1591478520000 + place, 2.5, 3.5, 1.5, 2.0, 7.0] for place in range(3)]
    page[1] = row
    frame = to_frame(page, lambda row: (row or [])[:6])  # type: ignore[index,operator]  # as lenient as ccxt's
    assert frame.row(2) == (1591478520002, 2.5, 3.5, 1.5, 2.0, 7.0)


def test_a_column_of_true_and_false_is_no_column_of_numbers() -> None:
    frame = to_frame([[1591478520000, 2.5, True, 1.5, 2.0, 7.0]] * 2, parser_of_numbers)
    assert frame["high"].dtype == pl.String


@pytest.mark.parametrize("late", [1591478520000.5, float("nan"), float("inf")])
def test_a_time_that_is_no_millisecond_is_not_rounded(late: float) -> None:
    frame = to_frame([[ts, 2.5, 3.5, 1.5, 2.0, 7.0] for ts in (1591478520000.0, late)], parser_of_numbers)
    assert frame["ts"].dtype != pl.Int64
    assert str(float(frame["ts"].cast(pl.String)[1])) == str(late)


@pytest.mark.parametrize("others", [[], [["short"]]])
@pytest.mark.parametrize(
    "exchange_id, row, ts, expected",
    [
        ("binance", BINANCE, 1704067200000.5, 1704067200000.5),
        ("kraken", KRAKEN, 1704067200.0005, 1704067200000.5),
        ("kraken", KRAKEN, 1704067200.75, 1704067200750.0),
    ],
)
def test_a_fraction_of_a_millisecond_is_not_cut_off(
    exchange_id: str, row: list[object], ts: float, expected: float, others: list[object]
) -> None:
    frame = to_frame([[ts, *row[1:]], *others], parser(exchange_id))
    assert float(frame["ts"][0]) == expected


@pytest.mark.parametrize(
    "ts, expected",
    [
        (pl.Series([60_000, None, -1, -(2**63), 2**63 - 1]), [60_000, -1, -1, -1, -1]),
        (pl.Series([60_000.0, 60_000.5, 60_999.5, float("nan")]), [60_000, 60_001, 60_999, -1]),
        (pl.Series(["60000", "60000.5", "1970-01-01T00:01:00Z", "soon"]), [60_000, -1, 60_000, -1]),
    ],
)
def test_the_times_of_a_page_are_those_that_conformance_reads(ts: pl.Series, expected: list[int]) -> None:
    assert times_ms(pl.DataFrame({"ts": ts})).tolist() == expected


@pytest.mark.parametrize("bad", ["abc", "", "1,5", True, [1], {"a": 1}])
def test_text_that_is_no_number_stays_text(bad: object) -> None:
    rows = [BINANCE, [BINANCE[0], bad, *BINANCE[2:]]]
    frame = to_frame(rows, parser("binance"))
    assert frame["open"].dtype == pl.String
    assert frame["open"][0] == "0.02501300"
    assert frame["open"][1] == str(bad)
    assert frame["high"].dtype == pl.Float64


def test_a_missing_value_is_a_null_and_infinities_are_kept_for_conformance() -> None:
    rows = [[BINANCE[0], None, "inf", "nan", *BINANCE[4:]], BINANCE]
    frame = to_frame(rows, parser("binance"))
    assert frame["open"].to_list() == [None, 0.025013]
    assert np.isinf(frame["high"][0])
    assert np.isnan(frame["low"][0])


@pytest.mark.parametrize(
    "rows, expected",
    [
        ([["1591478520000", *BINANCE[1:]]], [1591478520000]),
        ([[1591478520000.0, *BINANCE[1:]]], [1591478520000]),
        ([["soon", *BINANCE[1:]], BINANCE], ["soon", "1591478520000"]),
        ([[None, *BINANCE[1:]], BINANCE], [None, 1591478520000]),
        ([[1e300, *BINANCE[1:]], BINANCE], [1e300, 1591478520000.0]),
        ([[1591478520000.0, *BINANCE[1:]], [2e19, *BINANCE[1:]]], [1591478520000.0, 2e19]),
    ],
)
def test_times_are_integers_or_what_they_were(rows: list[object], expected: list[object]) -> None:
    assert to_frame(rows, parser("binance"))["ts"].to_list() == expected


def test_rows_of_unequal_length_go_through_the_parser_of_ccxt() -> None:
    frame = to_frame([BINANCE, BINANCE[:3]], parser("binance"))
    assert frame.columns == list(COLUMNS)
    assert frame["close"].to_list() == [0.025, None]


def test_no_rows_are_an_empty_page() -> None:
    assert dict(to_frame([], lambda row: []).schema) == SCHEMA
