"""Pinning in the terminal: what the commands refuse, and how a check ends for CI."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seamless_lab.app.home import FOLDER
from seamless_lab.cli import main
from tests.sealed_market import seal, walk

NODE = "ohlcv:binance:BTC/USDT:1h"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / FOLDER).mkdir()
    monkeypatch.chdir(tmp_path)
    seal(tmp_path / FOLDER, "BTC/USDT", walk(20 * 24, 3_600, 1))
    return tmp_path


@pytest.fixture
def seamless(project: Path, capsys: pytest.CaptureFixture[str]):
    def run(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_pin_lives_from_pinning_to_unpinning(seamless, project) -> None:
    assert seamless("pin") == (0, seamless("lock")[1], "")
    code, out, _ = seamless(f"pin btc {NODE} --start 2024-01-02 --end 2024-01-09")
    assert (code, "168 bars  pinned" in out) == (0, True)
    assert "168 bars  unchanged" in seamless(f"pin btc {NODE} --start 2024-01-02 --end 2024-01-09")[1]
    assert "btc  ohlcv:binance:BTC/USDT:1h" in seamless("pin")[1]
    assert json.loads(seamless("fetch pin:btc --json")[1])["rows"] == 168
    assert json.loads(seamless(f"fetch {NODE} --as-of lock --start 2024-01-03 --json")[1])["rows"] == 24
    assert seamless("unpin btc")[0] == 0
    assert "no pins" in seamless("lock")[1]


@pytest.mark.parametrize("home", [None, "elsewhere"], ids=["the project's home", "a home that is not there"])
def test_a_check_ends_with_the_code_that_ci_needs(seamless, project, home) -> None:
    place = "" if home is None else f" --home {home}"
    seamless(f"pin btc {NODE}")
    if home is None:
        code, out, _ = seamless("lock --check --json")
        assert (code, json.loads(out)["state"]) == (0, "verified")
        path = next(project.rglob("*.parquet"))
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        code, out, _ = seamless("lock --check --json")
        found = json.loads(out)
        assert (code, found["state"], found["pins"][0]["findings"][0]["path"]) == (1, "differs", str(path))
        shutil.rmtree(project / FOLDER / "artifacts")
    code, out, _ = seamless(f"lock --check --json{place}")
    found = json.loads(out)["pins"][0]
    assert (code, found["state"]) == (3, "cannot verify")
    assert found["hint"].startswith("Get it: seamless backfill")
    (project / "seamless.lock").write_text("version = 7\n")
    code, _, said = seamless(f"lock --check{place}")
    assert (code, "line 1: its version is 7" in said) == (2, True)
    (project / "seamless.lock").unlink()
    code, _, said = seamless(f"lock --check{place}")
    assert (code, "There is no lockfile" in said) == (2, True)


@pytest.mark.parametrize(
    "line, said",
    [
        ("pin btc", "pin btc has no REF"),
        (f"pin btc {NODE} --end 2024-02-01", "has no --start"),
        (f"pin BTC {NODE}", "'BTC' is no name of a pin"),
        (f"pin btc {NODE}@seq:9 --start 2024-01-02", "has no version seq:9"),
        ("unpin", "seamless unpin needs NAME"),
        ("unpin btc", "There is no lockfile"),
        ("lock btc", "neither --check nor --update"),
        ("lock --check --update", "either checks or updates"),
        ("lock --rebuild", "--rebuild is a way to check"),
        ("lock --yes", "--yes writes an update"),
        ("fetch pin:btc", "There is no lockfile"),
        (f"fetch {NODE}", "has no start"),
        (f"sla {NODE}@lock", "names a version, which is not read here"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_a_hint(seamless, project, line, said) -> None:
    code, out, err = seamless(line)
    assert (code in (1, 2), out) == (True, "")
    assert said in err
    assert "hint:" in err
    assert not (project / "seamless.lock").exists()
