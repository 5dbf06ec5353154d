"""`Lab.backtest` on sealed stores: what it gives, what it refuses, and what its digest stands for."""

from __future__ import annotations

import functools
import json
import math
import random
import threading

import polars as pl
import pytest

from seamless_lab import Lab, crossover
from seamless_lab.app.reads import CURRENT_CELL, Cell
from seamless_lab.app.render.text import Look, render
from seamless_lab.errors import (
    DataError,
    GapsRefused,
    InvalidSql,
    LookAhead,
    NotRepeatable,
    NotSealed,
    RequestError,
    SqlRefused,
)
from tests.core.backtest.naive import on_paper
from tests.sealed_market import START, seal, walk

HOUR, SLOTS = 3_600, 24 * 100
close = pl.col("close")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("research")
    for seed, name in enumerate(("BTC", "ETH", "SOL")):
        seal(place, f"{name}/USDT", walk(SLOTS, HOUR, seed))
    frame = walk(SLOTS, HOUR, 9)
    quiet = frame.filter((pl.col("ts") // HOUR) % 7 != 3)
    seal(place, "QUIET/USDT", quiet, slots=SLOTS)
    seal(place, "GAP/USDT", frame, unanswered=[(100, 130), (500, 501)])
    seal(place, "BTC/USDT", walk(SLOTS, 60, 4), timeframe="1m")
    return place


@pytest.fixture
def lab(home):
    with Lab(str(home)) as opened:
        yield opened


def ref(lab, symbol, timeframe="1h"):
    return lab.manifest(f"ohlcv:binance:{symbol}/USDT:{timeframe}").ref


def three(lab):
    return {name.lower(): ref(lab, name) for name in ("SOL", "ETH", "BTC")}


def above(bars):
    return close > close.rolling_mean(24)


# -- what it gives ----------------------------------------------------------------------------------------------------


def bars_of(lab, symbol):
    return lab.wiring.sealed.read(lab.wiring.sealed.head(lab.door.node(f"ohlcv:binance:{symbol}/USDT:1h"))).bars.frame


@pytest.mark.parametrize("symbol", ["BTC", "QUIET"])
def test_a_portfolio_of_one_is_what_paper_says(lab, symbol):
    result = lab.backtest(crossover(12, 48, short=True), pins=ref(lab, symbol), fee_bps=10, slippage_bps=5, capital=500)
    bars = bars_of(lab, symbol)
    positions = crossover(12, 48, short=True).positions(bars).to_list()
    paper = on_paper(
        bars["open"].to_list(), bars["close"].to_list(), positions, fee_bps=10, slippage_bps=5, capital=500
    )
    assert result.equity["ts"].to_list() == bars["ts"].to_list()
    assert result.equity["equity"].to_list() == pytest.approx([float(value) for value in paper.equity], rel=1e-9)
    closed = [trip for trip in paper.trips if trip.ended == "signal"]
    assert result.metrics.trades == len(closed)
    gains = [float(trip.equity_out - trip.equity_in) for trip in closed]
    won, lost = sum(g for g in gains if g > 0), -sum(g for g in gains if g < 0)
    assert result.metrics.profit_factor == pytest.approx(won / lost)
    assert result.metrics.win_rate == sum(g > 0 for g in gains) / len(gains)
    assert result.metrics.fees == pytest.approx(float(paper.fees))
    assert result.metrics.slippage == pytest.approx(float(paper.slippage))
    assert result.trades.height == len(paper.trips)


def test_a_portfolio_is_the_sum_of_independent_sleeves(lab):
    pins = three(lab)
    whole = lab.backtest(above, pins=pins, fee_bps=10, capital=3)
    alone = [lab.backtest(above, pins={name: pins[name]}, fee_bps=10, capital=1) for name in sorted(pins)]
    summed = alone[0].equity["equity"] + alone[1].equity["equity"] + alone[2].equity["equity"]
    assert whole.equity["equity"].to_list() == summed.to_list()
    assert whole.symbols["symbol"].to_list() == ["btc", "eth", "sol"]
    assert whole.symbols["total_return"].to_list() == [one.metrics.total_return for one in alone]
    assert whole.trades.height == sum(one.trades.height for one in alone)
    assert whole.metrics.fees == pytest.approx(sum(one.metrics.fees for one in alone))


def test_a_portfolio_that_never_trades_keeps_its_capital_to_the_last_bit(lab, home):
    refs = {f"s{number}": ref(lab, "BTC") for number in range(10)}  # ten times 0.1 is not 1
    result = lab.backtest(lambda bars: pl.lit(0), pins=refs)
    assert result.metrics.total_return == 0
    assert result.metrics.max_drawdown == result.metrics.max_drawdown_days == 0
    assert result.metrics.calmar is None
    assert (result.equity["drawdown"] == 0).all()


def test_frames_hang_together(lab):
    result = lab.backtest(above, pins=three(lab), fee_bps=5)
    equity, returns = result.equity, result.returns
    assert math.prod(1 + value for value in equity["returns"]) == pytest.approx(result.metrics.total_return + 1)
    assert math.prod(1 + value for value in returns["returns"]) == pytest.approx(result.metrics.total_return + 1)
    assert -equity["drawdown"].min() == pytest.approx(result.metrics.max_drawdown)
    assert returns.height == 100
    assert returns["equity"][-1] == equity["equity"][-1]
    assert equity["time"].dtype == pl.Datetime("us", "UTC")
    assert result.trades["entry_time"].dtype == pl.Datetime("us", "UTC")
    assert result.trades["pnl"].sum() == pytest.approx(result.metrics.total_return)
    assert result.trades.sort("symbol", "entry_time", maintain_order=True).equals(result.trades)


def test_daily_returns_go_to_pandas_with_a_utc_index(lab):
    series = lab.backtest(above, pins=three(lab)).to_pandas()
    assert str(series.index.tz) == "UTC"
    assert (series.index[1] - series.index[0]).days == 1
    assert series.name == "returns"


def test_holding_is_one_constant(lab):
    result = lab.backtest(lambda bars: pl.lit(1), pins=ref(lab, "BTC"))
    assert result.trades.select("ended", "fills", "bars").rows() == [("open", 1, SLOTS - 1)]
    assert result.metrics.trades == 0  # none was closed


def test_positions_may_come_as_expression_series_or_frame(lab):
    pins = three(lab)
    kinds = [
        lambda bars: (close > close.rolling_mean(24)).cast(pl.Float64),
        lambda bars: bars.select(above(bars))["close"],
        lambda bars: bars.select("ts", position=above(bars)),
        lambda bars: bars.select(position=above(bars)).to_series().to_frame(),
        lambda bars: bars.select("ts", position=above(bars)).reverse(),
    ]
    equities = [lab.backtest(kind, pins=pins).equity for kind in kinds]
    assert all(one.equals(equities[0]) for one in equities)


def test_a_frame_may_leave_bars_out_which_keep_what_is_held(lab):
    def daily(bars):
        return bars.select("ts", "time", position=above(bars)).filter(pl.col("time").dt.hour() == 5)

    def same(bars):
        return pl.when(pl.col("time").dt.hour() == 5).then(above(bars))

    assert lab.backtest(daily, pins=three(lab)).equity.equals(lab.backtest(same, pins=three(lab)).equity)


def test_the_window_can_be_narrowed_and_nothing_outside_is_seen(lab):
    seen = []

    def spy(bars):
        seen.append((bars["ts"].min(), bars["ts"].max()))
        return pl.lit(0)

    result = lab.backtest(spy, pins=three(lab), start="2024-01-10", end="2024-01-20")
    assert min(first for first, _ in seen) == START + 9 * 86_400
    assert max(last for _, last in seen) == START + 19 * 86_400 - HOUR
    assert result.returns.height == 10


# -- what it refuses --------------------------------------------------------------------------------------------------


def test_what_is_not_sealed_is_refused_with_the_reference_to_use(lab):
    with pytest.raises(NotSealed) as refused:
        lab.backtest(above, pins={"btc": "ohlcv:binance:BTC/USDT:1h"})
    assert ref(lab, "BTC") in refused.value.hint
    with pytest.raises(NotSealed):
        lab.backtest(above, pins={"btc": "ohlcv:binance:BTC/USDT:1h@latest"})


def test_bars_without_a_reference_are_refused(lab):
    fetched = lab.fetch(ref(lab, "BTC"), "2024-01-10", domain="research")
    with pytest.raises(RequestError, match="nothing vouches for") as refused:
        lab.backtest(above, pins={"btc": fetched})
    assert fetched.ref in refused.value.hint
    with pytest.raises(RequestError, match="a DataFrame"):
        lab.backtest(above, pins=fetched.frame)


def test_different_timeframes_windows_names_and_nothing_are_refused(lab):
    with pytest.raises(RequestError, match="one timeframe"):
        lab.backtest(above, pins={"a": ref(lab, "BTC"), "b": ref(lab, "BTC", "1m")})
    with pytest.raises(RequestError, match="at least one reference"):
        lab.backtest(above, pins={})
    with pytest.raises(RequestError, match="Two of the pins"):
        lab.backtest(above, pins=[ref(lab, "BTC"), ref(lab, "BTC")])
    with pytest.raises(NotSealed, match="was asked for"):
        lab.backtest(above, pins=three(lab), start="2023-12-01", end="2024-01-20")


def test_different_windows_are_refused_with_the_common_one(lab, home):
    short = seal(home, "SHORT/USDT", walk(240, HOUR, 3, start=START + 86_400))
    with pytest.raises(RequestError, match="over one window") as refused:
        lab.backtest(above, pins={"btc": ref(lab, "BTC"), "short": short})
    assert "start='2024-01-02T00:00Z', end='2024-01-12T00:00Z'" in refused.value.hint


def test_slots_without_an_answer_are_refused_unless_allowed(lab):
    with pytest.raises(GapsRefused, match=r"31 slots .* have no answer, in 2 stretches") as refused:
        lab.backtest(above, pins={"gap": ref(lab, "GAP")})
    assert "seamless backfill ohlcv:binance:GAP/USDT:1h --start 2024-01-05T04:00Z" in refused.value.hint
    assert lab.backtest(above, pins={"gap": ref(lab, "GAP")}, allow_gaps=True).equity.height == SLOTS - 31
    assert lab.backtest(above, pins={"quiet": ref(lab, "QUIET")}).equity.height < SLOTS


def test_a_window_without_a_bar_is_refused(lab, home):
    frame = walk(48, HOUR, 5).filter(pl.col("ts") >= START + 86_400)
    listed_late = seal(home, "LATE/USDT", pl.concat([walk(1, HOUR, 5), frame]), slots=48)
    with pytest.raises(DataError, match="has no bar in"):
        lab.backtest(above, pins={"late": listed_late}, start="2024-01-01T06:00", end="2024-01-01T12:00")


def test_prices_that_give_no_return_are_refused(lab, home):
    frame = walk(48, HOUR, 5).with_columns(open=pl.when(pl.col("ts") == START + 7_200).then(-1.0).otherwise("open"))
    odd = seal(home, "ODD/USDT", frame)
    with pytest.raises(DataError, match=r"the open of 2024-01-01T02:00Z is -1.0"):
        lab.backtest(above, pins={"odd": odd})


@pytest.mark.parametrize("given", [None, 3, [1], "text that is no strategy", ""])
def test_what_is_no_strategy_is_refused(lab, given):
    with pytest.raises((RequestError, InvalidSql)):
        lab.backtest(given, pins=three(lab))


@pytest.mark.parametrize(
    "strategy, problem",
    [
        (lambda bars: 1, "a value of type int"),
        (lambda bars: bars["close"].head(3), "3 positions for the"),
        (lambda bars: bars.select("close"), "one of them must be position"),
        (lambda bars: bars.select(position=pl.lit(1)).head(3), "without ts"),
        (lambda bars: bars.select(pl.col("ts") + 1, position=1), "and no bar opens then"),
        (lambda bars: pl.concat([bars, bars]).select("ts", position=1), "twice"),
        (lambda bars: bars.select(ts="time", position=1), "epoch seconds"),
        (lambda bars: pl.lit("long"), "type String"),
        (lambda bars: pl.lit(1.5), "for btc at 2024-01-01T00:00Z is 1.5"),
        (lambda bars: pl.lit(float("nan")), "is nan"),
    ],
)
def test_answers_that_are_no_positions_are_refused(lab, strategy, problem):
    with pytest.raises(RequestError, match=problem):
        lab.backtest(strategy, pins=three(lab))


def test_what_a_strategy_raises_comes_with_its_symbol(lab):
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as raised:
        lab.backtest(lambda bars: pl.col("clos"), pins=three(lab))
    assert "on btc, 2,400 bars" in raised.value.__notes__[0]


def test_costs_and_capital_out_of_bounds_are_refused(lab):
    for wrong in ({"fee_bps": -1}, {"slippage_bps": 5_000}, {"capital": 0}, {"capital": float("inf")}):
        with pytest.raises(RequestError):
            lab.backtest(above, pins=three(lab), **wrong)


# -- look-ahead -------------------------------------------------------------------------------------------------------


def centred(bars):
    mean = bars.select(close.rolling_mean(25, center=True)).to_series()
    return (bars["close"] > mean).fill_null(value=False)


LEAKS = {
    "the next bar": lambda bars: close.shift(-1) > close,
    "the next bar, filled": lambda bars: (close.shift(-1) > close).fill_null(value=False),
    "the next change": lambda bars: close.diff().shift(-1) > 0,
    "the mean of all": lambda bars: close > close.mean(),
    "normalised by all": lambda bars: ((close - close.mean()) / close.std()).clip(-1, 1),
    "the best bar of all": lambda bars: close > close.quantile(0.9),
    "a centred window": centred,
    "backward fill": lambda bars: (
        pl.when(pl.col("ts") % 86_400 == 0).then(close).fill_null(strategy="backward") > close
    ),
    "the day's close": lambda bars: close.last().over(pl.col("time").dt.date()) > close,
    "reversed": lambda bars: close.reverse().rolling_mean(9).reverse() > close,
    "the number of bars": lambda bars: pl.int_range(pl.len()) > pl.len() / 2,
    "the last bar": lambda bars: bars["ts"] < bars["ts"].max(),
}


@pytest.mark.parametrize("strategy", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("symbols", [1, 3])
def test_look_ahead_is_found_and_named(lab, strategy, symbols):
    pins = dict(list(three(lab).items())[:symbols])
    with pytest.raises(LookAhead, match=r"looks ahead: for the bar of \w+ at 2024-") as refused:
        lab.backtest(strategy, pins=pins)
    assert refused.value.facts["ts"] <= refused.value.facts["known_until"]
    assert refused.value.exit_code == 1


def test_one_symbol_is_enough_to_be_found(lab):
    first = bars_of(lab, "SOL")["close"][0]

    def knows_one(bars):
        return close.max() > close if bars["close"][0] == first else close > 0

    with pytest.raises(LookAhead, match="the bar of sol at"):
        lab.backtest(knows_one, pins=three(lab))


CAUSAL = {
    "rolling": above,
    "exponential": lambda bars: close.ewm_mean(span=20) > close.ewm_mean(span=90),
    "expanding": lambda bars: close > close.cum_max().shift(1) * 0.99,
    "deviations": lambda bars: ((close - close.rolling_mean(48)) / close.rolling_std(48)).clip(-1, 1).fill_nan(0),
    "forward fill": lambda bars: pl.when(pl.col("ts") % 86_400 == 0).then(close).fill_null(strategy="forward") < close,
    "yesterday": lambda bars: close.shift(24) < close,
    "the day so far": lambda bars: close.cum_max().over(pl.col("time").dt.date()) <= close,
}


@pytest.mark.parametrize("strategy", CAUSAL.values(), ids=CAUSAL)
def test_what_does_not_look_ahead_is_let_through(lab, strategy):
    assert lab.backtest(strategy, pins=three(lab)).trades.height > 0


def test_random_numbers_are_named_as_such(lab):
    with pytest.raises(NotRepeatable, match="two different positions for the same bars of btc"):
        lab.backtest(lambda bars: pl.Series([random.random() for _ in range(bars.height)]), pins=three(lab))


def test_the_check_can_be_left_out_and_the_result_says_so(lab):
    result = lab.backtest(lambda bars: close.shift(-1) > close, pins=three(lab), check_lookahead=False)
    assert "not checked for look-ahead" in result.to_text()


# -- SQL ---------------------------------------------------------------------------------------------------------------


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


# -- digest and identity ----------------------------------------------------------------------------------------------


def scaled(bars, factor, *, window):
    return (close > close.rolling_mean(window)).cast(pl.Float64) * factor


def test_the_digest_is_that_of_the_bars_the_code_and_the_options(lab, home):
    pins = three(lab)
    first = lab.backtest(crossover(10, 40), pins=pins, fee_bps=5).digest
    assert lab.backtest(crossover(10, 40), pins=dict(reversed(pins.items())), fee_bps=5.0).digest == first
    with Lab(str(home)) as other:
        assert other.backtest(crossover(10, 40), pins=pins, fee_bps=5).digest == first
    others = [
        lab.backtest(crossover(10, 41), pins=pins, fee_bps=5),
        lab.backtest(crossover(10, 40), pins=pins, fee_bps=6),
        lab.backtest(crossover(10, 40), pins=pins, fee_bps=5, slippage_bps=1),
        lab.backtest(crossover(10, 40), pins=pins, fee_bps=5, capital=2),
        lab.backtest(crossover(10, 40), pins=pins, fee_bps=5, end="2024-04-01", start="2024-01-01"),
        lab.backtest(crossover(10, 40), pins={**pins, "sol": pins["btc"]}, fee_bps=5),
        lab.backtest(crossover(10, 40), pins={"x": pins["btc"], "eth": pins["eth"], "sol": pins["sol"]}, fee_bps=5),
    ]
    assert len({first, *(one.digest for one in others)}) == len(others) + 1


def test_the_digest_of_a_fixed_market_is_kept(lab):
    """It changes only with a line in the CHANGELOG that says why: results of last year must be found again."""
    result = lab.backtest(crossover(12, 48, short=True), pins=three(lab), fee_bps=10, slippage_bps=5)
    assert result.digest == "cbb18f108580fe010feb67bcb7e0ea08d77adda4776217e60b9b7d4d7b442b94"
    assert result.equity["equity"][-1].hex() == "0x1.ce0aab2c7c8cap-1"


def test_bound_arguments_are_code(lab):
    half = functools.partial(scaled, factor=0.5, window=24)
    runs = [
        lab.backtest(half, pins=three(lab)).digest,
        lab.backtest(functools.partial(scaled, factor=0.5, window=24), pins=three(lab)).digest,
        lab.backtest(functools.partial(scaled, factor=0.5, window=25), pins=three(lab)).digest,
    ]
    assert runs[0] == runs[1] != runs[2]


def test_a_lambda_is_itself_wherever_it_stands(lab):
    pins = {"btc": ref(lab, "BTC")}
    first = lab.backtest(lambda bars: close > 101, pins=pins)
    again = lab.backtest(lambda bars: close > 101, pins=pins, fee_bps=0.0).digest
    assert again == first.digest
    assert first.to_text().startswith("lambda bars: close > 101  [2024-01-01")


def test_one_tick_in_one_bar_changes_inputs_and_digest(lab, home, tmp_path):
    frame = bars_of(lab, "BTC")
    bumped = frame.with_columns(high=pl.when(pl.col("ts") == START + 500 * HOUR).then(close + 9).otherwise("high"))
    other = seal(tmp_path, "BTC/USDT", bumped)
    with Lab(str(tmp_path)) as changed:
        theirs = changed.backtest(crossover(10, 40), pins={"btc": other})
    ours = lab.backtest(crossover(10, 40), pins={"btc": ref(lab, "BTC")})
    assert theirs.equity.equals(ours.equity)  # a high decides nothing here
    assert theirs.inputs[0].content != ours.inputs[0].content
    assert theirs.digest != ours.digest


def test_two_stores_that_hold_different_history_agree(lab, tmp_path):
    longer = pl.concat([walk(240, HOUR, 77, start=START - 240 * HOUR), bars_of(lab, "BTC")])
    other = seal(tmp_path, "BTC/USDT", longer)
    with Lab(str(tmp_path)) as elsewhere:
        theirs = elsewhere.backtest(crossover(10, 40), pins={"btc": other}, start="2024-01-01", end="2024-04-01")
    ours = lab.backtest(crossover(10, 40), pins={"btc": ref(lab, "BTC")}, start="2024-01-01", end="2024-04-01")
    assert theirs.inputs[0].ref != ours.inputs[0].ref
    assert theirs.digest == ours.digest


def test_reads_and_result_are_recorded_with_their_cell(lab):
    token = CURRENT_CELL.set(Cell("abc", 3))
    try:
        result = lab.backtest(crossover(10, 40), pins=three(lab), fee_bps=5)
    finally:
        CURRENT_CELL.reset(token)
    reads = lab.wiring.reads.records()[-3:]
    assert {(read.cell.id, read.domain) for read in reads} == {("abc", "backtest")}
    record = lab.wiring.results.records()[-1]
    assert (record.kind, record.digest, record.repeatable) == ("backtest", result.digest, True)
    assert [given.content for given in record.inputs] == [given.content for given in result.inputs]
    assert json.loads(json.dumps(record.recipe))["strategy"] == {
        "kind": "crossover",
        "fast": 10,
        "slow": 40,
        "short": False,
    }
    lab.backtest(above, pins=three(lab))
    assert not lab.wiring.results.records()[-1].repeatable


# -- how it is shown --------------------------------------------------------------------------------------------------


def test_the_view_is_deterministic_within_the_width_and_json_safe(lab):
    first, second = (lab.backtest(crossover(10, 40), pins=three(lab), fee_bps=5) for _ in range(2))
    assert first.to_text() == second.to_text()
    assert first._repr_html_() == second._repr_html_()
    assert json.loads(json.dumps(first.to_dict(), allow_nan=False))["digest"] == first.digest
    assert "crossover(10, 40)" in first.to_text()
    assert first.digest in first.to_text()
    assert max(map(len, first.to_text().splitlines())) <= 120
    assert render(first.view(), Look(unicode=False)).isascii()
    assert first.exit_code == 0


def test_what_to_be_careful_about_is_said(lab):
    text = lab.backtest(lambda bars: close > 0, pins=three(lab), start="2024-01-01", end="2024-01-05").to_text()
    assert "4.0 days are little to annualise from" in text
    assert "none: no fee and no slippage were asked for" in text


def test_a_ruined_sleeve_is_said_and_ends(lab, home):
    doubling = walk(240, HOUR, 5).with_columns(
        (pl.col(name) * (1 + pl.int_range(pl.len()) // 100)).alias(name) for name in ("open", "high", "low", "close")
    )
    pump = seal(home, "PUMP/USDT", doubling)
    result = lab.backtest(lambda bars: pl.lit(-1), pins={"pump": pump})
    assert "a short had lost everything on 2024-01-" in result.to_text()
    assert result.metrics.total_return == -1
    assert result.metrics.cagr == -1
    assert result.symbols["ruined_time"].null_count() == 0
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_signal_that_waits_is_said(lab):
    def at_the_end(bars):
        return pl.col("ts") >= START + (SLOTS - 1) * HOUR

    result = lab.backtest(at_the_end, pins=three(lab))
    assert "The last bar's signal was not executed, as no bar follows: btc, eth, sol." in result.to_text()
    assert result.symbols["waiting"].to_list() == [1, 1, 1]


def test_the_strategy_runs_on_our_threads_and_none_is_left(lab):
    lab.backtest(above, pins=three(lab))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seamless-backtest")]
