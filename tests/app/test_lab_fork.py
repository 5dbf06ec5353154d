"""A lab and the processes that are forked from the one that opened it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

DEADLINE_S = 60

CHILD = """
import os, signal, sys, warnings
from pathlib import Path
from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.errors import SeamlessError
from tests.engine.sources import scripted_lab

NODE = "ohlcv:binance:BTC/USDT:1m"
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what this is about

def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            work()
        except SeamlessError as error:
            print(error.message, error.hint, flush=True)
        except BaseException as error:  # a fork of a test must never go on as one
            print("RAW", repr(error), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

lab = scripted_lab(Path(sys.argv[1]), ManualClock(1_735_689_657_000))
"""


def said(home: Path, script: str) -> list[str]:
    done = subprocess.run(  # a process of its own: pytest's has threads of other tests
        [sys.executable, "-c", CHILD + script, str(home)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_lab_used_before_a_fork_is_refused_in_the_child_and_goes_on_in_the_parent(tmp_path: Path) -> None:
    heard = said(
        tmp_path,
        """
print(lab.fetch(NODE, "2024-11-01").verdict, flush=True)
in_child(lambda: lab.fetch(NODE, "2024-11-01"))
in_child(lambda: lab.coverage(NODE, "2024-11-01"))
in_child(lab.verify)
in_child(lambda: print("closed", lab.close(), flush=True))
print(lab.fetch(NODE, "2024-11-02").verdict, flush=True)
lab.close()
""",
    )
    assert heard[0] == heard[-1] == "PASS"
    assert heard[4] == "closed None"
    assert all("before it forked" in line and "Open a new Lab" in line for line in heard[1:4])


def test_a_lab_not_used_yet_is_the_childs_own(tmp_path: Path) -> None:
    heard = said(
        tmp_path,
        """
from seamless_lab.app.lab import Lab
fresh = Lab(str(Path(sys.argv[1])))

def use():
    print(fresh.artifacts().frame.height, str(os.getpid()) in fresh.wiring.owner, flush=True)
    fresh.close()

in_child(use)
""",
    )
    assert heard == ["0 True"]
