"""What users write by mistake gets one sentence and one action, in Python as in the terminal."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import polars as pl
import pytest

from seamless_lab import Lab, crossover
from seamless_lab.app.home import FOLDER
from seamless_lab.app.local_exchange import exchange_overrides
from seamless_lab.app.settings import resolve_settings
from seamless_lab.cli import main
from seamless_lab.cli.screen import Screen
from seamless_lab.core.policy import SLAPolicy
from seamless_lab.errors import RequestError, SeamlessError
from tests.pages import ROOT
from tests.sealed_market import seal, walk

NODE = "ohlcv:binance:BTC/USDT:1h"
GAPPY = "ohlcv:binance:ETH/USDT:1h"
FRAME = pl.DataFrame({"ts": range(9)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wrong") / "project"
    (root / FOLDER).mkdir(parents=True)
    seal(root / FOLDER, "BTC/USDT", walk(20 * 24, 3_600, 1))
    return root


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    with Lab() as lab:
        lab.pin("btc", NODE)
    return folder


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda lab: lab.sql(None), "The query is None"),
        (lambda lab: lab.sql("SELECT 1", pins={"b": None}), "None is no reference"),
        (lambda lab: lab.sql("SELECT 1", pins=5), "5 is no reference"),
        (lambda lab: lab.sql("SELECT 1", pins=FRAME), "a DataFrame is no reference"),
        (lambda lab: lab.sql("SELECT 1", threads="x"), "threads is 'x'"),
        (lambda lab: lab.sql("SELECT 1", timeout_s=None), "timeout_s is None"),
        (lambda lab: lab.sql("SELECT 1", memory_limit=4), "memory_limit is 4"),
        (lambda lab: lab.fetch(NODE, "2024-01-02", min_coverage="x"), "min_coverage is 'x'"),
        (lambda lab: lab.fetch(NODE, "2024-01-02", max_lag_s="x"), "max_lag_s is 'x'"),
        (lambda lab: lab.fetch(NODE, "2024-01-02", world=5), "5 is no world_id"),
        (lambda lab: lab.fetch(NODE, "2024-01-02", sla=SLAPolicy(on_violation="x")), "'x' is not one of"),
        (lambda lab: lab.fetch(NODE, FRAME), "is no time"),
        (lambda lab: next(lab.live(NODE, limit="x")), "limit is 'x'; it is a whole number"),
        (lambda lab: next(lab.live(NODE, limit=-1)), "limit is -1; it must be at least 0"),
        (lambda lab: lab.backtest(crossover(2, 3), pins="pin:btc", fee_bps=None), "fee_bps is None"),
        (lambda lab: lab.backtest(crossover(2, 3), pins="pin:btc", slippage_bps="x"), "slippage_bps is 'x'"),
        (lambda lab: lab.backtest(crossover(2, 3), pins="pin:btc", capital="x"), "capital is 'x'"),
        (lambda lab: lab.backtest(crossover(2, 3), pins=5), "was given a int"),
        (lambda _: crossover(None, 3), "fast is None; it is a whole number"),
        (lambda _: crossover(2.5, 4), "fast is 2.5; it is a whole number"),
        (lambda lab: lab.pin(None, NODE), "None is no name of a pin"),
        (lambda lab: lab.pin(5, NODE), "5 is no name of a pin"),
        (lambda lab: lab.pin("x", NODE, store=5), "store is 5; it is a path"),
        (lambda lab: lab.unpin(None), "None is no name of a pin"),
        (lambda lab: lab.check_lock(5), "5 names no pins"),
        (lambda lab: lab.update_lock(FRAME), "a DataFrame names no pins"),
        (lambda lab: lab.update_lock([None]), "None is no name of a pin"),
        (lambda _: Lab(overrides=5), "overrides is 5"),
        (lambda _: Lab(5), "home is 5"),
        (lambda _: Lab(config=5), "config is 5"),
        (lambda _: Lab("x", exchange_url=5), "5 is no URL"),
        (lambda _: Lab(exchange_url="http://127.0.0.1:1"), "without a home"),
    ],
)
def test_a_value_of_another_type_is_refused_at_the_door(project: Path, wrong, said: str) -> None:
    before = sorted(project.iterdir())
    with Lab() as lab, pytest.raises(SeamlessError, match=re.escape(said)) as refused:
        wrong(lab)
    assert (refused.value.exit_code, bool(refused.value.hint)) == (2, True) or "store" in said
    assert sorted(project.iterdir()) == before


WRONG = (5, 10**5000, None, [], object(), b"x", float("nan"), "\0", "\ud800")
NEVER_WRONG = {  # what an argument takes besides its default
    **dict.fromkeys(("start", "end", "at", "since", "as_of", "rows", "limit", "max_lag_s", "threads", "timeout_s"), 5),
    **dict.fromkeys(("fee_bps", "slippage_bps", "capital"), 5),
    "names": [],
}
VERBS: dict[str, dict[str, object]] = {
    **{
        verb: {"node": NODE} for verb in ("fetch", "live", "coverage", "gaps", "backfill", "plan", "publish", "compact")
    },
    **{verb: {"node": NODE} for verb in ("artifacts", "sla")},
    **{verb: {"ref": NODE} for verb in ("manifest", "verify", "history")},
    **{verb: {} for verb in ("check_lock", "update_lock", "receipt")},
    **{verb: {"notebook": "none.ipynb"} for verb in ("seal", "check_notebook")},
    "diff": {"ref": NODE, "other": f"{NODE}@seq:1"},
    "rollback": {"ref": f"{NODE}@seq:1"},
    "pin": {"name": "other", "ref": NODE},
    "unpin": {"name": "none"},
    "verify_receipt": {"receipt": "none.json"},
    "sql": {"query": "SELECT 1 FROM btc"},
    "backtest": {"strategy": crossover(2, 3), "pins": "pin:btc"},
}


def call(lab: Lab, verb: str, **arguments: object) -> object:
    found = getattr(lab, verb)(**arguments)
    return next(found) if verb == "live" else found


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_an_argument_is_given_it_is_taken_or_refused_in_a_sentence(project: Path, verb: str) -> None:
    given: dict[str, object] = {"start": "2024-01-02", "end": "2024-01-03"}
    with Lab(overrides=exchange_overrides("http://127.0.0.1:9")) as lab:
        parameters = inspect.signature(getattr(lab, verb)).parameters
        usual = {name: value for name, value in given.items() if name in parameters} | VERBS[verb]
        for name, parameter in parameters.items():
            flag = isinstance(parameter.default, bool) or name in ("on_event", "on_run", "results")
            for value in () if flag else WRONG:
                if value is parameter.default or value == NEVER_WRONG.get(name, parameter.default):
                    continue
                with pytest.raises(SeamlessError) as refused:
                    call(lab, verb, **{**usual, name: value})
                assert len(refused.value.message) < 300, (name, type(value))
                json.dumps(refused.value.facts, default=str)


def test_long_numbers_and_texts_are_shown_by_their_beginning(project: Path, capsys) -> None:
    digits = "1" * 5000
    for line in (
        f"fetch ohlcv:binance:BTC/USDT:{digits}m --start 2024",
        f"fetch {NODE} --start {digits}",
        f"fetch {NODE} --start 2024 --sla {digits}",
        f"coverage {NODE} --home {digits}",
        f"diff {NODE} --store {digits}",
    ):
        assert main(line.split()) == 2
        shown = capsys.readouterr().err
        assert "1111…" in shown.replace("'", "")
        assert len(shown) < 400
        assert "defect" not in shown


def test_a_version_is_not_named_twice_whatever_the_second_is(project: Path) -> None:
    with Lab() as lab, pytest.raises(SeamlessError, match=r"named twice: .* as_of a number of thousands of digits"):
        lab.fetch(f"{NODE}@seq:1", as_of=10**5000)


@pytest.mark.parametrize("name", ["home", "config", "overrides", "exchange_url"])
@pytest.mark.parametrize(
    "value", [10**5000, [5], object(), b"x", "\0", "\ud800", "1" * 5000], ids=lambda value: type(value).__name__
)
def test_no_lab_is_opened_with_what_names_no_place(project: Path, name: str, value: object) -> None:
    with pytest.raises(SeamlessError) as refused:
        Lab(**{name: value})
    assert (refused.value.exit_code, len(refused.value.message) < 300) == (2, True)


def test_settings_of_thousands_of_digits_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "seamless.yaml").write_text("seamless: {backfill: {window_bars: '${BIG}'}}")
    for sources in (
        {"overrides": {"seamless.backfill.window_bars": 10**5000}},
        {"config_file": tmp_path / "seamless.yaml", "env": {"BIG": "1" * 5000}},
    ):
        with pytest.raises(SeamlessError, match="it must be a whole number"):
            resolve_settings(**sources)


def test_a_list_is_said_once_and_a_fraction_of_a_second_has_a_hint(project: Path, capsys) -> None:
    assert main(["fetch", NODE, "--start", "2024", "--sla", "foo"]) == 2
    assert capsys.readouterr().err.count("tolerant-partial") == 1
    assert main(["fetch", NODE, "--start", "2024-01-01T00:00:00.5"]) == 2
    assert "hint: Leave the fraction out: 2024-01-01T00:00:00+00:00" in capsys.readouterr().err


def test_hints_are_written_for_python_too(project: Path) -> None:
    asked = {
        lambda lab: lab.fetch(NODE): 'start="2024-03"',
        lambda lab: lab.fetch(NODE, "2024-01-01T01:00"): "Add an end",
        lambda lab: lab.pin("btc", NODE, "2024-01-05", "2024-01-06"): "replace=True",
        lambda lab: lab.pin("gaps", GAPPY, "2024-01-01", "2024-01-02"): "allow_gaps=True",
    }
    seal(project / FOLDER, "ETH/USDT", walk(24, 3_600, 2), unanswered=[(3, 5)])
    with Lab() as lab:
        for ask, hint in asked.items():
            with pytest.raises(SeamlessError) as refused:
                ask(lab)
            assert hint in refused.value.hint


def test_one_pin_may_be_named_without_a_list(project: Path) -> None:
    with Lab() as lab:
        for name in ("btc", "pin:btc", ["btc"], ("pin:btc",)):
            assert [each.pin.name for each in lab.check_lock(name).pins] == ["btc"]
            assert lab.update_lock(name).exit_code == 0


def test_coverage_shows_its_window_and_how_many_slots_are_how(project: Path) -> None:
    with Lab() as lab:
        found = lab.fetch("pin:btc", "2024-01-02", "2024-01-04", domain="research").coverage
    assert repr(found) == "Coverage([2024-01-02T00:00Z, 2024-01-04T00:00Z), present 48)"


def test_a_receipt_without_a_notebook_promises_none(project: Path) -> None:
    with Lab() as lab:
        lab.backtest(lambda bars: pl.lit(1.0), pins="pin:btc", check_lookahead=False)
        shown = str(lab.receipt())
    assert "with its notebook" not in shown
    assert "no: its inputs can be checked" in shown


@pytest.mark.parametrize(
    "line, said",
    [
        ("fetch btc --start 2024-01-02", "Did you mean pin:btc?"),
        ("coverage btc", "Did you mean pin:btc?"),
        ("backtest crossover:2:3 btc", "Did you mean pin:btc?"),
        ("verify some/x.ipynb", "seamless lock --check some/x.ipynb"),
        (f"fetch {NODE}@seq:0 --start 2024-01-02", f"The nearest is {NODE}@seq:1."),
        (f"fetch {NODE}@seq:99 --start 2024-01-02", "there are seq:1 to seq:1"),
        (f"fetch {NODE} --start 2024-01-02 --sla nope", "hint: Write one of"),
        (f"pin new {NODE} --store nope", "The store 'nope' is not there"),
        (f"pin new {NODE} --store seamless.lock", "The store 'seamless.lock' is no folder"),
        ("unpin zzz", "hint: See all pins: seamless pin"),
        ("unpin pin:btcc", "Did you mean pin:btc?"),
    ],
)
def test_the_terminal_says_what_was_probably_meant(project: Path, capsys, line: str, said: str) -> None:
    assert main(line.split()) in (1, 2)
    shown = capsys.readouterr().err
    assert said in shown
    assert "Pin it" not in shown


def test_a_pin_is_taken_away_by_its_reference_too(project: Path) -> None:
    assert main(["unpin", "pin:btc"]) == 0


def test_a_stop_while_the_program_loads_is_one_line_and_130() -> None:
    program = (
        "import importlib.abc, os, signal, sys\n"
        "class Stop(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == sys.argv[1]: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from seamless_lab.cli import main\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    for module in ("seamless_lab.cli.line", "seamless_lab.app.grammar", "seamless_lab.app.render"):
        for options in ([], ["--json"]):
            words = [sys.executable, "-c", program, module, "doctor", *options]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if options:
                stopped = {"code": "E-STOP", "message": "Stopped.", "hint": "", "facts": {}}
                assert (json.loads(done.stdout), done.stderr) == ({"error": stopped}, ""), module
            else:
                assert (done.stdout, done.stderr) == ("", "error[E-STOP]: Stopped.\n"), module
            assert done.returncode == 130


def test_what_goes_wrong_after_the_answer_is_no_second_object(project: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    screen = Screen.of(out, err, {}, json=True)
    with Lab() as lab:
        screen.show(lab.lock())
    assert screen.refuse("E-STOP", "Stopped.", "", {}, 130) == 130
    assert "error" not in json.loads(out.getvalue())
    assert err.getvalue() == "error[E-STOP]: Stopped.\n"


def test_a_parameter_that_no_lab_has_is_named_with_its_near_match() -> None:
    with pytest.raises(TypeError, match=r"^Lab has no parameter 'hom'\. Did you mean home\?$"):
        Lab(hom="x")
    with pytest.raises(
        TypeError, match=r"^Lab has no parameter 'foo'\. It has home, config, overrides, exchange_url\.$"
    ):
        Lab(foo=1)


def test_an_unknown_argument_names_the_lab_and_not_what_it_is_made_of(project: Path) -> None:
    with Lab() as lab, pytest.raises(TypeError, match=r"^Lab\.fetch\(\) got an unexpected keyword argument 'strt'"):
        lab.fetch(NODE, strt="2024-01-01")


def test_the_front_page_shows_how_a_script_uses_a_sandbox(tmp_path: Path, monkeypatch) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = [each for each in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "exchange_url" in each]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(program, names)  # as a reader runs it
    assert len(names["bars"].frame) == 744


def test_python_shows_the_hint_below_the_message() -> None:
    error = RequestError("No.", hint="Yes.")
    assert traceback.format_exception_only(error)[-1] == "hint: Yes.\n"
    assert len(traceback.format_exception_only(RequestError("No."))) == 1


def test_what_is_no_path_and_no_result_is_refused_whatever_it_is(project: Path) -> None:
    with os.scandir(os.fsencode(project)) as entries:
        entry = next(entries)
    for home in (pl.Series([1, 2]), b"x", entry):
        with pytest.raises(SeamlessError, match="it is a path"):
            Lab(home)  # type: ignore[arg-type]  # what is tested
    with Lab() as lab:
        for stranger in (pl.DataFrame({"content": [1]}), pl.DataFrame({"digest": [1]}), object()):
            with pytest.raises(RequestError, match="no record of such a result"):
                lab.receipt(stranger)
        with pytest.raises(RequestError, match="rows is -1"):
            lab.history("pin:btc", rows=-1)
