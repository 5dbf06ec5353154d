"""A sandbox exchange in a process of its own: it ends with the one that started it, and not before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from seamless_lab.app.local_exchange import LocalExchange
from seamless_lab.errors import ConfigError

PATIENCE_S = 60

# Under nohup a hang-up is ignored, which children inherit; a shell that starts it in a terminal ignores none.
PARENT = """
import signal
from seamless_lab.app.local_exchange import LocalExchange
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with LocalExchange("--symbols", "2") as exchange:
    print(exchange._process.pid, flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_however_its_starter_ends_it_ends_too(signum: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        exchange = psutil.Process(int(parent.stdout.readline()))
        try:
            parent.send_signal(signum)
            assert parent.wait(PATIENCE_S) == -signum
            exchange.wait(PATIENCE_S)
        finally:
            parent.kill()
            with suppress(psutil.NoSuchProcess):
                exchange.kill()


def test_it_has_a_session_of_its_own_so_that_ctrl_c_is_left_to_its_starter() -> None:
    with LocalExchange("--symbols", "2") as exchange:
        assert exchange._process is not None
        pid = exchange._process.pid
        assert os.getsid(pid) == pid
    assert not psutil.pid_exists(pid)


def test_one_that_does_not_start_says_so_and_leaves_nothing_open(capfd: pytest.CaptureFixture[str]) -> None:
    exchange = LocalExchange("--port", "80000")
    with pytest.raises(ConfigError, match=r"did not start \(exit code 2\)"):
        exchange.start()
    assert "65535" in capfd.readouterr().err
    assert exchange._process is None
