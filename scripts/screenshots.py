"""Take the pictures of docs/images: the notebooks, run in a real JupyterLab in a headless Chromium, light and dark.

Needs a Chromium or Chrome (Debian: `apt install chromium`); `CHROME` names it. It works on a copy.

    python scripts/screenshots.py                      every picture of the documentation
    python scripts/screenshots.py --whole --out /tmp   each notebook from its first cell to its last, to be looked at
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("notebooks", "datasets", "seamless.lock")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none", "recordTiming": False},
    "docmanager-extension/plugin": {"autosave": False},
}
"""No question about news, no cell left undrawn, nothing saved: all by JupyterLab's own settings."""

LAB_WITHIN_S = 60
RUN_WITHIN_MS = 120_000
WIDTH = 1000
CHROME_HEIGHT = 88
"""Pixels of menu, tab and toolbar above a notebook."""


@dataclass(frozen=True)
class Picture:
    """One picture of the documentation: which notebook, and from which cell on (an id; empty for the top)."""

    name: str
    notebook: str
    height: int
    cell: str = ""


PICTURES = (
    Picture("quickstart", "00_quickstart", 1040),
    Picture("backtest", "10_reproducible_backtest", 1090, "text-5"),
    Picture("time-travel", "20_time_travel", 1540, "text-2"),
)


def main() -> int:
    """Take the pictures and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"pictures to take, of {', '.join(each.name for each in PICTURES)}")
    parser.add_argument("--whole", action="store_true", help="each whole notebook instead of a part")
    parser.add_argument("--theme", choices=THEMES, action="append", help="one theme instead of both")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    given = parser.parse_args()
    unknown = set(given.names) - {each.name for each in PICTURES}
    if unknown:
        parser.error(f"no picture is called {', '.join(sorted(unknown))}")
    chosen = [each for each in PICTURES if not given.names or each.name in given.names]
    given.out.mkdir(parents=True, exist_ok=True)
    for theme in given.theme or THEMES:
        with jupyterlab(theme) as url, browser() as chromium:
            for each in chosen:
                page = open_notebook(chromium, url, each.notebook)
                run_all(page)
                target = given.out / f"{each.name}{'' if theme == 'light' else '-dark'}.png"
                photograph(page, each, target, whole=given.whole)
                page.close()
                print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


@contextlib.contextmanager
def jupyterlab(theme: str, *more: Path) -> Iterator[str]:
    """A JupyterLab on a copy of the notebooks, and `more` of them, in an empty home; gives its address."""
    with tempfile.TemporaryDirectory(prefix="seamless-pictures-") as folder:
        clone = Path(folder) / "seamless_lab"
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, clone / name)
            elif (ROOT / name).exists():
                shutil.copy(ROOT / name, clone / name)
        for notebook in more:
            shutil.copy(notebook, clone / "notebooks")
        settings = {**SETTINGS, "apputils-extension/themes": {"theme": THEMES[theme]}}
        for name, values in settings.items():
            path = Path(folder) / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = (
            f"--port={port}",
            f"--notebook-dir={clone}",
            "--IdentityProvider.token=",
            "--KernelManager.transport=ipc",
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", *options],
            env=environment(Path(folder)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}/lab"
        try:
            wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait()


def environment(folder: Path) -> dict[str, str]:
    """The environment of a new user: an empty home, none of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SEAMLESS_", "JUPYTER"))}
    places = {"HOME": "", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "XDG_DATA_HOME": "data"}
    places |= {"XDG_CACHE_HOME": "cache", "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTER_RUNTIME_DIR": "run"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**ours, **{name: str(folder / place) for name, place in places.items()}, "PATH": path}


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Return once the server answers."""
    until = time.monotonic() + LAB_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    sys.exit(f"JupyterLab did not answer at {url}")


@contextlib.contextmanager
def browser() -> "Iterator[Browser]":
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROME") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if program is None:
        sys.exit("There is no Chromium here. Install one (Debian: apt install chromium), or name it with CHROME.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


def open_notebook(chromium: "Browser", url: str, name: str) -> "Page":
    """A notebook in a JupyterLab without side bars, its kernel idle."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": 1100})
    page.goto(f"{url}/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=RUN_WITHIN_MS)
    page.wait_for_timeout(1500)  # a click that comes earlier runs nothing
    page.keyboard.press("Control+b")  # the file browser
    page.wait_for_timeout(300)
    return page


def run_all(page: "Page") -> None:
    """Run every cell from a new kernel, and return when the last one has its number."""
    menu(page, "Edit", "Clear Outputs of All Cells")
    menu(page, "Run", "Run All Cells")
    page.wait_for_function(
        """() => [...document.querySelectorAll('.jp-CodeCell')].every(
            cell => /\\[\\d+\\]/.test(cell.querySelector('.jp-InputPrompt').textContent))""",
        polling=200,
        timeout=RUN_WITHIN_MS,
    )
    page.wait_for_timeout(1500)  # figures draw themselves after their cell has ended


def menu(page: "Page", name: str, item: str) -> None:
    """Choose from the menu bar."""
    page.click(f".lm-MenuBar-itemLabel:text-is('{name}')")
    page.click(f".lm-Menu-itemLabel:text-is('{item}')")
    page.wait_for_timeout(300)


def photograph(page: "Page", picture: Picture, target: Path, *, whole: bool) -> None:
    """Save what a person sees, from the picture's cell on; `whole`: as high as the notebook is."""
    height = picture.height
    if whole:
        height = CHROME_HEIGHT + 40 + page.evaluate("document.querySelector('.jp-WindowedPanel-inner').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": int(height)})
    index = cells(picture.notebook).index(picture.cell) if picture.cell and not whole else 0
    page.evaluate(
        "index => document.querySelectorAll('.jp-Notebook .jp-Cell')[index].scrollIntoView({block: 'start'})", index
    )
    page.mouse.move(0, 0)  # a figure shows its toolbar under it
    page.wait_for_timeout(800)
    page.screenshot(path=str(target))


def cells(notebook: str) -> list[str]:
    """The ids of a notebook's cells, in order."""
    return [cell["id"] for cell in json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]]


if __name__ == "__main__":
    sys.exit(main())
