"""`seamless backtest` as typed: strategies by name and from files, and what is said about mistakes in them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import polars as pl
import pytest

from seamless_lab import Lab, crossover
from seamless_lab.app.backtest.recipes import from_recipe, strategy_named
from seamless_lab.cli import main
from seamless_lab.errors import RequestError
from tests.sealed_market import seal, walk

FILE = """
import polars as pl

BACK = 24


def momentum(bars):
    return pl.col("close") > pl.col("close").shift(BACK)


def leak(bars):
    return pl.col("close").shift(-1) > pl.col("close")


def broken(bars):
    return bars["clos"]
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    refs = [seal(home, f"{name}/USDT", walk(600, 3_600, seed)) for seed, name in enumerate(("BTC", "ETH"))]
    with Lab(str(home)) as lab:
        for name, ref in zip(("btc", "eth"), refs, strict=True):
            lab.pin(name, ref)
    return home


@pytest.fixture
def seamless(ready, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strategies.py").write_text(FILE)

    def run(*words):
        code = main([*words, "--home", str(ready)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_crossover_of_two_pins_is_what_the_lab_gives(seamless, ready):
    code, out, _ = seamless("backtest", "crossover:10:40", "pin:btc", "pin:eth", "--fee-bps", "10", "--json")
    with Lab(str(ready)) as lab:
        result = lab.backtest(crossover(10, 40), pins=["pin:btc", "pin:eth"], fee_bps=10)
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(result.to_dict()))
    code, out, _ = seamless("backtest", "crossover:10:40:short", "pin:btc")
    assert (code, "crossover(10, 40, short=True)" in out) == (0, True)


def test_all_pins_that_match_are_taken(seamless):
    code, out, _ = seamless("backtest", "crossover:10:40", "pin:*", "--json")
    assert (code, [given["name"] for given in json.loads(out)["inputs"]]) == (0, ["btc", "eth"])
    code, _, err = seamless("backtest", "crossover:10:40", "pin:x*")
    assert (code, "No pin matches pin:x*" in err) == (2, True)


def test_a_function_in_a_file_has_its_source_in_the_digest(seamless, tmp_path):
    def digest():
        code, out, _ = seamless("backtest", "strategies.py:momentum", "pin:btc", "--json")
        assert code == 0
        return json.loads(out)["digest"]

    first = digest()
    (tmp_path / "strategies.py").write_text(FILE.replace("import polars as pl", "import polars as pl  # unchanged"))
    assert digest() == first
    (tmp_path / "strategies.py").write_text(FILE.replace("    return pl.col", "    # changed\n    return pl.col", 1))
    assert digest() != first


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["crossover:10:40"], 2, "needs at least one reference"),
        (["crossover:96:24", "pin:btc"], 2, "Write crossover:20:100"),
        (["crossover:10", "pin:btc"], 2, "names no crossover"),
        (["crossover:2:²", "pin:btc"], 2, "names no crossover"),
        (["crossover:40:10", "pin:btc"], 2, "must be the shorter one"),
        (["moon", "pin:btc"], 2, "'moon' names no strategy"),
        (["absent.py:f", "pin:btc"], 2, "There is no file absent.py"),
        (["strategies.py:momentun", "pin:btc"], 2, "It has broken, leak, momentum"),
        (["strategies.py:BACK", "pin:btc"], 2, "has no function 'BACK'"),
        (["strategies.py:broken", "pin:btc"], 2, "The strategy broken raised this on btc, 600 bars. ColumnNotFound"),
        (["absent.sql", "pin:btc"], 2, "There is no file absent.sql"),
        (["strategies.py:leak", "pin:btc"], 1, "The strategy leak looks ahead"),
        (["crossover:10:40", "pin:btc", "--fee-bps", "ten"], 2, "--fee-bps ten is no number"),
        (["crossover:10:40", "ohlcv:binance:BTC/USDT:1h"], 1, "Name a version: pin:btc"),
        (["crossover:10:40", "pin:bct"], 2, "Did you mean pin:btc"),
    ],
)
def test_mistakes_are_said_with_what_to_do(seamless, words, code, said):
    found, _, err = seamless("backtest", *words)
    assert (found, said in err) == (code, True), err


