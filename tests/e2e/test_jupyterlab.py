"""In a real JupyterLab, by a real browser: what no kernel alone can show. Skipped where there is no Chromium."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from scripts.run_notebooks import METADATA
from scripts.screenshots import browser, jupyterlab, menu, open_notebook

pytestmark = [
    pytest.mark.soak,  # half a minute, of which JupyterLab's start is most
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "google-chrome"))) and "CHROME" not in os.environ,
        reason="no Chromium here",
    ),
]

NODE = "ohlcv:binance:BTC/USDT:1m"
CELLS = (
    "%load_ext seamless_lab",
    "%seamless sandbox --latency-ms 400",
    f"bars = %seamless fetch {NODE} --start 2023 --end 2024",
    f"%seamless coverage {NODE} --start 2023 --end 2024",
)
SOME_PROGRESS = re.compile(r"[1-9]\d* of [\d,]+ blocks, [1-9]")
HAS_ITS_NUMBER = r"""index => /\[\d+\]/.test(
    document.querySelectorAll('.jp-CodeCell')[index].querySelector('.jp-InputPrompt').textContent)"""


def test_the_stop_button_stops_a_fetch_keeps_what_it_got_and_leaves_the_kernel_usable(tmp_path: Path) -> None:
    path = tmp_path / "stopping.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=METADATA), path)
    with jupyterlab("light", path) as url, browser() as chromium:
        page = open_notebook(chromium, url, "stopping")
        fetching, after = (page.locator(".jp-CodeCell").nth(index) for index in (2, 3))
        menu(page, "Run", "Run All Cells")
        fetching.get_by_text(SOME_PROGRESS).wait_for(timeout=60_000)
        page.click("[data-command='notebook:interrupt-kernel']")
        page.wait_for_function(HAS_ITS_NUMBER, arg=2, polling=50, timeout=60_000)
        stopped = fetching.inner_text()
        after.locator(".jp-InputPrompt").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(HAS_ITS_NUMBER, arg=3, polling=200, timeout=60_000)
        page.screenshot(path=str(tmp_path / "stopped.png"))
        known = after.inner_text()
    assert "error[E-STOP]: Stopped; what had been acknowledged is kept." in stopped
    assert "Traceback" not in stopped
    assert re.search(r"present [1-9]", known), known
