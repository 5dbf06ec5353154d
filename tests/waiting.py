"""Waiting for what another thread or process is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], *, timeout_s: float = 20) -> None:
    """Return as soon as `holds()`; fail the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.005)
