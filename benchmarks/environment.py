"""The peers: their environment, beside ours and installed when it is missing, and their processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Kind, Sample

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "bench-venv"
LOCK = ROOT / "requirements" / "bench.txt"
_STAMP = VENV / ".stamp"


def install_peers() -> str:
    """Bring the peers' environment to what `requirements/bench.txt` says; returns why that failed, or nothing.

    All or nothing: when one of them cannot be installed, every row of a peer says so; ours and floors still run.
    """
    wanted = hashlib.sha256(LOCK.read_bytes() + str(VENV.resolve()).encode()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return ""
    sys.path.insert(0, str(ROOT / "scripts"))
    from bootstrap import find_uv, install_uv

    uv = find_uv() or install_uv()
    print("benchmarks: installing the peers into .cache/bench-venv (a minute the first time)", file=sys.stderr)
    for command in (
        [uv, "venv", "-q", "--clear", "--python", sys.executable, str(VENV)],
        [uv, "pip", "install", "-q", "--python", str(VENV / "bin/python"), "--require-hashes", "-r", str(LOCK)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            return " ".join(done.stderr.split())[-300:]
    _STAMP.write_text(wanted)
    return ""


class PeerFailed(Exception):
    """A peer's own error, or why it is not there."""


class Peer:
    """One peer's process; started when first asked, and ended with `close`."""

    def __init__(self, module: str, *, why_missing: str = "") -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._ready = False
        self._failure = why_missing and f"not installed: {why_missing}"

    def prepare(self, op: str, **args: object) -> None:
        """Do what is to be there before the rounds; a failure shows in place of every later time."""
        try:
            self.call(op, **args)
        except (PeerFailed, OSError) as error:
            self._failure = str(error)

    def call(self, op: str, **args: object) -> dict[str, Any]:
        """Do one operation; the answer has `wall_ms`, `cpu_ms` and `value`."""
        if self._failure:
            raise PeerFailed(self._failure)
        self.start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        if not self._ready:
            self._answer()
            self._ready = True
        process.stdin.write(json.dumps({"op": op, "args": args}) + "\n")
        process.stdin.flush()
        return self._answer()

    def sample(self, op: str, **args: object) -> Sample:
        """How long one operation took in there."""
        answer = self.call(op, **args)
        return Sample(answer["wall_ms"], answer["cpu_ms"])

    def contender(self, label: str, op: str, **args: object) -> Contender:
        """The operation as a contender."""
        return Contender(Kind.PEER, label, lambda: self.sample(op, **args))

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def start(self) -> None:
        """Start the process without waiting for what it imports; a no-op when it runs or cannot."""
        if self._process is not None or self._failure:
            return
        python = VENV / "bin" / "python"
        if not python.exists():
            raise PeerFailed("not installed: run python -m benchmarks once without --no-peers")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.peers", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
        )

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed(f"its process ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer
