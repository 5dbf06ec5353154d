"""What the digest of a backtest stands for."""

from __future__ import annotations

import functools
import json

import polars as pl

from seamless_lab import Lab, crossover
from seamless_lab.app.reads import CURRENT_CELL, Cell
from tests.app.backtest.market import HOUR, above, bars_of, close, ref, three
from tests.sealed_market import START, seal, walk


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
