"""Commands that are shown carry the place of their line, and can be copied."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import seamless_lab
from seamless_lab.app.command import Place
from seamless_lab.app.commands import COMMANDS
from seamless_lab.app.lab import Lab
from seamless_lab.app.opening import open_lab
from seamless_lab.app.placing import placed
from seamless_lab.cli import main
from seamless_lab.errors import NotFound, SeamlessError
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.engine.artifacts.making import candidate, days

NODE = "ohlcv:binance:BTC/USDT:1h"
WINDOW = ("2024-03-01", "2024-03-09")
REPAIR = f"seamless backfill {NODE} --start 2024-03-08T00:00Z --end 2024-03-09T00:00Z"
PACKAGE = Path(seamless_lab.__file__).parent
COMMAND = re.compile(rf"seamless (?:{'|'.join(command.name for command in COMMANDS)})\b")


def written() -> Iterator[str]:
    """All texts of the package; {} stands for what is filled in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_a_text_that_begins_with_a_command_is_one_and_no_sentence() -> None:
    found = [text for text in written() if COMMAND.match(text)]
    assert len(found) > 10
    assert not [text for text in found if text.endswith(".")], "options of a place would stand behind the sentence"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("seamless gaps NODE", "seamless gaps NODE --home sh"),
        ("See all pins: seamless pin", "See all pins: seamless pin --home sh"),
        ("Get it: seamless backfill NODE", "Get it: seamless backfill --home sh NODE"),
        ("seamless backfill NODE --home other", "seamless backfill NODE --home other"),
        ("Name it with --home FOLDER: seamless fetch NODE", "Name it with --home FOLDER: seamless fetch NODE"),
    ],
)
def test_options_stand_where_the_command_takes_them(text: str, expected: str) -> None:
    assert placed(text, "--home sh") == expected


def test_a_command_with_a_home_of_its_own_asks_the_same_exchange_by_the_same_configuration() -> None:
    place = "--home 'my home' --config 'c d.yaml' --exchange-url http://127.0.0.1:8800"
    expected = "seamless gaps NODE --home other --config 'c d.yaml' --exchange-url http://127.0.0.1:8800"
    assert placed("seamless gaps NODE --home other", place) == expected


@pytest.mark.parametrize(
    "text", ["seamless gaps NODE", "seamless gaps NODE --home other", "Get it: seamless backfill NODE"]
)
@pytest.mark.parametrize("place", ["--home sh", "--config c.yaml", "--home 'my home' --config c.yaml"])
def test_what_has_its_place_keeps_it(text: str, place: str) -> None:
    once = placed(text, place)
    assert placed(once, place) == once


@pytest.fixture(scope="module")
def exchange() -> Iterator[SandboxExchange]:
    with SandboxExchange(SandboxConfig(symbols=20)) as running:
        yield running


@pytest.fixture
def url(exchange: SandboxExchange) -> str:
    return exchange.url


