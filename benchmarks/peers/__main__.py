"""`python -m benchmarks.peers NAME`: do what is asked on stdin, one JSON object a line, and say how long it took.

Runs in the peers' environment and imports nothing of ours. Each function of `benchmarks.peers.NAME` is an operation;
what it returns travels back when it is JSON, and is dropped after the clock has stopped when it is not.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
import time
import warnings


def main() -> int:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not stand among the answers
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        module = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}")
    except ImportError as error:
        answers.write(json.dumps({"error": f"cannot be imported: {error}"}) + "\n")
        return 1
    answers.write(json.dumps({"value": "ready"}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(_answer(module, json.loads(line))) + "\n")
    return 0


def _answer(module: object, asked: dict) -> dict:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        value = getattr(module, asked["op"])(**asked["args"])
    except Exception as error:  # a peer's failure is a result
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    taken = {"wall_ms": (time.perf_counter() - wall) * 1_000, "cpu_ms": (time.process_time() - cpu) * 1_000}
    return taken | {"value": value if isinstance(value, (int, float, str, type(None))) else None}


if __name__ == "__main__":
    sys.exit(main())
