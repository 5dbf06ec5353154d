"""The shipped store: made by its script, whole, and small."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from scripts.make_datasets import RESTATED, SPRING, STORE, SYMBOLS, WINTER, exchange, make
from scripts.make_datasets import lab as lab_at
from seamless_lab import Lab
from seamless_lab.app.lock.results import Checked
from seamless_lab.cli import main

ROOT = STORE.parent.parent
README = STORE.parent / "README.md"
SOL = f"ohlcv:binance:{RESTATED}:1h"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(str(tmp_path / "home"), overrides={"seamless.artifact.object_store_uri": str(STORE)}) as opened:
        yield opened


def test_the_script_makes_the_store_again(tmp_path: Path) -> None:
    made, some = tmp_path / "store", (RESTATED, "XRP/USDT")
    make(made, some)
    ours = {path.relative_to(made): path for path in made.rglob("*") if path.is_file()}
    theirs = {
        path.relative_to(STORE)
        for symbol in some
        for path in STORE.rglob(f"symbol={symbol.replace('/', '%2F')}/**/*")
        if path.is_file()
    }
    assert set(ours) == theirs  # data files and trees are named by their digests
    for name, path in ours.items():
        if name.parent.name == "commits":
            again, shipped = (json.loads(each.read_text()) for each in (path, STORE / name))
            assert again | {"producer": ""} == shipped | {"producer": ""}  # it names the version of the package


def test_the_store_is_whole_small_and_has_what_the_readme_says(lab: Lab) -> None:
    report = lab.verify()
    assert not report.offenders
    assert report.versions == len(SYMBOLS) + 2
    assert sum(path.stat().st_size for path in STORE.rglob("*")) <= 5_000_000
    listed = lab.artifacts().frame
    assert listed["node"].to_list() == sorted(f"ohlcv:binance:{symbol}:1h" for symbol in SYMBOLS)
    assert set(listed["rows"]) == {8_784}
    for node in listed["node"]:
        assert f"| `{node}` | 2024, 8,784 hours |" in README.read_text()


def test_july_was_restated_after_the_year_was_sealed(lab: Lab) -> None:
    versions = lab.artifacts(SOL).frame
    sealed = versions["as_of"].dt.strftime("%Y-%m-%d").to_list()
    assert all(f"| `seq:{seq}` | {day} |" in README.read_text() for seq, day in enumerate(sealed, start=1))
    before, after = (
        lab.fetch(f"{SOL}@seq:{seq}", "2024-01-01", "2025-01-01", domain="research").bars.frame for seq in (2, 3)
    )
    absent = after.join(before, on="ts", how="anti")
    closed_early = after.join(before, on="ts").filter(pl.col("close") != pl.col("close_right"))
    assert (absent.height, closed_early.height) == (12, 13)
    assert before.join(after, on="ts", how="anti").is_empty()
    july = pl.from_epoch(pl.concat([absent["ts"], closed_early["ts"]])).dt.strftime("%Y-%m")
    assert set(july) == {"2024-07"}


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_the_lockfile_of_the_repository_agrees_with_the_store(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT / folder)
    assert main(["lock", "--check", "--home", str(tmp_path)]) == 0, capsys.readouterr()
    pins = tomllib.loads((ROOT / "seamless.lock").read_text())["pin"]
    assert {pin["store"] for pin in pins.values()} == {"datasets/store"}
    assert {pin["node"] for pin in pins.values()} == {f"ohlcv:binance:{symbol}:1h" for symbol in SYMBOLS}


@pytest.mark.parametrize(
    "words",
    [
        ["diff", "pin:sol-before", "pin:sol"],
        ["history", "pin:sol", "--at", "2024-07-04T10:00"],
        ["manifest", "pin:btc"],
        ["sql", "SELECT max(high) FROM btc"],
        ["backtest", "crossover:24:96", "pin:btc"],
    ],
    ids=lambda words: words[0],
)
def test_a_pin_is_read_where_the_lockfile_says_also_before_there_is_a_home(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    main([*words, "--json", "--home", str(tmp_path / "home")])
    assert "error" not in json.loads(capsys.readouterr().out)
    assert not (tmp_path / "home").exists()


def test_every_pin_comes_again_from_the_exchange_as_it_was_when_it_was_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    differs = {}
    with exchange() as market:
        for moment in (WINTER, SPRING):
            with lab_at(str(tmp_path / moment.date().isoformat()), market, moment) as lab:
                checked = lab.check_lock(rebuild=True)
            differs[moment] = [check.pin.name for check in checked.pins if check.state != Checked.VERIFIED]
    assert differs == {WINTER: ["sol"], SPRING: ["sol-before"]}
