"""Ctrl-C reaches a waiting caller, also after polars has put its own handler in."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl  # noqa: F401  # its signal handler is what this is about
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.portal import Portal
from seamless_lab.errors import Interrupted


def test_ctrl_c_interrupts_a_call_that_waits_for_ever() -> None:
    portal, begun = Portal(), threading.Event()

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    give_up = time.monotonic() + 60
    with pytest.raises(Interrupted):
        portal.call(for_ever)
    portal.close()
    assert time.monotonic() < give_up


def test_ctrl_c_interrupts_a_close_that_waits_for_another(tmp_path: Path) -> None:
    lab, closing, may_end = Lab(str(tmp_path)), threading.Event(), threading.Event()
    lab.wait()

    async def slowly() -> None:
        closing.set()
        await asyncio.to_thread(may_end.wait)

    lab.wiring.engine.close = slowly
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lab.close)
        closing.wait()
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            lab.close()
        assert not first.done()
        may_end.set()
        first.result(timeout=10)
    lab.close()


def test_what_a_close_leaves_after_ctrl_c_makes_no_noise(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lab, closing = Lab(str(tmp_path)), threading.Event()
    lab.wait()

    async def hang() -> None:
        closing.set()
        await asyncio.Event().wait()

    lab.wiring.engine.close = hang

    def interrupt() -> None:
        closing.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        lab.close()
    del hang, lab
    gc.collect()
    assert not caplog.records
