"""The notebooks on research: the same digits for everybody, and other digits for one changed bar."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from seamless_lab import Lab
from seamless_lab.core.bars import Bars
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts import Candidate

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[12]0_*.ipynb"))
STATIC = {"SEAMLESS_RENDER": "static", "COLUMNS": "100", "POLARS_TABLE_WIDTH": "100"}
PLOTLY, SEAL = "application/vnd.plotly.v1+json", "application/vnd.seamless.seal.v1+json"
SOL, HOUR = "ohlcv:binance:SOL/USDT:1h", 3_600


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the notebooks read, as somebody else has it."""
    folder = tmp_path / "clone"
    for name in ("notebooks", "datasets"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "seamless.lock", folder)
    return folder


def nbval(clone: Path, notebooks: list[Path] = NOTEBOOKS, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the notebooks of a clone and compare, with a home and a cache that are empty."""
    places = {name: str(clone.parent / name) for name in ("SEAMLESS_HOME", "SEAMLESS_CACHE_DIR", "IPYTHONDIR")}
    names = [str(clone / "notebooks" / path.name) for path in notebooks]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--nbval-lax"]
    return subprocess.run(
        [*command, "--nbval-current-env", f"--nbval-sanitize-with={ROOT / 'notebooks' / 'nbval.cfg'}", *names],
        cwd=clone,
        env={**os.environ, **STATIC, **places, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_notebooks_say_the_same_with_one_core_in_another_zone_and_with_nothing_cached(clone: Path) -> None:
    one_core = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7", "TZ": "Pacific/Apia"}
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {min(before)})
    try:
        ran = nbval(clone, **one_core)
    finally:
        if before:
            os.sched_setaffinity(0, before)
    assert ran.returncode == 0, ran.stdout


def test_one_bar_that_is_one_tick_higher_changes_what_the_notebooks_say(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    raise_by_one_tick(clone)
    ran = nbval(clone)
    assert ran.returncode == 1, ran.stdout
    assert "Cell outputs differ" in ran.stdout
    failed = {found[1] for found in re.finditer(r"^FAILED \S*?([^/]+\.ipynb)::", ran.stdout, re.MULTILINE)}
    assert failed == {path.name for path in NOTEBOOKS}


def raise_by_one_tick(clone: Path) -> None:
    """Seal another close of one hour of SOL, and pin it as if it had been so."""
    store = clone / "datasets" / "store"
    with Lab(str(clone.parent / "maker"), overrides={"seamless.artifact.object_store_uri": str(store)}) as lab:
        version = lab.manifest(SOL).version
        bar = lab.fetch("pin:sol", "2024-05-10T11:00", "2024-05-10T12:00", domain="research").bars
        higher = bar.frame.with_columns(pl.col("close") + 0.01, high=pl.max_horizontal("high", pl.col("close") + 0.01))
        slot = TimeRange(int(higher["ts"][0]), int(higher["ts"][0]) + HOUR)
        observed = Observed.at(Ranges.single(slot), lab.wiring.clock.now_ms())
        lab.wiring.sealed.publish(Candidate(version.header, Bars(bar.node, bar.grid, higher), observed))
        pinned = lab.pin("sol", SOL, "2024", store=str(store), replace=True)
        assert pinned.changed


def test_what_is_pinned_and_changed_in_place_stops_the_notebooks(clone: Path) -> None:
    damaged = next((clone / "datasets").rglob("symbol=BTC*/**/*.parquet"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    ran = nbval(clone, NOTEBOOKS[:1])
    assert ran.returncode == 1
    assert damaged.stem[:16] in ran.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_stored_notebook_is_small_static_and_of_no_machine(path: Path) -> None:
    text = path.read_text()
    assert len(text) <= 300_000
    cells = json.loads(text)["cells"]
    bundles = [output["data"] for cell in cells for output in cell.get("outputs", []) if "data" in output]
    for bundle in bundles:
        assert set(bundle) <= {"text/plain", "text/html", "image/svg+xml", PLOTLY, SEAL}
        assert (PLOTLY in bundle) == ("image/svg+xml" in bundle)
    stored = json.dumps([cell.get("outputs", []) for cell in cells])
    assert "127.0.0.1" not in stored
    assert "/tmp" not in stored
    assert str(ROOT) not in stored


def test_the_seal_of_the_backtest_holds_and_its_receipt_is_reproduced(clone: Path, tmp_path: Path) -> None:
    home, notebook, receipt = tmp_path / "home", "notebooks/10_reproducible_backtest.ipynb", tmp_path / "receipt.json"
    home.mkdir()
    for words in (
        ["lock", "--check", notebook],
        ["receipt", notebook, "--out", str(receipt)],
        ["verify", str(receipt)],
    ):
        command = [sys.executable, "-m", "seamless_lab.cli", *words, "--home", str(home)]
        ran = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_figure_is_visible_where_there_is_no_plotly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--output-dir", str(tmp_path)]
    subprocess.run([*command, *map(str, NOTEBOOKS)], check=True, capture_output=True)
    for path in NOTEBOOKS:
        outputs = [output for cell in json.loads(path.read_text())["cells"] for output in cell.get("outputs", [])]
        drawn = sum("image/svg+xml" in output.get("data", {}) for output in outputs)
        page = (tmp_path / f"{path.stem}.html").read_text()
        assert drawn > 0
        assert page.count('data-mime-type="image/svg+xml"') == drawn
