"""Ctrl-C reaches a waiting caller, also after polars has put its own handler in."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl  # noqa: F401  # its signal handler is what this is about
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.portal import Portal
from seamless_lab.errors import Interrupted
from tests.interrupting import interrupted_at


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a finaliser Python drops it
def test_wherever_ctrl_c_meets_a_close_no_thread_stays_and_calls_begin_again() -> None:
    portal, place, going_on = Portal(), 0, True

    async def where() -> threading.Thread:
        return threading.current_thread()

    while going_on:
        place += 1
        thread = portal.call(where)
        going_on = interrupted_at(place, portal.close)
        portal.close()
        thread.join(10)
        assert not thread.is_alive(), place
    assert place > 20


def test_ctrl_c_while_the_thread_starts_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    portal, started = Portal(), []

    def start(thread: threading.Thread, start: Callable[[threading.Thread], None] = threading.Thread.start) -> None:
        start(thread)
        started.append(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            _ = portal.loop
    started[0].join(10)
    assert not started[0].is_alive()


def test_ctrl_c_while_work_is_handed_over_leaves_none_running(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal()

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def running() -> int:
        return len(asyncio.all_tasks())

    loop = portal.loop
    hand_over, interrupts = loop.call_soon_threadsafe, iter([KeyboardInterrupt])

    def interrupted(*what: object) -> None:
        hand_over(*what)  # type: ignore[arg-type]  # as it was called
        for interrupt in interrupts:
            raise interrupt

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(Interrupted):
        portal.call(for_ever)
    assert portal.call(running) == 1, "itself"
    portal.close()


def test_ctrl_c_before_work_is_handed_over_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    portal, begun = Portal(clean_up_s=3600), []

    async def work() -> None:
        begun.append(True)

    loop = portal.loop
    hand_over, interrupts = loop.call_soon_threadsafe, iter([KeyboardInterrupt])

    def interrupted(*what: object) -> None:
        for interrupt in interrupts:
            raise interrupt
        hand_over(*what)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(Interrupted):
        portal.call(work)
    portal.close()
    assert not begun
