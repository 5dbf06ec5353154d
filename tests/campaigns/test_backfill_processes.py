"""Many processes, one home: nothing is asked for twice, nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from seamless_lab.core.ranges import Ranges
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.labs import NODE, NOW_MS, open_lab
from tests.processes import forkserver

JANUARY, DAY = 1_704_067_200, 86_400
SLOW = FaultPlan(latency_ms=4, routes=frozenset({"klines"}))


@pytest.fixture(scope="module")
def exchange():
    config = SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={}, faults=SLOW)
    with SandboxExchange(config) as running:
        yield running


def fetch_in_process(home: str, url: str, start: int, end: int, delay_s: float, results) -> None:
    time.sleep(delay_s)
    with open_lab(Path(home), url) as lab:
        answer = lab.fetch(NODE, start, end)
        results.put((answer.content, str(answer.verdict), answer.rows))


def asked_twice(log) -> list[int]:
    """Minutes that more than one successful request for bars had in its window."""
    minutes: Counter[int] = Counter()
    for record in log:
        if record.route == "klines" and record.status == 200:
            minutes.update(range(record.window_start, record.window_end, 60))
    return [minute for minute, count in minutes.items() if count > 1]


def run_pair(tmp: Path, exchange: SandboxExchange, seed: int) -> None:
    rng, context = random.Random(seed), forkserver()
    exchange.clear_log()
    results = context.Queue()
    first = (JANUARY, JANUARY + 6 * DAY)
    second = first if seed % 4 == 0 else (JANUARY + 2 * DAY + 17 * 60, JANUARY + 8 * DAY + 60)
    home = tmp / f"run-{seed}"
    workers = [
        context.Process(target=fetch_in_process, args=(str(home), exchange.url, *window, rng.uniform(0, 0.2), results))
        for window in (first, second)
    ]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert {verdict for _, verdict, _ in answers} == {"PASS"}
    assert asked_twice(exchange.log()) == []


@pytest.mark.parametrize("seed", range(20))
def test_two_processes_fetching_overlapping_windows_ask_for_no_bar_twice(tmp_path, exchange, seed):
    run_pair(tmp_path, exchange, seed)


def test_when_the_holder_is_killed_the_other_finishes(tmp_path, exchange):
    context = forkserver()
    exchange.set_faults(FaultPlan(latency_ms=200, routes=frozenset({"klines"})))
    exchange.clear_log()
    results = context.Queue()
    args = (str(tmp_path), exchange.url, JANUARY, JANUARY + 4 * DAY)
    holder = context.Process(target=fetch_in_process, args=(*args, 0.0, results))
    holder.start()
    deadline = time.monotonic() + 30
    while not any(record.route == "klines" for record in exchange.log()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)
    other = context.Process(target=fetch_in_process, args=(*args, 0.0, results))
    begun = time.monotonic()
    other.start()
    _, verdict, rows = results.get(timeout=60)
    other.join(10)
    exchange.set_faults(SLOW)
    assert (verdict, rows) == ("PASS", 4 * 1440)
    assert time.monotonic() - begun < 30  # a lease lives 10 s; the rest is for a busy machine


SHORT_LEASES = {"seamless__backfill__embedded_lease_ttl_ms": 300, "seamless__backfill__embedded_renew_ms": 100}
TWO_WEEKS = (JANUARY, JANUARY + 14 * DAY)


def backfill_until_killed(home: str, url: str) -> None:
    with open_lab(Path(home), url, **SHORT_LEASES) as lab:
        lab.backfill(NODE, *TWO_WEEKS)


def acknowledged(home: Path, url: str) -> Ranges:
    """Slots that the home has an answer for."""
    with open_lab(home, url) as lab:
        coverage = lab.coverage(NODE, *TWO_WEEKS).coverage
        return coverage.answered


def asked(log) -> Ranges:
    """What was asked for; of a request whose client was killed before the exchange looked at it, the first slot."""
    starts, ends = [], []
    for record in log:
        if record.route == "klines":
            start = record.window_start or int(record.params["startTime"]) // 1000
            starts.append(start)
            ends.append(record.window_end or start + 60)
    return Ranges.normalised(starts, ends)


def kill_often(tmp: Path, exchange: SandboxExchange, kills: int, seed: int) -> None:
    """Backfill, killed at random moments, over as many homes as it takes; each must end like a calm one."""
    rng, context = random.Random(seed), forkserver()
    with open_lab(tmp / "calm", exchange.url) as lab:
        golden = lab.fetch(NODE, *TWO_WEEKS).content
    killed = finished = 0
    while killed < kills:
        home = tmp / f"home-{finished}"
        for _ in range(kills):
            known = acknowledged(home, exchange.url)
            exchange.clear_log()
            worker = context.Process(target=backfill_until_killed, args=(str(home), exchange.url))
            worker.start()
            worker.join(rng.uniform(0.05, 0.5))
            worker.kill()  # nothing happens if it has just ended
            worker.join(30)
            killed += worker.exitcode == -signal.SIGKILL
            assert not len(asked(exchange.log()) & known), "something acknowledged was asked for again"
            if worker.exitcode == 0:
                break
        with open_lab(home, exchange.url, **SHORT_LEASES) as lab:
            done = lab.backfill(NODE, *TWO_WEEKS)
            assert done.exit_code == 0
            assert lab.verify().offenders == ()
            assert lab.fetch(NODE, *TWO_WEEKS).content == golden
        finished += 1


def test_killing_a_backfill_at_any_moment_loses_nothing_acknowledged(tmp_path, exchange):
    kill_often(tmp_path, exchange, kills=200, seed=1)


@pytest.mark.soak
def test_killing_a_backfill_a_thousand_times(tmp_path, exchange):
    kill_often(tmp_path, exchange, kills=1_000, seed=2)