@pytest.fixture
def lab(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab that was named by its home, as the user wrote it, and its exchange; a week of bars, and a day without."""
    monkeypatch.chdir(tmp_path)
    with Lab("./my home", exchange_url=url) as lab:
        lab.fetch(NODE, "2024-03-01", "2024-03-08")
        yield lab


def test_what_a_lab_shows_names_the_lab(lab: Lab, url: str) -> None:
    place = f"--home './my home' --exchange-url {url}"
    repair = f"{REPAIR} {place}"
    gaps = lab.gaps(NODE, *WINDOW)
    for shown in (gaps, lab.coverage(NODE, *WINDOW)):
        assert shown.to_text().count(repair) == 1
        assert f"--exchange-url {url}" in shown._repr_html_()
    assert f"--end 2024-03-09T00:00Z {place}" in lab.plan(NODE, *WINDOW).to_text()
    assert gaps.to_dict()["gaps"][0]["repair"] == repair
    assert gaps.frame["repair"].to_list() == [repair]
    for same in (copy.copy(gaps), replace(gaps), pickle.loads(pickle.dumps(lab.fetch(NODE, *WINDOW)))):
        assert same.place == place


def test_a_static_look_names_no_exchange_of_this_machine(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMLESS_RENDER", "static")
    assert lab.gaps(NODE, *WINDOW).to_text().endswith(f"{REPAIR} --home './my home'")


def test_a_static_look_of_a_lab_whose_exchange_is_quoted_names_the_home_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_RENDER", "static")
    with Lab(str(tmp_path), exchange_url=f"{url} ") as lab:
        lab.wiring.sealed.publish(candidate(days(0)))
        found = lab.gaps("ohlcv:binance:BTC/USDT:1m", "2024-01-01", "2024-01-03").to_text()
    assert found.endswith(f"--end 2024-01-03T00:00Z --home {tmp_path}")


@pytest.mark.parametrize("secret", ["http://me:s3cret@127.0.0.1:9", "HTTP://me:s3cret@127.0.0.1:9"])
def test_a_secret_in_a_url_is_in_nothing_that_is_shown(tmp_path: Path, secret: str, capsys) -> None:
    with Lab(str(tmp_path), exchange_url=secret) as lab:
        assert lab.place == f"--home {tmp_path}"
    config = tmp_path / "c.yaml"
    config.write_text("seamless: {backfill: {max_attempts: 1}}")
    for command in ("fetch", "backfill"):
        line = [command, NODE, "--start", WINDOW[0], "--end", WINDOW[1], "--exchange-url", secret]
        for words in (["--home", str(tmp_path), "--config", str(config)], []):
            for form in ([], ["--json"]):
                assert main([*line, *words, *form]) != 0
                said = "".join(capsys.readouterr())
                assert "s3cret" not in said
                assert not words or "Does a sandbox run at http://127.0.0.1:9?" in said.replace("HTTP:", "http:")


def test_rows_of_a_query_are_data(lab: Lab) -> None:
    ref = f"{NODE}@latest"
    found = lab.sql("SELECT 'seamless gaps NODE' AS x FROM b LIMIT 1", {"b": lab.manifest(ref).ref}).to_dict()
    assert found["data"] == [{"x": "seamless gaps NODE"}]


def test_columns_of_a_query_keep_their_names(lab: Lab) -> None:
    name = "seamless gaps x"
    found = lab.sql(f'SELECT 1 AS "{name}" FROM b LIMIT 1', {"b": lab.manifest(f"{NODE}@latest").ref}).to_dict()
    assert ([each["name"] for each in found["columns"]], found["data"]) == ([name], [{name: 1}])


def test_a_fetch_that_is_partial_names_the_lab(exchange: SandboxExchange, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("seamless:\n  backfill:\n    max_attempts: 1\n")
    with Lab(str(tmp_path), config=str(config), exchange_url=exchange.url) as lab:
        lab.fetch(NODE, "2024-03-01", "2024-03-08")
        exchange.set_faults(FaultPlan(rates={"server_error": 1.0}, max_consecutive=None))
        try:
            partial = lab.fetch(NODE, *WINDOW)
        finally:
            exchange.set_faults(FaultPlan())
    repair = f"{REPAIR} --home {tmp_path} --config {config} --exchange-url {exchange.url}"
    assert repair in partial.to_text()
    assert f"%{repair}" in partial._repr_html_()


async def test_what_async_code_gets_names_the_lab(lab: Lab) -> None:
    with pytest.raises(SeamlessError) as caught:
        await lab.afetch(NODE, *WINDOW, strategy="FAIL_FAST")
    assert f"seamless backfill {lab.place} {NODE}" in caught.value.hint
    assert (await lab.afetch(NODE, *WINDOW)).place == lab.place


def test_what_a_lab_refuses_names_the_lab(lab: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        lab.coverage("ohlcv:binance:ETH/USDT:1h")
    assert f"seamless fetch {lab.place} ohlcv:" in caught.value.hint
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]


def test_a_lab_that_nobody_named_names_none(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMLESS_HOME", str(tmp_path))
    with open_lab(Place(exchange_url=url)) as lab:
        lab.fetch(NODE, "2024-03-01", "2024-03-08")
    with Lab() as lab:
        gaps = lab.gaps(NODE, *WINDOW)
    assert gaps.to_text().rstrip().endswith(REPAIR)
    assert gaps.to_dict()["gaps"][0]["repair"] == REPAIR
    assert (gaps.place, gaps.at("")) == ("", gaps)


def test_a_verb_looks_as_it_was_written() -> None:
    assert list(inspect.signature(Lab.plan).parameters) == ["self", "node", "start", "end", "refresh", "on_event"]
    assert inspect.iscoroutinefunction(Lab.afetch)
    assert Lab.gaps.__qualname__ == "Lab.gaps"
