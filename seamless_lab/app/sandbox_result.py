"""Starting a sandbox exchange, and saying how to point a lab at it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from seamless_lab.app.command import Call
from seamless_lab.app.render.view import Badge, Block, Fact, Facts, Note, Tone, View
from seamless_lab.app.results import Json, Rendered
from seamless_lab.core.time import format_time_ms, parse_time_ms
from seamless_lab.errors import ConfigError, RequestError
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from seamless_lab.sandbox.faults import FAULTS
from seamless_lab.sandbox.running import HIGHEST_PORT


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SandboxStarted(Rendered):
    """A running sandbox exchange."""

    url: str
    config: SandboxConfig
    use: Block

    def to_dict(self) -> Json:
        """Where it is, and what it serves."""
        return {
            "url": self.url,
            "exchanges": ["binance", "coinbase", "kraken"],
            "seed": self.config.seed,
            "symbols": self.config.symbols,
            "faults": dict(self.config.faults.rates),
        }

    def view(self) -> View:
        """How to use it."""
        config = self.config
        facts = (
            Fact("url", self.url, volatile=True, code=True),
            Fact("market", f"seed {config.seed}, {config.symbols} symbols on each of binance, coinbase and kraken"),
            Fact("clock", f"frozen at {format_time_ms(config.now_ms)}" if config.now_ms is not None else ""),
            Fact("faults", ", ".join(f"{name} {rate:g}" for name, rate in sorted(config.faults.rates.items()))),
        )
        return View(
            "sandbox exchange",
            Badge("synthetic data", Tone.WARN),
            "",
            (
                Note("Invented prices behind the real exchanges' interfaces: for trying things, not for research."),
                Facts(facts),
                self.use,
            ),
        )


def market(
    *,
    seed: int | None,
    symbols: int | None,
    now: str | None,
    faults: Iterable[str],
    fault_seed: int | None,
    latency_ms: int | None,
) -> SandboxConfig:
    """The settings that the options describe.

    Raises
    ------
    RequestError
        For an unknown fault or a rate outside 0 to 1.
    """
    default = SandboxConfig()
    try:
        plan = FaultPlan(seed=fault_seed or 0, rates=dict(_fault(text) for text in faults), latency_ms=latency_ms or 0)
        return SandboxConfig(
            seed=default.seed if seed is None else seed,
            symbols=default.symbols if symbols is None else symbols,
            now_ms=None if now is None else parse_time_ms(now, now_ms=int(time.time() * 1000)),
            faults=plan,
        )
    except ValueError as error:
        raise RequestError(f"The sandbox cannot be set up so: {error}.", hint="See: seamless sandbox --help") from error


def started(call: Call, config: SandboxConfig, *, port: int) -> SandboxStarted:
    """Start an exchange and hand it to the front end.

    Raises
    ------
    RequestError
        For a number that is no port.
    ConfigError
        When the port is taken.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise RequestError(
            f"--port {port} is no port: they go from 0 to {HIGHEST_PORT}.",
            hint="Leave --port out to use a free one.",
            port=port,
        )
    exchange = SandboxExchange(config, port)
    try:
        exchange.__enter__()
    except OSError as error:
        raise ConfigError(
            f"The sandbox exchange cannot listen on port {port}: {error.strerror or error}.",
            hint="Leave --port out to use a free one.",
            port=port,
        ) from error
    return SandboxStarted(exchange.url, config, call.keep(exchange))


def fault_names() -> list[str]:
    """The kinds of faults."""
    return sorted(FAULTS)


def _fault(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    try:
        return name, float(rate)
    except ValueError as error:
        raise RequestError(
            f"--fault {text!r} is no KIND=RATE with a rate from 0 to 1.",
            hint=f"For example timeout=0.05. Kinds: {', '.join(fault_names())}.",
            fault=text,
        ) from error
