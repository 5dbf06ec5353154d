"""docs/pinning.md is true: its commands give what it shows. `python -m tests.test_pinning_page` writes it again."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from seamless_lab.adapters.segments_parquet import ParquetSegments

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "pinning.md"
_BLOCK = re.compile(r"^```console( tick)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_python_of_the_page_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    project = copied(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], cwd=project, env=surroundings(tmp_path), check=False)
    assert done.returncode == 0
    assert "[pin.q1]" in (project / "seamless.lock").read_text(encoding="utf-8")


def run_through(text: str, place: Path) -> str:
    """The page with the output of its commands as it is now."""
    project = copied(place)

    def run(block: re.Match[str]) -> str:
        commands = [line for line in block[2].splitlines() if line.startswith("$ ")]
        kept = one_tick_more(project) if block[1] else None
        shown = "".join(f"{line}\n{output(line[2:], project, place)}" for line in commands)
        if kept is not None:
            kept[0].write_bytes(kept[1])
        return f"```console{block[1] or ''}\n{shown}```"

    return _BLOCK.sub(run, text)


def copied(place: Path) -> Path:
    project = place / "project"
    project.mkdir()
    shutil.copytree(ROOT / "datasets", project / "datasets")
    shutil.copy(ROOT / "seamless.lock", project)
    return project


def surroundings(place: Path) -> dict[str, str]:
    places = {"HOME": str(place), "SEAMLESS_CACHE_DIR": str(place / "cache"), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **places, "SEAMLESS_RENDER": "static", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}


def output(line: str, project: Path, place: Path) -> str:
    words = shlex.split(line)
    if words[0] == "seamless":
        words[:1] = [sys.executable, "-m", "seamless_lab.cli"]
    done = subprocess.run(
        words, cwd=project, env=surroundings(place), capture_output=True, encoding="utf-8", check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout


def one_tick_more(project: Path) -> tuple[Path, bytes]:
    """Move one close of BTC by a cent in its file; returns what it held."""
    codec = ParquetSegments()
    path = min(project.glob("**/symbol=BTC*/**/*.parquet"))
    kept = path.read_bytes()
    frame = codec.decode(kept, path=path.name)
    moved = pl.when(pl.int_range(pl.len()) == 4_000).then(pl.col("close") + 0.01).otherwise(pl.col("close"))
    path.chmod(0o644)
    path.write_bytes(codec.encode(frame.with_columns(close=moved.round(2))))
    return path, kept


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
