"""Strategies written in SQL."""

from __future__ import annotations

import polars as pl
import pytest

from seamless_lab import crossover
from seamless_lab.errors import (
    InvalidSql,
    LookAhead,
    RequestError,
    SqlRefused,
)
from tests.app.backtest.market import SLOTS, three


def test_sql_gives_the_trades_of_the_exact_crossover(lab):
    exact = lab.backtest(crossover(10, 40, short=True), pins=three(lab), fee_bps=5)
    for query in (
        "SELECT ts, crossover(close, 10, 40, ts, short := true) AS position FROM bars",
        "SELECT ts, symbol, crossover(close, 10, 40, ts, short := true) AS position FROM bars ORDER BY ts DESC",
    ):
        found = lab.backtest(query, pins=three(lab), fee_bps=5)
        assert found.equity.equals(exact.equity)
        assert found.trades.equals(exact.trades)


def test_sql_that_leaves_bars_out_keeps_what_is_held(lab):
    mean = "avg(close) OVER (ORDER BY ts ROWS 23 PRECEDING)"
    daily = f"SELECT ts, close > {mean} AS position FROM bars QUALIFY hour(time) = 5"

    def same(bars):
        return pl.when(pl.col("time").dt.hour() == 5).then(
            pl.col("close") > pl.col("close").rolling_mean(24, min_samples=1)
        )

    assert lab.backtest(daily, pins=three(lab)).equity.equals(lab.backtest(same, pins=three(lab)).equity)


@pytest.mark.parametrize(
    "query, error, problem",
    [
        ("SELECT ts, lead(close) OVER (ORDER BY ts) > close AS position FROM bars", LookAhead, "SQL SELECT ts, lead"),
        ("SELECT ts, close > avg(close) OVER () AS position FROM bars", LookAhead, "looks ahead"),
        ("SELECT ts, 1 AS position FROM btc", SqlRefused, "'btc', and it sees only bars"),
        ("SELECT ts, random() AS position FROM bars", SqlRefused, "would change by themselves"),
        ("SELECT close AS position FROM bars", RequestError, "a row is a bar by its ts"),
        ("SELECT time AS ts, 1 AS position FROM bars", RequestError, "epoch seconds"),
        ("SELECT ts FROM bars", RequestError, "one of them must be position"),
        ("SELECT ts, clos AS position FROM bars", InvalidSql, "clos"),
        ("DROP TABLE bars", SqlRefused, "This is DROP"),
    ],
)
def test_queries_that_are_no_strategies_are_refused(lab, query, error, problem):
    with pytest.raises(error, match=problem):
        lab.backtest(query, pins=three(lab))


def test_a_query_is_asked_about_one_symbol_at_a_time(lab):
    result = lab.backtest("SELECT ts, if(symbol = 'eth', 1, 0) AS position FROM bars", pins=three(lab))
    assert dict(result.symbols.select("symbol", "exposure").rows()) == {
        "btc": 0,
        "eth": pytest.approx(1 - 1 / SLOTS),
        "sol": 0,
    }
