"""Real processes that start in milliseconds: forked from a server that has imported everything and done nothing."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

PRELOADED = ["seamless_lab.app.lab", "seamless_lab.app.local_exchange", "ccxt.async_support", "tests.labs"]


def forkserver() -> ForkServerContext:
    """A context whose processes share nothing with this one but the file system. Targets must be importable."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
