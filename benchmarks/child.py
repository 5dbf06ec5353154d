"""Jobs that run in a process of their own, because their peak memory, their imports or their signals are the point.

`python -m benchmarks.child JOB JSON` prints one JSON object: what the job says, with `wall_ms`, `cpu_ms`, `peak_mb`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT

BENCH_NOW = "2025-06-01T00:00:30Z"


def in_child(job: str, **args: object) -> dict[str, Any]:
    """Run a job in a new process and return what it says."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "SEAMLESS_RENDER": "static"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", job, json.dumps(args)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(f"{job} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


@contextmanager
def clocked(told: dict[str, Any]) -> Iterator[None]:
    """Add wall and CPU time of the body to what a job says."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    told["wall_ms"] = (time.perf_counter() - wall) * 1_000
    told["cpu_ms"] = (time.process_time() - cpu) * 1_000


def resident_mb() -> float:
    """What the process has in memory now."""
    return _memory_mb("VmRSS")


def peak_mb() -> float:
    """The most it ever had. (`ru_maxrss` would count the parent, whose pages a new process holds until it executes.)"""
    return _memory_mb("VmHWM")


def _memory_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1_024


def main() -> int:
    """Do the job that the command line names."""
    from benchmarks import jobs  # what it imports is part of some measurements

    told = getattr(jobs, sys.argv[1])(**json.loads(sys.argv[2]))
    told["peak_mb"] = peak_mb()
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
