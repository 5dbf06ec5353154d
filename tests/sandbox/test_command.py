"""`python -m seamless_lab.sandbox` as another program starts and stops it."""

import json
import signal
import subprocess
import sys

import pytest

from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from seamless_lab.sandbox.__main__ import Manner, parse

from .conftest import http


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_its_url_serves_and_stops_cleanly(signum: signal.Signals) -> None:
    command = [sys.executable, "-m", "seamless_lab.sandbox", "--json", "--symbols", "2", "--now", "2025-01-01T00:00"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert http(url + "/binance/api/v3/time").json() == {"serverTime": 1_735_689_600_000}
        process.send_signal(signum)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")


def test_it_ends_with_its_input_where_it_is_told_to() -> None:
    command = [sys.executable, "-m", "seamless_lab.sandbox", "--json", "--symbols", "2", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("what is said to it changes nothing\n")
        process.stdin.flush()
        url = json.loads(process.stdout.readline())["url"]
        assert http(url + "/binance/api/v3/time").status == 200
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_options_become_configuration() -> None:
    arguments = "--seed 9 --fault reset=0.1 --fault html=0.2 --fault-seed 4 --latency-ms 5 --weight-limit 100 --port 80"
    config, manner = parse(arguments.split())
    assert (config.seed, config.now_ms, manner) == (9, None, Manner(port=80, json=False, until_eof=False))
    assert config.faults.rates == {"reset": 0.1, "html": 0.2}
    assert (config.faults.seed, config.faults.latency_ms) == (4, 5)
    assert config.weight_limits == {"binance": 100}


@pytest.mark.parametrize(
    "arguments,named",
    [
        ("--fault earthquake=1", "earthquake"),
        ("--fault reset=often", "between 0 and 1"),
        ("--fault reset=2", "at most 1"),
        ("--port 80000", "65535"),
    ],
)
def test_bad_usage_says_what_is_wrong(arguments: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(arguments.split())
    assert exit_.value.code == 2
    assert named in capsys.readouterr().err


def test_whatever_keeps_an_exchange_from_listening_reaches_who_starts_it() -> None:
    with pytest.raises(OverflowError), SandboxExchange(SandboxConfig(symbols=1), port=80_000):
        pass