def test_a_query_in_a_file_is_a_strategy(seamless, tmp_path):
    (tmp_path / "cross.sql").write_text(
        "-- as the shipped one\nSELECT ts, crossover(close, 10, 40, ts) AS position FROM bars\n"
    )
    code, out, _ = seamless("backtest", "cross.sql", "pin:btc", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["recipe"]["strategy"]["kind"] == "sql"
    code, out, _ = seamless("backtest", "crossover:10:40", "pin:btc", "--json")
    assert json.loads(out)["metrics"] == found["metrics"]


def test_ctrl_c_gets_an_answer_while_a_strategy_runs(ready, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import time\nimport polars as pl\n\n\ndef slow(bars):\n    print('runs', flush=True)\n    time.sleep(1)\n"
        "    return pl.lit(1)\n"
    )
    words = ["backtest", "slow.py:slow", "pin:btc", "pin:eth", "--home", str(ready)]
    process = subprocess.Popen(
        [sys.executable, "-m", "seamless_lab.cli", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("runs")  # two threads may print on one line
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("runs") < 4  # of more than thirty calls


@pytest.mark.parametrize("text", ["import nothing_of_that_name", "def f(:", "1 / 0"])
def test_a_file_that_cannot_be_imported_is_no_defect_of_ours(seamless, tmp_path, text):
    (tmp_path / "bad.py").write_text(text)
    code, _, err = seamless("backtest", "bad.py:f", "pin:btc")
    assert code == 2
    assert "bad.py cannot be imported" in err


def test_a_recipe_makes_the_same_result_again(ready):
    with Lab(str(ready)) as lab:
        first = lab.backtest(crossover(10, 40, short=True), pins=["pin:btc"], fee_bps=3, slippage_bps=1, capital=9)
        strategy, trading, start, end = from_recipe(json.loads(json.dumps(first.recipe)))
        assert trading == first.trading
        again = lab.backtest(
            strategy, pins={"btc": first.inputs[0].ref}, start=start, end=end, fee_bps=3, slippage_bps=1, capital=9
        )
        query = lab.backtest("SELECT ts, 1 AS position FROM bars", pins=["pin:btc"])
        assert from_recipe(query.recipe)[0] == "SELECT ts, 1 AS position FROM bars"
        function = lab.backtest(lambda bars: bars["close"] > 0, pins=["pin:btc"])
    assert again.digest == first.digest
    with pytest.raises(RequestError, match="was a Python function"):
        from_recipe(function.recipe)
    with pytest.raises(RequestError, match="no recipe"):
        from_recipe({"strategy": None})
    with pytest.raises(RequestError, match="no strategy of this version"):
        from_recipe({**first.recipe, "strategy": {"kind": "magic"}})


def test_names_of_shipped_strategies_are_read():
    assert strategy_named("crossover:2:5") == crossover(2, 5)
    assert strategy_named("crossover:2:5:short") == crossover(2, 5, short=True)


def test_the_equity_goes_to_a_file_with_what_it_stands_for(seamless, tmp_path):
    words = ["backtest", "crossover:10:40", "pin:btc", "--fee-bps", "5"]
    assert seamless(*words, "--out", "one.parquet")[0] == 0
    assert seamless(*words, "--out", "two.parquet")[0] == 0
    assert seamless(*words, "--out", "one.csv")[0] == 0
    code, out, _ = seamless(*words, "--json")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    kept, text = pl.read_parquet(tmp_path / "one.parquet"), pl.read_csv(tmp_path / "one.csv")
    assert kept["equity"].to_list() == text["equity"].to_list()
    assert kept["equity"][-1] - 1 == json.loads(out)["metrics"]["total_return"]
    metadata = pl.read_parquet_metadata(tmp_path / "one.parquet")
    assert metadata["seamless.digest"] == f"sha256:{json.loads(out)['digest']}"
    code, _, err = seamless("backtest", "crossover:10:41", "pin:btc", "--out", "one.csv")
    assert (code, "with other content" in err) == (2, True)
    assert seamless("backtest", "crossover:10:41", "pin:btc", "--out", "one.csv", "--force")[0] == 0
    assert seamless("backtest", "crossover:10:41", "pin:btc", "--out", "one.xlsx")[0] == 2
