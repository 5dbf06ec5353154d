"""`python -m seamless_lab.sandbox`: a sandbox exchange in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from seamless_lab.sandbox.config import SandboxConfig
from seamless_lab.sandbox.exchange import Exchange
from seamless_lab.sandbox.faults import FAULTS, FaultPlan
from seamless_lab.sandbox.running import HIGHEST_PORT, start_server


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is run: on which port, whether it announces its URL as JSON, and whether it ends with its input."""

    port: int = 0
    json: bool = False
    until_eof: bool = False


def parse(arguments: Sequence[str]) -> tuple[SandboxConfig, Manner]:
    """What exchange, and how it is run. Exits with status 2 on bad usage."""
    parser = argparse.ArgumentParser(prog="python -m seamless_lab.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--seed", type=int, default=7, help="of the market")
    parser.add_argument("--symbols", type=int, default=300, help="instruments per venue")
    parser.add_argument("--now", type=_moment_ms, help="freeze the clock there: ISO 8601 (UTC if it names no zone)")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=RATE", type=_fault, help=_fault_help())
    parser.add_argument("--fault-seed", type=int, default=0)
    parser.add_argument("--latency-ms", type=int, default=0, help="added to every answer")
    parser.add_argument("--weight-limit", type=int, default=6000, help="Binance request weight per minute")
    parser.add_argument("--json", action="store_true", help="announce the URL as a JSON object on one line")
    parser.add_argument("--until-eof", action="store_true", help="stop at the end of standard input, a pipe")
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= HIGHEST_PORT:
        parser.error(f"--port {given.port} is no port: they go from 0 to {HIGHEST_PORT}")
    try:
        config = SandboxConfig(
            seed=given.seed,
            symbols=given.symbols,
            now_ms=given.now,
            faults=FaultPlan(seed=given.fault_seed, rates=dict(given.fault), latency_ms=given.latency_ms),
            weight_limits={"binance": given.weight_limit},
        )
    except ValueError as error:
        parser.error(str(error))
    return config, Manner(given.port, given.json, given.until_eof)


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop; the exit status."""
    config, manner = parse(arguments)
    try:
        asyncio.run(_serve(config, manner))
    except OSError as error:
        print(f"cannot listen on port {manner.port}: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(config: SandboxConfig, manner: Manner) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    exchange = Exchange(config)
    runner, url = await start_server(exchange, manner.port)
    if manner.until_eof:  # whoever holds the other end may be killed, and then sends no signal
        asyncio.get_running_loop().add_reader(sys.stdin, _stop_at_the_end, stopping)
    try:
        announcement = {"url": url, "families": sorted(exchange.families), "seed": config.seed}
        print(orjson.dumps(announcement).decode() if manner.json else f"sandbox exchange on {url}", flush=True)
        await stopping.wait()
    finally:
        await runner.cleanup()


def _stop_at_the_end(stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stopping.set()


def _moment_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _fault(text: str) -> tuple[str, float]:
    kind, _, rate = text.partition("=")
    if kind not in FAULTS:
        raise argparse.ArgumentTypeError(f"unknown fault {kind!r}; known are {', '.join(sorted(FAULTS))}")
    try:
        return kind, float(rate)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {kind}=RATE with a rate between 0 and 1, got {text!r}") from None


def _fault_help() -> str:
    return f"plant a fault at a rate between 0 and 1; may be repeated. Kinds: {', '.join(sorted(FAULTS))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
