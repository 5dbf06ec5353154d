"""The sandbox exchange as a process of its own, and how to point a lab at it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Self

from seamless_lab.errors import ConfigError

_PATIENCE_S = 20

STOOD_IN_FOR = ("binance", "coinbase", "kraken")
"""The exchanges that a sandbox speaks like."""


class LocalExchange:
    """A sandbox exchange on this machine: started with the block, stopped after it or when this process ends.

    Parameters
    ----------
    arguments
        Options of `python -m seamless_lab.sandbox`, such as `--now 2025-01-01`.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start it, and return once it listens.

        Raises
        ------
        ConfigError
            It did not start; what it said is in the message.
        """
        # Its own session, because Ctrl-C belongs to this process, which still needs it for its clean-up. Its input ends
        # with this process, however that ends.
        command = [sys.executable, "-m", "seamless_lab.sandbox", "--json", "--port", "0", "--until-eof"]
        self._process = subprocess.Popen(
            [*command, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # it was asked for
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self.stop()
            raise ConfigError(f"The sandbox exchange did not start (exit code {code}).")
        self.url = str(json.loads(line)["url"])
        return self

    def set_faults(self, **plan: object) -> None:
        """Replace the fault plan: `seed`, `rates`, `max_consecutive`, `latency_ms`, ...; nothing ends all faults."""
        request = urllib.request.Request(f"{self.url}/__control/faults", data=json.dumps(plan).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            answer.read()

    def stop(self) -> None:
        """Stop it and wait for its end. Idempotent."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def exchange_overrides(url: str) -> dict[str, object]:
    """Settings that send `binance`, `coinbase` and `kraken` to a sandbox exchange at `url`, at a local pace."""
    from seamless_lab.sandbox.ccxt_urls import ccxt_urls  # imports ccxt, which takes a while

    places: dict[str, object] = {
        f"exchanges.{exchange}.{key}": value
        for exchange in STOOD_IN_FOR
        for key, value in (
            ("ccxt", {"urls": ccxt_urls(exchange, url)}),
            ("rate_limit_rps", 2000.0),
            ("sandbox", False),
        )
    }
    return {**places, "seamless.rate_limit.min_interval_ms": 0, "seamless.rate_limit.burst_tokens": 100_000}
