"""Commands about configuration, installation and the local exchange."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def config(call: Call, *, action: str | None, section: str | None, changed: bool) -> Result:
    """Show or check the configuration."""
    from seamless_lab.app import setup_results

    if action == "validate":
        return setup_results.validated(call.where(), os.environ)
    return setup_results.shown(call.where(), os.environ, section=section or "", changed=changed)


def doctor(call: Call) -> Result:
    """Check this installation."""
    from seamless_lab.app import setup_results

    return setup_results.examined(call.where(), os.environ)


def sandbox(  # noqa: PLR0913  # one argument for each option
    call: Call,
    *,
    port: int | None,
    seed: int | None,
    symbols: int | None,
    now: str | None,
    fault: tuple[str, ...],
    fault_seed: int | None,
    latency_ms: int | None,
) -> Result:
    """Start the sandbox exchange."""
    from seamless_lab.app.sandbox_result import market, started

    settings = market(seed=seed, symbols=symbols, now=now, faults=fault, fault_seed=fault_seed, latency_ms=latency_ms)
    return started(call, settings, port=port or 0)


def _faults() -> Iterable[str]:
    from seamless_lab.app.sandbox_result import fault_names

    return [f"{name}=0.05" for name in fault_names()]


def demo(call: Call) -> Result:
    """The demonstration."""
    from seamless_lab.app.demo import run_demo

    return run_demo(call)


SET_UP = (
    Command(
        "config",
        "Show the configuration and where each value comes from, or validate it.",
        "validate exits with 0 when a lab would start, 2 when something is wrong.",
        (
            Parameter(
                "action", "show (the default) or validate.", Kind.WORD, positional=True, metavar="[show|validate]",
                words=lambda: ("show", "validate"),
            ),
            Parameter("section", "Only the keys below this one.", metavar="KEY"),
            Parameter("changed", "Only values that are no defaults.", Kind.FLAG),
        ),
        ("config show --changed", "config validate --config team.yaml"),
        config,
    ),
    Command(
        "doctor",
        "Check this installation, its home and its services; each finding with a fix.",
        "Exit code 1 when something does not work, 2 when that is the configuration.",
        (),
        ("doctor",),
        doctor,
    ),
    Command(
        "sandbox",
        "A local exchange with a synthetic market, for trying things offline.",
        "The real ccxt talks to it. In a terminal it runs until Ctrl-C. In a notebook it lives as long as the kernel, "
        "and the kernel's lab moves to it, with a temporary home.",
        (
            Parameter("port", "Port on 127.0.0.1; by default a free one.", Kind.COUNT, metavar="N"),
            Parameter("seed", "Of the market; the same seed gives the same bars everywhere.", Kind.COUNT, metavar="N"),
            Parameter("symbols", "Instruments per exchange.", Kind.COUNT, metavar="N"),
            Parameter("now", "Freeze the exchange's clock there.", Kind.TIME, metavar="T"),
            Parameter("fault", "Plant a fault at a rate from 0 to 1: timeout=0.05. May be repeated.", repeated=True,
                      metavar="KIND=RATE", words=_faults),
            Parameter("fault_seed", "Of the faults.", Kind.COUNT, metavar="N"),
            Parameter("latency_ms", "Added to every answer.", Kind.COUNT, metavar="N"),
        ),
        ("sandbox", "sandbox --port 8800 --fault timeout=0.02 --fault html=0.02"),
        sandbox,
    ),
    Command(
        "demo",
        "A year of bars from a faulty local exchange: a gap, its cause, the repair, the seal.",
        "Takes less than two minutes and needs no network. Its home stays to be looked at: --home, or .seamless-demo.",
        (),
        ("demo",),
        demo,
    ),
)  # fmt: skip
