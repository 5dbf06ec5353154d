"""The stop button, cancellation and close: the work ends soon, leases go back, what was acknowledged stays."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.portal import Portal
from seamless_lab.core.coverage import Cause
from seamless_lab.engine.events import Event
from seamless_lab.errors import Interrupted, RequestError, StoreUnavailable
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.labs import NODE, NOW_MS, open_lab
from tests.leases import held_leases
from tests.processes import forkserver
from tests.waiting import until

START, DAY = 1_704_067_200, 86_400
MONTH = (START, START + 31 * DAY)
SLOW = FaultPlan(latency_ms=150, routes=frozenset({"klines"}))


@pytest.fixture(scope="module")
def running():
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as running:
        yield running


@pytest.fixture
def exchange(running: SandboxExchange):
    running.set_faults(SLOW)
    running.clear_log()
    return running


def leases(home: Path, url: str) -> list[str]:
    with open_lab(home, url) as lab:
        return [str(key) for key, _ in held_leases(lab.wiring.database)]


def connections(exchange: SandboxExchange, pid: int | None = None) -> int:
    port = int(exchange.url.rpartition(":")[2])
    found = psutil.Process(pid).net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in found)


def answered(exchange: SandboxExchange) -> int:
    return sum(record.route == "klines" and record.status == 200 for record in exchange.log())


def check_resumable(home: Path, exchange: SandboxExchange) -> None:
    """Leases are back, some bars are there, and going on asks for the rest only."""
    assert leases(home, exchange.url) == []
    exchange.set_faults(FaultPlan())
    exchange.clear_log()
    with open_lab(home, exchange.url) as lab:
        known = lab.coverage(NODE, *MONTH).coverage.answered
        assert 0 < known.seconds < 31 * DAY
        assert lab.fetch(NODE, *MONTH).verdict == "PASS"
    asked = [record for record in exchange.log() if record.route == "klines"]
    assert sum(record.window_end - record.window_start for record in asked) == 31 * DAY - known.seconds


def fetch_until_stopped(home: str, url: str, results, may_end) -> None:
    """In a process of its own: what the stop button does to a cell."""
    lab = open_lab(Path(home), url)
    try:
        lab.fetch(NODE, *MONTH)
    except Interrupted as error:
        results.put((error.exit_code, error.message))
    results.put(lab.coverage(NODE, *MONTH).coverage.answered.seconds)
    may_end.wait()
    lab.close()


def test_the_stop_button_ends_a_blocking_fetch(tmp_path: Path, exchange: SandboxExchange) -> None:
    context = forkserver()
    results, may_end = context.Queue(), context.Event()
    process = context.Process(target=fetch_until_stopped, args=(str(tmp_path), exchange.url, results, may_end))
    process.start()
    until(lambda: answered(exchange) >= 8)
    os.kill(process.pid, signal.SIGINT)
    begun = time.monotonic()
    code, message = results.get(timeout=30)
    elapsed = time.monotonic() - begun
    assert code == 130
    assert "kept" in message
    assert results.get(timeout=30) > 0
    assert leases(tmp_path, exchange.url) == []
    requests = answered(exchange)
    may_end.set()
    process.join(30)
    assert process.exitcode == 0
    assert answered(exchange) - requests <= 8, "nobody goes on asking"
    assert elapsed < 5, "a second is the goal; the rest is for a busy machine"
    check_resumable(tmp_path, exchange)


async def test_a_cancelled_fetch_stops_and_can_be_resumed(tmp_path: Path, exchange: SandboxExchange) -> None:
    with open_lab(tmp_path, exchange.url) as lab:
        task = asyncio.create_task(lab.afetch(NODE, *MONTH))
        await asyncio.to_thread(until, lambda: answered(exchange) >= 8)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert leases(tmp_path, exchange.url) == []
    assert connections(exchange) == 0
    check_resumable(tmp_path, exchange)


def test_a_callback_that_raises_stops_the_fetch(tmp_path: Path, exchange: SandboxExchange) -> None:
    def broken(event) -> None:
        if event.name == "seamless.backfill.complete":
            raise ZeroDivisionError

    with open_lab(tmp_path, exchange.url) as lab:
        with pytest.raises(ZeroDivisionError):
            lab.fetch(NODE, *MONTH, on_event=broken)
        assert leases(tmp_path, exchange.url) == []
    check_resumable(tmp_path, exchange)


def test_closing_from_another_thread_stops_the_fetch(tmp_path: Path, exchange: SandboxExchange) -> None:
    lab = open_lab(tmp_path, exchange.url)
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(lab.fetch, NODE, *MONTH)
        until(lambda: answered(exchange) >= 8)
        lab.close()
        with pytest.raises(Interrupted):
            fetching.result(timeout=10)
    assert connections(exchange) == 0
    check_resumable(tmp_path, exchange)


def fetch_from_two_threads(lab: Lab, first_day: int) -> None:
    """Overlapping months at once: both wait for the same semaphores, buckets and blocks."""
    begin, together = START + first_day * DAY, threading.Barrier(2)

    def run(days: int) -> str:
        together.wait()
        return str(lab.fetch(NODE, begin + days * DAY, begin + (days + 20) * DAY).verdict)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [0, 5])) == ["PASS", "PASS"]


def test_two_threads_share_a_lab_and_ask_for_no_bar_twice(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan(latency_ms=5, routes=frozenset({"klines"})))
    with open_lab(tmp_path, exchange.url) as lab:
        fetch_from_two_threads(lab, 0)
    asked = [record for record in exchange.log() if record.route == "klines"]
    assert sum(record.window_end - record.window_start for record in asked) == 25 * DAY


def test_a_closed_lab_can_be_used_again(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan(latency_ms=5, routes=frozenset({"klines"})))
    lab = open_lab(tmp_path, exchange.url, seamless__rate_limit__min_interval_ms=1)
    for first_day in (0, 30):  # the second time on another loop
        fetch_from_two_threads(lab, first_day)
        lab.close()
        lab.close()
        assert connections(exchange) == 0
    assert lab.coverage(NODE, START, START + 55 * DAY).coverage.slots(Cause.MISSING) == 5 * 1440
    lab.close()


def hashing() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("seamless-hash")}


def test_a_closed_lab_leaves_no_hashing_threads_and_starts_them_again(
    tmp_path: Path, exchange: SandboxExchange
) -> None:
    exchange.set_faults(FaultPlan())
    before, lab = hashing(), open_lab(tmp_path, exchange.url)
    lab.backfill(NODE, *MONTH)
    for _ in range(2):
        assert lab.verify(NODE).exit_code == 0
        assert hashing() - before
        lab.close()
        until(lambda: not hashing() - before)


def test_a_file_that_fails_to_close_leaves_no_other_open(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan())
    (tmp_path / "events.jsonl").mkdir()
    lab = open_lab(tmp_path, exchange.url)
    lab.fetch(NODE, START, START + DAY)
    with pytest.raises(StoreUnavailable, match=r"events\.jsonl cannot be appended to"):
        lab.close()
    mine = [Path(file.path).name for file in psutil.Process().open_files() if Path(file.path).is_relative_to(tmp_path)]
    assert mine == []


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_a_lab_works_again_after_a_close_that_failed(
    tmp_path: Path, exchange: SandboxExchange, failure: type[BaseException]
) -> None:
    exchange.set_faults(FaultPlan())
    lab = open_lab(tmp_path, exchange.url)
    lab.fetch(NODE, START, START + DAY)
    portal, end_fills, end_connections = lab._thread, lab.wiring.engine.close, lab.wiring.fetcher.close

    async def fail() -> None:
        await end_fills()
        raise failure

    async def end_all() -> None:
        await end_fills()
        await end_connections()

    def interrupted(last: object) -> None:
        Portal.close(portal, end_all)
        raise failure

    if failure is OSError:
        lab.wiring.engine.close = fail
    else:
        portal.close = interrupted
    with pytest.raises(failure):
        lab.close()
    assert connections(exchange) == 0, "one part that fails keeps no other open"
    vars(portal).pop("close", None)
    assert lab.fetch(NODE, START + DAY, START + 2 * DAY).verdict == "PASS"
    lab.close()


def test_fetches_beside_closes_end_well_or_as_stopped(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan())
    lab, begun, over = open_lab(tmp_path, exchange.url), threading.Event(), threading.Event()

    def fetch_on() -> int:
        served = 0
        while not over.is_set():
            day = START + served * DAY
            try:
                lab.fetch(NODE, day, day + DAY)
            except Interrupted:
                continue
            finally:
                begun.set()
            served += 1
        return served

    with ThreadPoolExecutor(2) as pool:
        fetching = [pool.submit(fetch_on) for _ in range(2)]
        begun.wait()
        for _ in range(10):
            time.sleep(0.05)
            lab.close()
        over.set()
        served = [one.result(timeout=30) for one in fetching]
    assert lab.fetch(NODE, START, START + DAY * max(served) + DAY).verdict == "PASS"
    lab.close()
    assert connections(exchange) == 0


def test_a_sink_that_closes_the_lab_closes_nothing_and_is_told(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan())
    with open_lab(tmp_path, exchange.url) as lab:
        lab.add_sink(lambda event: lab.close() if event.name == "seamless.fetch.start" else None)
        with pytest.warns(RuntimeWarning, match="A sink cannot call or close"):
            assert lab.fetch(NODE, START, START + DAY).verdict == "PASS"
        assert lab.fetch(NODE, START, START + 2 * DAY).verdict == "PASS"


def test_a_sink_on_any_thread_can_wait_for_another_lab_and_not_for_its_own(
    tmp_path: Path, exchange: SandboxExchange
) -> None:
    exchange.set_faults(FaultPlan())
    with open_lab(tmp_path / "a", exchange.url) as lab, open_lab(tmp_path / "b", exchange.url) as other:
        refused, verdicts = [], []

        def busy(event: Event) -> None:
            for what in (lambda: lab.fetch(NODE, START, START + DAY), lab.close):
                with pytest.raises(RequestError, match="A sink cannot call or close") as caught:
                    what()
                refused.append(caught.value)
            verdicts.append(other.fetch(NODE, START, START + DAY).verdict)

        remove = lab.add_sink(busy)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lab.wiring.events.emit, Event("test", 0)).result(timeout=60)
        remove()
        assert (len(refused), verdicts) == (2, ["PASS"])
        assert lab.fetch(NODE, START, START + DAY).verdict == "PASS"


async def test_both_doors_work_inside_a_running_loop(tmp_path: Path, exchange: SandboxExchange) -> None:
    exchange.set_faults(FaultPlan())
    with open_lab(tmp_path, exchange.url) as lab:
        awaited, other = await asyncio.gather(
            lab.afetch(NODE, START, START + DAY), lab.afetch(NODE, START, START + 2 * DAY)
        )
        blocking = lab.fetch(NODE, START, START + DAY)  # what a notebook cell does
        assert (await lab.abackfill(NODE, START, START + DAY)).requests == 0
    assert awaited.content == blocking.content
    assert other.rows == 2 * 1440
