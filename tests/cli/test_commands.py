"""The terminal from outside: what is printed where, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.cli import main
from seamless_lab.sandbox import FaultPlan, SandboxExchange
from tests.cli.terminal import KEYS, MARCH, NODE, Terminal


def test_fetch_prints_the_documented_facts_as_one_json_object(seamless: Terminal) -> None:
    code, found = seamless.json("fetch", NODE, *MARCH)
    assert code == 0
    assert found.keys() >= KEYS
    assert found["verdict"] == "PASS"
    coverage = found["coverage"]
    assert isinstance(coverage, dict)
    assert {"present", "quiet", "missing", "failed", "pending"} <= coverage.keys()
    assert coverage["present"]["bars"] == found["rows"]
    code, again = seamless.json("fetch", NODE, *MARCH)
    assert (code, again["content"], again["requests"]) == (0, found["content"], 0)


def test_a_day_of_work(seamless: Terminal, tmp_path: Path) -> None:
    code, out, err = seamless("fetch", NODE, *MARCH, "--out", str(tmp_path / "x.parquet"))
    assert code == 0
    assert f"{NODE}  [2024-03-01T00:00Z, 2024-03-08T00:00Z)" in out
    assert "asking for 168 bars" in err
    assert f"wrote {tmp_path / 'x.parquet'}" in err
    assert pl.read_parquet(tmp_path / "x.parquet").height == 168
    code, out, _ = seamless("gaps", NODE, "--start", "2024-03-01", "--end", "2024-03-09")
    assert code == 1
    assert "never asked" in out
    code, out, _ = seamless("backfill", NODE, "--start", "2024-03-08", "--plan")
    assert (code, "24 in 1 gap" in out) == (0, True)
    code, out, _ = seamless("backfill", NODE, "--start", "2024-03-08")
    assert (code, "complete" in out) == (0, True)
    code, found = seamless.json("artifacts", NODE)
    assert [row["seq"] for row in found["artifacts"]] == [1, 2]
    first = found["artifacts"][0]["ref"]
    code, pinned = seamless.json("fetch", first, *MARCH, "--domain", "research")
    assert (code, pinned["sources"]) == (0, ["artifact"])
    code, manifest = seamless.json("manifest", first)
    assert manifest["fingerprint"] == pinned["fingerprint"]
    for line in (["verify"], ["coverage", NODE], ["sla"], ["publish", NODE], ["compact"], ["doctor"], ["config"]):
        code, out, _ = seamless(*line)
        assert (line, code) == (line, 0)
        assert out.strip()


def spelt_otherwise(found: object) -> Iterator[object]:
    """Moments that are numbers, and digests with their algorithm; what a commit archives is shown as it is archived."""
    if isinstance(found, dict):
        yield from spelt_otherwise(
            [inner for name, inner in found.items() if name not in ("conformance", "provenance")]
        )
    elif isinstance(found, list):
        for inner in found:
            yield from spelt_otherwise(inner)
    elif (isinstance(found, int | float) and found > 1_600_000_000) or str(found).startswith("sha256:"):
        yield found


def test_all_commands_spell_moments_and_digests_alike(seamless: Terminal) -> None:
    assert seamless("fetch", NODE, *MARCH)[0] == 0
    assert seamless("pin", "btc", NODE)[0] == 0
    for words in (
        ["fetch", "pin:btc", "--domain", "research"], ["coverage", NODE], ["gaps", NODE, "--start", "2024-02"],
        ["backfill", NODE, "--start", "2024-02", "--plan"], ["publish", NODE], ["compact"], ["artifacts"],
        ["artifacts", NODE], ["manifest", NODE], ["verify"], ["sla"], ["history", NODE],
        ["history", NODE, "--at", "2024-03-02T00:00Z"],
        ["diff", f"{NODE}@seq:1", f"{NODE}@latest"], ["rollback", f"{NODE}@seq:1"], ["pin"], ["lock"],
        ["lock", "--check"], ["lock", "--update"], ["sql", "SELECT count(*) AS bars FROM btc"],
        ["backtest", "crossover:2:5", "pin:btc"], ["doctor"],
    ):  # fmt: skip
        code, found = seamless.json(*words)
        assert code in (0, 1), (words, found)
        assert list(spelt_otherwise(found)) == [], words


@pytest.mark.parametrize(
    "words, code, name, said",
    [
        (["fetch", "ohlcv:binance:BTC/USDT", *MARCH], 2, "E-", "BTC/USDT"),
        (["fetch", "ohlcv:binance:BTX/USDT:1h", *MARCH], 2, "E-MARKET", "BTC/USDT"),
        (["fetch", "ohlcv:nowhere:BTC/USDT:1h", *MARCH], 2, "E-", "nowhere"),
        (["fetch", "trades:binance:BTC/USDT", *MARCH], 2, "E-NOT-YET", "trades"),
        (["fetch", NODE, "--start", "yesterday"], 2, "E-TIME", "ISO-8601"),
        (["fetch", NODE, "--start", "2024-03-08", "--end", "2024-03-01"], 2, "E-TIME", "half-open"),
        (["fetch", NODE, *MARCH, "--domain", "research"], 1, "E-NO", "version"),
        (["fetch", NODE, *MARCH, "--strategy", "FAIL_FAST"], 1, "E-GAPS", "backfill"),
        (["fetch", NODE, *MARCH, "--sla", "basline"], 2, "E-", "baseline"),
        (["fetch", NODE, *MARCH, "--out", "x.txt"], 2, "E-REQUEST", ".parquet"),
        (["fetch", f"{NODE}@sha256:zz", *MARCH], 2, "E-REF", "sha256"),
        (["manifest", NODE], 1, "E-NOT-FOUND", "BTC/USDT"),
        (["coverage", NODE], 1, "E-NOT-FOUND", "seamless fetch"),
        (["gaps", NODE, "--end", "now"], 2, "E-REQUEST", "--start"),
        (["config", "show", "--section", "nosuch"], 2, "E-REQUEST", "seamless"),
        (["artifacts", "--config", "none.yaml"], 2, "E-CONFIG", "none.yaml"),
        (["fetsh"], 2, "E-USAGE", "fetch"),
        (["sandbox", "--port", "80000"], 2, "E-REQUEST", "65535"),
    ],
)
def test_bad_input_ends_with_its_code_and_a_message_that_helps(
    seamless: Terminal, tmp_path: Path, words: list[str], code: int, name: str, said: str
) -> None:
    (tmp_path / "home").mkdir()
    ended, out, err = seamless(*words)
    assert (ended, out) == (code, "")
    assert err.splitlines()[0].startswith(f"error[{name}"), "nothing was asked for"
    assert len(err.splitlines()) <= 2
    assert said in err
    assert "Traceback" not in err
    ended, found = seamless.json(*words)
    assert ended == code
    assert found["error"].keys() == {"code", "message", "hint", "facts"}


def test_a_source_that_fails_gives_partial_with_the_cause_and_the_strategy_decides(
    seamless: Terminal, exchange: SandboxExchange, tmp_path: Path
) -> None:
    (tmp_path / "fast.yaml").write_text("seamless: {backfill: {max_attempts: 1}}\n")
    assert seamless("fetch", NODE, *MARCH)[0] == 0
    exchange.set_faults(FaultPlan(rates={"html": 1.0}, routes=frozenset({"klines"}), max_consecutive=None))
    longer = ["fetch", NODE, "--start", "2024-03-01", "--end", "2024-03-09", "--config", str(tmp_path / "fast.yaml")]
    code, found = seamless.json(*longer, "--strategy", "SEAMLESS")
    assert (code, found["verdict"], found["rows"]) == (0, "PARTIAL", 168)
    assert found["coverage"]["failed"]["bars"] == 24
    out_file = tmp_path / "x.csv"
    code, out, err = seamless(*longer, "--strategy", "AUTO_BACKFILL", "--out", str(out_file))
    assert code == 1
    assert "a web page" in out + err
    assert not out_file.exists()


def test_partial_fill_answers_and_then_waits_for_the_fill_behind(seamless: Terminal) -> None:
    code, out, err = seamless("fetch", NODE, *MARCH, "--strategy", "PARTIAL_FILL")
    assert (code, "PARTIAL" in out.splitlines()[0]) == (0, True)
    assert "168 received" in err
    assert "filled behind this answer" in err
    assert "behind" not in seamless("fetch", NODE, *MARCH)[2]
    code, found = seamless.json("fetch", NODE, *MARCH, "--strategy", "FAIL_FAST")
    assert (code, found["rows"]) == (0, 168)


def test_a_fill_behind_an_answer_that_fails_is_told(seamless: Terminal, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan(rates={"server_error": 1.0}, routes=frozenset({"klines"}), max_consecutive=None))
    code, _, err = seamless("fetch", NODE, *MARCH, "--strategy", "PARTIAL_FILL")
    assert code == 0
    assert "Not all of it could be filled: binance (HTTP 503) gave no usable answer" in err


def test_a_sandbox_exchange_never_mixes_with_real_bars(exchange: SandboxExchange, capsys) -> None:
    assert main(["artifacts", "--exchange-url", exchange.url]) == 2
    assert "needs" not in capsys.readouterr().out
    assert main(["artifacts", "--exchange-url", "localhost", "--home", "x"]) == 2
    assert "is no URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["coverage", NODE], ["gaps", NODE], ["artifacts"], ["verify"], ["sla"], ["publish", NODE]]
)
def test_looking_makes_no_home(seamless: Terminal, tmp_path: Path, words: list[str]) -> None:
    code, _, err = seamless(*words)
    assert (code, "There is no home at" in err, (tmp_path / "home").exists()) == (2, True, False)


def test_quiet_says_nothing_but_the_answer(seamless: Terminal) -> None:
    assert seamless("fetch", NODE, *MARCH, "-q")[2] == ""


def test_debug_shows_the_traceback(seamless: Terminal) -> None:
    assert "Traceback" in seamless("manifest", NODE, "--debug")[2]


def test_a_defect_is_one_line_and_never_hidden(seamless: Terminal, tmp_path: Path, capsys) -> None:
    broken = tmp_path / "home"
    broken.write_text("a file where a folder should be")
    code, out, err = seamless("fetch", NODE, *MARCH)
    assert code in (1, 2)
    assert out == ""
    assert err.startswith("error[") or "\nerror[" in err


@pytest.mark.parametrize(
    "words", [["verify"], ["artifacts"], ["manifest", NODE], ["gaps", NODE], ["coverage", NODE], ["sla"]]
)
@pytest.mark.parametrize("kind", ["missing", "file"])
def test_looking_at_a_home_that_is_none_is_refused_and_makes_none(
    words: list[str], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    if kind == "file":
        home.touch()
    assert main([*words, "--home", str(home)]) == 2
    assert "There is no home at" in capsys.readouterr().err
    assert not home.is_dir()


def test_nothing_to_verify_is_not_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--home", str(tmp_path)]) == 1
    assert "nothing was verified" in capsys.readouterr().err


def test_commands_that_are_shown_name_the_place_that_was_named(seamless: Terminal) -> None:
    place = " ".join(seamless.common)
    assert seamless("fetch", NODE, *MARCH)[0] == 0
    window = ["--start", "2024-03-01", "--end", "2024-03-09"]
    repair = f"seamless backfill {NODE} --start 2024-03-08T00:00Z --end 2024-03-09T00:00Z {place}"
    assert repair in (said := seamless("gaps", NODE, *window)[1])
    assert said.count("--home") == 1
    assert seamless.json("gaps", NODE, *window)[1]["gaps"][0]["repair"] == repair
    assert f"--end 2024-03-09T00:00Z {place}" in seamless("backfill", NODE, *window, "--plan")[1]
    assert f"--end 2024-03-09T00:00Z --refresh {place}" in seamless("backfill", NODE, *window, "--plan", "--refresh")[1]
    assert f"seamless backfill {place} {NODE}" in seamless("fetch", NODE, *window, "--strategy", "FAIL_FAST")[2]
