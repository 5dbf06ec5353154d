"""docs/backtesting.md says what is so: its example runs, its result is the one of the shipped pins, its names exist."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

import seamless_lab
from seamless_lab import Lab, crossover, errors
from seamless_lab.core.backtest.performance import Metrics
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.labs import NOW_MS, open_lab

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs/backtesting.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with the repository's lockfile and datasets, and nothing else of it."""
    shutil.copy(ROOT / "seamless.lock", tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMLESS_RENDER", "static")
    return tmp_path


def test_the_result_shown_is_that_of_the_shipped_pins(clone):
    with Lab() as lab:
        result = lab.backtest(crossover(24, 96), pins=["pin:btc", "pin:eth", "pin:sol"], fee_bps=10, slippage_bps=5)
        assert result.to_text() == block("text").rstrip("\n")


def test_the_example_runs_from_nothing(tmp_path, monkeypatch):
    (tmp_path / ".seamless").mkdir()
    monkeypatch.chdir(tmp_path)
    with (
        SandboxExchange(SandboxConfig(seed=7, now_ms=NOW_MS)) as exchange,
        open_lab(tmp_path / ".seamless", exchange.url) as lab,
    ):
        monkeypatch.setattr(seamless_lab, "Lab", lambda: lab, raising=False)
        names: dict[str, object] = {}
        exec(block("python"), names)
        assert (tmp_path / "seamless.lock").read_text().count("[pin.") == 3
        again = lab.backtest(crossover(24, 96), pins="pin:*-march", fee_bps=10, slippage_bps=5)
    assert names["result"].digest == again.digest
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 10


def test_the_example_of_the_front_page_runs_from_nothing(tmp_path, monkeypatch):
    (example,) = (text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "backtest" in text)
    (tmp_path / ".seamless").mkdir()
    monkeypatch.chdir(tmp_path)
    with SandboxExchange(SandboxConfig(seed=7, now_ms=NOW_MS)) as exchange:
        monkeypatch.setattr(seamless_lab, "Lab", lambda: open_lab(tmp_path / ".seamless", exchange.url), raising=False)
        names: dict[str, object] = {}
        exec(example, names)
    assert names["result"].inputs[0].pin.startswith("btc")


def test_every_metric_is_defined_and_every_error_named_exists():
    assert all(f"`{field.name}`" in PAGE for field in fields(Metrics))
    table = PAGE.partition("## What is refused")[2].partition("**Look-ahead")[0]
    named = set(re.findall(r"`([A-Z]\w+)`", table))
    assert {"LookAhead", "NotSealed", "GapsRefused"} <= named
    assert all(issubclass(getattr(errors, name), errors.SeamlessError) for name in named)
