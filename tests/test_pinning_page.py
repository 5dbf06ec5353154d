"""docs/pinning.md is true; `python -m tests.test_pinning_page` writes what its commands show again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from seamless_lab.adapters.segments_parquet import ParquetSegments
from tests.pages import ROOT, project_at, shown

PAGE = ROOT / "docs" / "pinning.md"
_BLOCK = re.compile(r"^```console( tick)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert run_through(text, tmp_path) == text


def test_the_python_of_the_page_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with project_at(tmp_path) as project:
        exec(program, {})
        assert "[pin.q1]" in (project / "seamless.lock").read_text(encoding="utf-8")


def run_through(text: str, place: Path) -> str:
    """The page with the output of its commands as it is now."""
    with project_at(place) as project:

        def run(block: re.Match[str]) -> str:
            if not block[1]:
                return f"```console\n{shown(block[2])}```"
            with one_tick_more(project):
                return f"```console{block[1]}\n{shown(block[2])}```"

        return _BLOCK.sub(run, text)


@contextmanager
def one_tick_more(project: Path) -> Iterator[None]:
    """One close of BTC is a cent higher in its file, whose checksum is made to fit."""
    codec = ParquetSegments()
    path = min(project.glob("**/symbol=BTC*/**/*.parquet"))
    kept = path.read_bytes()
    frame = codec.decode(kept, path=path.name)
    moved = pl.when(pl.int_range(pl.len()) == 4_000).then(pl.col("close") + 0.01).otherwise(pl.col("close"))
    path.chmod(0o644)
    path.write_bytes(codec.encode(frame.with_columns(close=moved.round(2))))
    try:
        yield
    finally:
        path.write_bytes(kept)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(run_through(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
