"""Rebuilding what is pinned from its exchange."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from scripts.make_datasets import SPRING
from scripts.make_datasets import exchange as market
from scripts.make_datasets import lab as dataset_lab
from seamless_lab.app.home import FOLDER
from seamless_lab.app.local_exchange import exchange_overrides
from seamless_lab.cli import main
from seamless_lab.core.time import parse_window
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.app.lock.pinned import HOUR
from tests.labs import NOW_MS, open_lab
from tests.pages import ROOT


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(seed=12, now_ms=NOW_MS)) as running:
        yield running


@pytest.fixture
def sandboxed(exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = tmp_path / "project"
    (root / FOLDER).mkdir(parents=True)
    monkeypatch.chdir(root)
    with open_lab(root / FOLDER, exchange.url) as lab:
        for symbol, timeframe in (("BTC/USDT", "1m"), ("ETH/USDT", "1h")):
            node = f"ohlcv:binance:{symbol}:{timeframe}"
            lab.backfill(node, "2024-06-01", "2024-06-04")
            lab.pin(symbol[:3].lower(), node, "2024-06-01T07:00Z", "2024-06-03T05:00Z")
        yield lab


def test_a_rebuild_from_the_exchange_has_the_same_content(sandboxed, tmp_path) -> None:
    report = sandboxed.check_lock(rebuild=True)
    assert (report.exit_code, report.rebuilt) == (0, True)
    assert "fetched again from the exchanges" in report.to_text()


def test_a_shipped_pin_can_be_rebuilt_from_the_exchange_it_came_from(tmp_path, monkeypatch) -> None:
    shutil.copy(ROOT / "seamless.lock", tmp_path)
    monkeypatch.chdir(tmp_path)
    with market() as exchange, dataset_lab(tmp_path / "home", exchange, SPRING) as lab:
        report = lab.check_lock(["btc", "sol"], rebuild=True)
        assert (report.exit_code, lab.check_lock(["btc", "sol"]).exit_code) == (0, 3)


def test_a_rebuild_needs_no_store_and_leaves_none(sandboxed, tmp_path, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    shutil.rmtree(tmp_path / "project" / FOLDER / "artifacts")
    assert sandboxed.check_lock().exit_code == 3
    assert sandboxed.check_lock(rebuild=True).exit_code == 0
    assert not list(scratch.iterdir())
    assert not (tmp_path / "project" / FOLDER / "artifacts").exists()


def test_a_rebuild_that_gives_other_bars_names_the_first_of_them(sandboxed, tmp_path) -> None:
    home = tmp_path / "project" / FOLDER
    with SandboxExchange(SandboxConfig(seed=13, now_ms=NOW_MS)) as other, open_lab(home, other.url) as lab:
        report = lab.check_lock(["eth"], rebuild=True)
    assert report.exit_code == 1
    check = report.pins[0]
    assert [finding.what for finding in check.findings] == ["content", "bars"]
    assert "46 bars restated; the first at 2024-06-01T07:00Z" in check.findings[1].said
    assert (check.changes[0].ts, check.changes[0].column) == (
        parse_window("2024-06-01", None, now_s=0).start + 7 * HOUR,
        "open",
    )
    assert check.changes[0].pinned != check.changes[0].now


def test_an_exchange_that_does_not_answer_proves_nothing(sandboxed, tmp_path) -> None:
    with SandboxExchange(SandboxConfig(seed=12, now_ms=NOW_MS)) as other:
        url = other.url
    with open_lab(tmp_path / "project" / FOLDER, url) as lab:
        report = lab.check_lock(["eth"], rebuild=True)
    assert report.exit_code == 3
    assert "did not answer" in report.pins[0].findings[0].said


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """A command as somebody types it: its exit code, and what it says."""
    capsys.readouterr()
    code = main(shlex.split(line.removeprefix("seamless ")))
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize("home, configured", [("", ""), ("", FOLDER), ("--home ./mine", "")])
def test_the_commands_that_show_all_of_it_work_as_they_are_printed(
    home: str, configured: str, sandboxed, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    settings = {"seamless.backfill.max_attempts": 3, "now": "2025-01-01T00:00:30Z"}
    with SandboxExchange(SandboxConfig(seed=13, now_ms=NOW_MS)) as other:
        if home:  # which has none of the bars
            shutil.move(project / FOLDER / "artifacts", project / "data")
            lock = project / "seamless.lock"
            lock.write_text(re.sub("^(rows = .*)$", r'\1\nstore = "data"', lock.read_text(), flags=re.MULTILINE))
            (project / "mine").mkdir()
            home = f"{home} --exchange-url {other.url}"
        else:
            settings |= exchange_overrides(other.url)
        (project / configured / "seamless.yaml").write_text(json.dumps(settings))
        for name in ("btc", "eth"):  # the second finds what those of the first left behind
            check = f"lock --check --rebuild {name} {home}"
            code, said = run(check, capsys)
            assert code == 1, said
            backfill, diff = re.findall(r"^ +(seamless .*)$", said, re.MULTILINE)
            code, said = run(backfill, capsys)
            assert code == 0, said
            code, said = run(diff, capsys)
            assert (code, "restated" in said) == (1, True), said
            code, said = run(check, capsys)
            assert code == 1, said
    assert not home or not list((project / "mine").iterdir())
    assert run("lock --check", capsys)[0] == 0


def test_nothing_is_to_be_sealed_into_a_store_that_a_setting_names(
    sandboxed, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    shutil.move(project / FOLDER / "artifacts", project / "named")
    settings = {"seamless.backfill.max_attempts": 3, "seamless.artifact.object_store_uri": "named"}
    with SandboxExchange(SandboxConfig(seed=13, now_ms=NOW_MS)) as other:
        (project / "seamless.yaml").write_text(json.dumps(settings | exchange_overrides(other.url)))
        code, said = run("lock --check --rebuild eth", capsys)
    assert (code, "restated" in said) == (1, True), said
    assert "backfill" not in said
