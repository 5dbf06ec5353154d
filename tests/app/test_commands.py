"""The command table: every entry is whole, every bad line gets a message worth reading, completion knows all of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from seamless_lab.app.command import Kind, Place
from seamless_lab.app.command_docs import page
from seamless_lab.app.commands import COMMANDS
from seamless_lab.app.grammar import CommandLineError, Invocation, Shown, complete, parse

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = "ohlcv:binance:BTC/USDT:1m"
NAMES = [command.name for command in COMMANDS]


def invocation(line: str) -> Invocation:
    asked = parse(shlex.split(line))
    assert isinstance(asked, Invocation)
    return asked


def test_the_table_has_the_documented_commands() -> None:
    assert set(NAMES) == {
        "fetch", "coverage", "gaps", "backfill", "publish", "compact", "artifacts", "manifest", "verify", "sla",
        "config", "doctor", "sandbox", "demo", "seal", "receipt",
        "diff", "history", "rollback",
        "pin", "unpin", "lock", "backtest", "sql",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_every_example_can_be_read(command) -> None:
    assert command.examples
    for example in command.examples:
        assert invocation(example).command is command


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_help_names_every_parameter_and_fits_a_hundred_columns(command) -> None:
    shown = parse([command.name, "--help"])
    assert isinstance(shown, Shown)
    said = shown.text
    assert command.summary in " ".join(said.split())
    assert max(len(line) for line in said.splitlines()) <= 100
    for parameter in command.parameters:
        assert (parameter.metavar if parameter.positional else parameter.option) in said


def test_the_page_of_commands_is_current() -> None:
    assert (ROOT / "docs/commands.md").read_text() == page(), "run: python scripts/commands_page.py"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_program_alone_shows_an_overview(words: list[str]) -> None:
    shown = parse(words)
    assert isinstance(shown, Shown)
    assert all(f"\n  {name} " in shown.text for name in NAMES)
    assert "seamless demo" in shown.text


def test_version_is_shown() -> None:
    assert parse(["--version"], version="1.2.3") == Shown("seamless 1.2.3")


def test_values_are_read_by_kind() -> None:
    asked = invocation(
        f"fetch {NODE} --start -7d --domain LIVE --strategy fail-fast --max-lag 5m --min-coverage 98% -q"
    )
    assert asked.values["start"] == "-7d"
    assert asked.values["domain"] == "live"
    assert asked.values["strategy"] == "FAIL_FAST"
    assert asked.values["max_lag"] == 300
    assert asked.values["min_coverage"] == pytest.approx(0.98)
    assert asked.quiet


@pytest.mark.parametrize(
    "line",
    [
        f"--home H --json fetch {NODE} --start now",
        f"fetch {NODE} --start now --json --home H",
        f"fetch --json --home=H --start=now {NODE}",
    ],
)
def test_common_options_may_stand_before_and_after_the_command(line: str) -> None:
    asked = invocation(line)
    assert asked.place == Place(home="H")
    assert asked.json


def test_an_option_after_the_command_wins() -> None:
    assert invocation("--home A artifacts --home B").place.home == "B"


@pytest.mark.parametrize(
    "line, message, hint",
    [
        ("fetsh x", "There is no command 'fetsh'", "Did you mean fetch?"),
        ("frobnicate", "There is no command 'frobnicate'", "Commands are fetch,"),
        ("fetch", "seamless fetch needs NODE", "seamless fetch --help"),
        (f"backfill {NODE}", "needs --start", "seamless backfill --help"),
        (f"fetch {NODE} --start", "--start needs a value", "seamless fetch --help"),
        (f"fetch {NODE} --quiet=1", "--quiet takes no value", "seamless fetch --help"),
        (f"fetch {NODE} --start 1 --strat SEAMLESS", "no option --strat", "--strategy"),
        (f"fetch {NODE} --window 2024", "no option --window", "A window is two options: --start T --end T"),
        ("diff pin:a pin:b --window 2024-07-01..2024-08-01", "no option --window", "--start T --end T"),
        ("history pin:a --window 2024", "no option --window", "--at T --end T"),
        ("doctor --window 2024", "no option --window", "seamless doctor --help"),
        (f"fetch {NODE} {NODE} --start 1", f"unexpected extra argument ({NODE})", "--help"),
        (f"fetch {NODE} --start 1 --domain liv", "--domain: 'liv'", "Did you mean live?"),
        (f"fetch {NODE} --start 1 --strategy NONE", "--strategy: 'NONE'", "FAIL_FAST, AUTO_BACKFILL"),
        (f"fetch {NODE} --start 1 --max-lag soon", "--max-lag: 'soon' is no duration", "90s"),
        (f"fetch {NODE} --start 1 --min-coverage all", "--min-coverage: 'all' is no ratio", "98%"),
        (f"fetch {NODE} --start ''", "--start: '' is empty", "Leave it out"),
        ("sandbox --port ²", "--port: '²' is no whole number", "digits"),
        (f"sandbox --port {'9' * 5_000}", "is no whole number", "digits"),
        (f"fetch {NODE} --start 1 --max-lag ²", "--max-lag: '²' is no duration", "90s"),
        ("sandbox --port http", "--port: 'http' is no whole number", "digits"),
        ("sandbox --latency-ms -5", "--latency-ms: '-5' is below 0", "digits"),
        ("config valdate", "'valdate'", "Did you mean validate?"),
        ("--json", "no command", "Commands are"),
        ("--hme x artifacts", "seamless has no option --hme", "--home"),
    ],
)
def test_a_line_that_cannot_be_read_says_what_to_write(line: str, message: str, hint: str) -> None:
    with pytest.raises(CommandLineError) as caught:
        parse(shlex.split(line))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


KNOWN = ["pin:btc", "pin:eth", "ohlcv:binance:BTC/USDT:1h", NODE, "ohlcv:binance:BTC/USDT:USDT:1m"]


@pytest.mark.parametrize(
    "before, fragment, found",
    [
        ("", "ba", ["backfill", "backtest"]),
        ("fetch", "ohlcv:binance:BTC/USDT:1", ["ohlcv:binance:BTC/USDT:1h", NODE]),
        ("fetch", "ohlcv:kr", ["ohlcv:kraken:"]),
        ("fetch", f"{NODE}@", [f"{NODE}@latest", f"{NODE}@lock", f"{NODE}@seq:", f"{NODE}@sha256:"]),
        ("backfill", f"{NODE}@", []),
        ("gaps", f"{NODE}@la", [f"{NODE}@latest"]),
        ("fetch x", "--domain=l", ["--domain=live"]),
        ("fetch", "pin:", ["pin:btc", "pin:eth"]),
        ("fetch", "pin:e", ["pin:eth"]),
        ("backfill", "pin:", []),
        ("coverage", "pin:e", ["pin:eth"]),
        ("unpin", "", ["btc", "eth"]),
        ("lock --check btc", "e", ["eth"]),
        ("fetch", "--st", ["--start", "--strategy"]),
        ("fetch x --domain", "l", ["live"]),
        ("fetch x --strategy", "p", ["PARTIAL_FILL"]),
        ("fetch x --sla", "base", ["baseline"]),
        ("fetch x --start", "", ["now", "-1h", "-1d", "-7d", "-30d"]),
        ("config", "v", ["validate"]),
        ("--home H", "man", ["manifest"]),
    ],
)
def test_completion(before: str, fragment: str, found: list[str]) -> None:
    assert [word for word, _ in complete(before.split(), fragment, lambda: KNOWN)] == found


@pytest.mark.parametrize(
    "before, fragment, found",
    [
        ("seal", "", ["my study.ipynb", "studies/", "study.ipynb"]),
        ("lock --check", "s", ["studies/", "study.ipynb"]),
        ("lock --check", "", ["btc", "eth", "my study.ipynb", "studies/", "study.ipynb"]),
        ("lock --check", "studies/", ["studies/deep.ipynb"]),
        ("verify", "cr", ["crossover.json"]),
        ("verify", ".", [".hidden.json"]),
        ("verify x --notebook", "./s", ["./studies/", "./study.ipynb"]),
        ("fetch x --out", "b", ["bars.csv"]),
        ("fetch x", "--out=b", ["--out=bars.csv"]),
        ("fetch x --config", "c", ["conf.yaml"]),
        ("fetch x --home", "s", ["studies/"]),
        ("seal", "nowhere/x", []),
        ("seal", "~nobody-of-that-name/x", []),
    ],
)
def test_files_complete_by_their_endings(tmp_path, monkeypatch, before: str, fragment: str, found: list[str]) -> None:
    (tmp_path / "studies").mkdir()
    files = ("study.ipynb", "my study.ipynb", "studies/deep.ipynb", "crossover.json", "bars.csv", "conf.yaml")
    for name in (*files, ".hidden.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert [word for word, _ in complete(before.split(), fragment, lambda: KNOWN)] == found


def test_every_option_of_every_command_completes() -> None:
    for command in COMMANDS:
        offered = {word for word, _ in complete([command.name], "--", tuple)}
        assert {parameter.option for parameter in command.parameters if not parameter.positional} <= offered


def test_words_of_the_table_are_callable_without_a_lab() -> None:
    for command in COMMANDS:
        for parameter in command.parameters:
            if parameter.kind is Kind.WORD:
                assert parameter.words is not None
                assert list(parameter.words())
