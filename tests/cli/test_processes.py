"""Commands as processes: stopped, not read, unable to write."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seamless_lab.cli import main
from seamless_lab.sandbox import FaultPlan, SandboxExchange
from tests.cli.terminal import MARCH, NODE, PATIENCE_S
from tests.pages import ROOT


def started(*words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seamless_lab.cli", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_a_fetch_ends_it_soon_with_130(
    exchange: SandboxExchange, tmp_path: Path, stop: signal.Signals
) -> None:
    exchange.clear_log()
    exchange.set_faults(FaultPlan(rates={"hang": 1.0}, routes=frozenset({"klines"}), max_consecutive=None))
    try:
        process = started("fetch", NODE, *MARCH, "--home", str(tmp_path), "--exchange-url", exchange.url)
        deadline = time.monotonic() + PATIENCE_S
        while not any(record.route == "klines" for record in exchange.log()):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
        process.send_signal(stop)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        exchange.set_faults(FaultPlan())
    assert (process.returncode, out) == (130, "")
    assert "error[E-STOP]: Stopped" in err
    assert "Traceback" not in err


@pytest.fixture
def nobody() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_progress_that_nobody_reads_stops_no_work(exchange: SandboxExchange, tmp_path: Path, nobody: int) -> None:
    place = ["--home", str(tmp_path / "home"), "--exchange-url", exchange.url]
    command = [sys.executable, "-m", "seamless_lab.cli", "backfill", NODE, *MARCH, *place, "--json"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=nobody, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["coverage"]["missing"]["bars"] == 0


@pytest.mark.parametrize("words, code", [(["--help"], 0), (["fetch", "nonsense", "--json"], 2)])
def test_an_answer_that_nobody_reads_is_well_and_a_refusal_stays_one(words: list[str], code: int, nobody: int) -> None:
    command = [sys.executable, "-m", "seamless_lab.cli", *words]
    ran = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (ran.returncode, ran.stderr) == (code, "")


def test_a_verdict_that_nobody_reads_to_its_end_keeps_its_code(tmp_path: Path, nobody: int) -> None:
    (tmp_path / "seamless.lock").write_text((ROOT / "seamless.lock").read_text())
    command = [sys.executable, "-m", "seamless_lab.cli", "lock", "--check", "--home", str(tmp_path)]
    ran = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (ran.returncode, ran.stderr) == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_answer_that_cannot_be_written_is_one_sentence(more: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "seamless_lab.cli", "config", *more]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 1
    said, _ = ran.stderr.splitlines()
    assert said == "error[E-OUTPUT]: Standard output could not be written: No space left on device."
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_refusal_that_cannot_be_written_as_json_is_said_on_standard_error(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "seamless_lab.cli", "lock", "--check", "--json", "--home", str(tmp_path)]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 2
    assert "There is no lockfile" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_was_closed_before_is_none_to_fail_on(closed: str) -> None:
    line = f"{shlex.quote(sys.executable)} -m seamless_lab.cli fetch nonsense {closed}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_a_pipe_that_breaks_within_the_work_is_no_reader_that_has_seen_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(subprocess, "Popen", broken)
    assert main(["demo", "--home", str(tmp_path / "home"), "--json"]) == 1
    assert "BrokenPipeError" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_the_sandbox_runs_until_it_is_stopped_and_says_how_to_use_it() -> None:
    process = started("sandbox", "--symbols", "5", "--json")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from seamless_lab.cli import main; main(['--help']); main(['fetch', '--help']);"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"polars", "pyarrow", "ccxt", "aiohttp", "apsw", "numpy", "IPython"} & set(ran.stderr.split())


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_name_that_is_no_utf8_is_refused_as_any_other(tmp_path: Path, more: list[str]) -> None:
    command = [sys.executable, "-m", "seamless_lab.cli", "artifacts", "--home", os.fsencode(tmp_path) + b"/\xff", *more]
    ran = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr
    if more:
        assert json.loads(ran.stdout)["error"]["code"] == "E-CONFIG"
