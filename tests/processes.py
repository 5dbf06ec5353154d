"""Real processes that start in milliseconds: forked from a server that has imported everything and done nothing."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterable
from multiprocessing.context import ForkServerContext
from typing import Any

Program = tuple[Callable[..., None], tuple[object, ...]]
"""What a process runs, and with what; the end of a pipe that it tells things through is added to its arguments."""

PRELOADED = ["seamless_lab.app.lab", "seamless_lab.app.local_exchange", "ccxt.async_support", "tests.labs"]


def forkserver() -> ForkServerContext:
    """A context whose processes share nothing with this one but the file system. Targets must be importable."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def told_by_all(context: ForkServerContext, programs: Iterable[Program]) -> list[Any]:
    """What each of some processes tells when it is done. They run at once, and all of them end well."""
    pipes, workers = [], []
    for target, arguments in programs:
        mine, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=target, args=(*arguments, theirs))
        worker.start()
        theirs.close()
        pipes.append(mine)
        workers.append(worker)
    told = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    return told


def told_until_killed(
    context: ForkServerContext, program: Program, chance: random.Random, *, upto: int, within_s: float
) -> list[Any]:
    """All that a process told before it was killed: after one to `upto` things, somewhere within the next step."""
    target, arguments = program
    mine, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=target, args=(*arguments, theirs))
    worker.start()
    theirs.close()
    told = [mine.recv() for _ in range(1 + chance.randrange(upto))]
    if mine.poll(chance.random() * within_s):
        told.append(mine.recv())
    worker.kill()
    worker.join(60)
    try:
        while True:
            told.append(mine.recv())
    except EOFError:
        mine.close()
    return told
