"""Ctrl-C reaches a waiting caller, also after polars has put its own handler in."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import polars as pl  # noqa: F401  # its signal handler is what this is about
import pytest

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
