"""The command table: from it come parsing, help, completion and documentation of terminal and notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.core.policy import Domain, Strategy
from seamless_lab.errors import ConfigError, NotFound, RequestError

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.results import Result

# -- what several commands take ------------------------------------------------------------------------------------

NODE = Parameter(
    "node", "The series: ohlcv:EXCHANGE:SYMBOL:TIMEFRAME.", Kind.NODE, positional=True, required=True, metavar="NODE"
)
ANY_NODE = replace(NODE, required=False)
START = Parameter(
    "start", "First moment wanted: an ISO time (naive is UTC), 2024-03, epoch seconds, now or -7d.", Kind.TIME,
    metavar="T",
)  # fmt: skip
END = Parameter(
    "end", "First moment not wanted; may be left out when --start is a day, week, month or year.", Kind.TIME,
    metavar="T",
)  # fmt: skip
FROM = replace(START, required=True)
NAMED = ("--home", "SEAMLESS_HOME")
"""The rules of `find_home` by which somebody meant one home and no other."""
WINDOW = "Without a window: from the first to the last slot that is known."


def _sla_presets() -> Iterable[str]:
    from seamless_lab.app.config_resolve import preset_names

    return preset_names()["sla"]


def _domains() -> Iterable[str]:
    return [str(domain) for domain in Domain]


def _strategies() -> Iterable[str]:
    return [str(strategy) for strategy in Strategy]


# -- fetch ---------------------------------------------------------------------------------------------------------


def fetch(  # noqa: PLR0913 - one argument for each option
    call: Call,
    *,
    node: str,
    start: str,
    end: str | None,
    as_of: str | None,
    domain: str | None,
    strategy: str | None,
    sla: str | None,
    world: str | None,
    max_lag: int | None,
    min_coverage: float | None,
    out: str | None,
    force: bool,
) -> Result:
    """Fetch, and write the bars to a file where asked to."""
    from seamless_lab.app.export import writer

    write = writer(out, force=force) if out is not None else None
    result = call.lab().fetch(
        node,
        start,
        end,
        as_of=as_of,
        domain=domain,
        strategy=strategy,
        sla=sla,
        world=world,
        max_lag_s=max_lag,
        min_coverage=min_coverage,
        on_event=call.on_event,
    )
    if write is not None:
        write(result)
    return result


FETCH = Command(
    "fetch",
    "Bars of a window, complete and sealed, or what is missing and why.",
    "Asks the exchange for what is not known yet, seals it, and answers with bars, coverage by cause, verdict and "
    "digests. NODE may be a reference NODE@sha256:…, NODE@seq:N or NODE@TIME to a sealed version; the domains backtest "
    "and research read nothing else.",
    (
        replace(NODE, kind=Kind.REF, help="The series, or a reference NODE@SELECTOR to a sealed version."),
        FROM,
        END,
        Parameter("as_of", "Read what was known then: a time, seq:N or sha256:….", Kind.TIME, metavar="T"),
        Parameter("domain", "What the data are for.", Kind.WORD, words=_domains),
        Parameter("strategy", "What to do about gaps.", Kind.WORD, words=_strategies),
        Parameter("sla", "Budgets, by the name of a preset.", metavar="PRESET", words=_sla_presets),
        Parameter("world", "World whose as-of may only advance.", metavar="ID"),
        Parameter("max_lag", "How old the newest bar may be (live domain): 90s, 5m.", Kind.DURATION),
        Parameter("min_coverage", "Smallest acceptable coverage: 0.98 or 98%.", Kind.RATIO),
        Parameter(
            "out", "Write the bars to FILE.parquet or FILE.csv, unless the answer is refused.", Kind.FILE, short="o"
        ),
        Parameter("force", "Let --out replace a file with other content.", Kind.FLAG),
    ),
    (
        "fetch ohlcv:binance:BTC/USDT:1m --start 2024-01-01 --end 2024-02-01",
        "fetch ohlcv:binance:BTC/USDT:1h --start 2024-03 --json",
        "fetch ohlcv:binance:ETH/USDT:1m --start -7d --end now --domain live --max-lag 3m",
        "fetch ohlcv:binance:BTC/USDT:1m@latest --start 2024-01 --out january.parquet",
    ),
    fetch,
)


# -- look ----------------------------------------------------------------------------------------------------------


def coverage(call: Call, *, node: str, start: str | None, end: str | None) -> Result:
    """What is known about a window."""
    _needs_start(start, end)
    return _existing(call).coverage(node, start, end)


def gaps(call: Call, *, node: str, start: str | None, end: str | None) -> Result:
    """What is open, why, and how to repair it."""
    _needs_start(start, end)
    return _existing(call).gaps(node, start, end)


def artifacts(call: Call, *, node: str | None) -> Result:
    """Sealed datasets, or one's versions."""
    return _existing(call).artifacts(node)


def manifest(call: Call, *, ref: str) -> Result:
    """One version's manifest."""
    return _existing(call).manifest(ref)


def verify(call: Call, *, ref: str | None) -> Result:
    """Rehash."""
    lab = _existing(call)
    result = lab.verify(ref)
    if not result.versions and not result.offenders:
        raise NotFound(
            f"Nothing is sealed in {lab.wiring.home.root}, so nothing was verified.",
            hint="Name the home with --home FOLDER, or fetch first: seamless fetch NODE --start T --end T",
            home=str(lab.wiring.home.root),
        )
    return result


def sla(call: Call, *, node: str | None, since: str) -> Result:
    """Fetches against their budgets."""
    return _existing(call).sla(node, since=since)


LOOK = (
    Command(
        "coverage",
        "What is known about a window, by cause; asks no exchange.",
        f"Every slot is present, quiet (proved to have no bar), missing, failed or pending. {WINDOW}",
        (NODE, START, END),
        ("coverage ohlcv:binance:BTC/USDT:1m --start 2024-01", "coverage ohlcv:binance:BTC/USDT:1m"),
        coverage,
    ),
    Command(
        "gaps",
        "Stretches without a bar, with cause, evidence and repair; exit code 1 if any is open.",
        f"Quiet and pending stretches are listed after those that can be repaired. {WINDOW}",
        (NODE, START, END),
        ("gaps ohlcv:binance:BTC/USDT:1m --start 2024-01",),
        gaps,
    ),
    Command(
        "artifacts",
        "The sealed datasets; with NODE, all its versions.",
        "Each with the reference that reads it again.",
        (ANY_NODE,),
        ("artifacts", "artifacts ohlcv:binance:BTC/USDT:1m"),
        artifacts,
    ),
    Command(
        "manifest",
        "The manifest of one sealed version.",
        "Digests, range, schema, conformance report, producer and provenance; of the newest version for a bare NODE.",
        (replace(NODE, name="ref", kind=Kind.REF, metavar="REF", help="NODE or NODE@SELECTOR."),),
        ("manifest ohlcv:binance:BTC/USDT:1m --json",),
        manifest,
    ),
    Command(
        "verify",
        "Rehash sealed data; exit code 1 if anything is damaged.",
        "One version, all versions of a node, or the whole store.",
        (replace(NODE, name="ref", kind=Kind.REF, metavar="REF", required=False, help="NODE or NODE@SELECTOR."),),
        ("verify", "verify ohlcv:binance:BTC/USDT:1m@latest"),
        verify,
    ),
    Command(
        "sla",
        "How fetches did against their budgets; exit code 1 if some did not keep them.",
        "Percentiles per phase, the budget they were given, and the slowest fetches.",
        (ANY_NODE, Parameter("since", "From then on; by default -7d.", Kind.TIME, metavar="T")),
        ("sla --since -1d",),
        lambda call, *, node, since: sla(call, node=node, since=since or "-7d"),
    ),
)


# -- act -----------------------------------------------------------------------------------------------------------


def backfill(call: Call, *, node: str, start: str, end: str | None, plan: bool, refresh: bool) -> Result:
    """Fill, or say what filling would take."""
    act = call.lab().plan if plan else call.lab().backfill
    return act(node, start, end, refresh=refresh, on_event=call.on_event)


def publish(call: Call, *, node: str, start: str | None, end: str | None) -> Result:
    """Seal."""
    _needs_start(start, end)
    return call.lab().publish(node, start, end)


ACT = (
    Command(
        "backfill",
        "Fill what is missing, and seal it; exit code 1 if something stays open.",
        "Asks only for slots that nobody has answered for. May be stopped and run again.",
        (
            NODE,
            FROM,
            END,
            Parameter("plan", "Say which requests it would take and how long; ask for no bars.", Kind.FLAG),
            Parameter("refresh", "Ask for answered slots again too; changes become restatements.", Kind.FLAG),
        ),
        (
            "backfill ohlcv:binance:BTC/USDT:1m --start 2024 --plan",
            "backfill ohlcv:binance:BTC/USDT:1m --start 2024-01-01 --end 2024-02-01",
        ),
        backfill,
    ),
    Command(
        "publish",
        "Seal what is known for good and no version holds yet.",
        "A fetch does this by itself; publish is for stores that others filled. Answers with the newest manifest.",
        (NODE, START, END),
        ("publish ohlcv:binance:BTC/USDT:1m",),
        publish,
    ),
)


def _existing(call: Call) -> Lab:
    """The lab, whose home is there if it was named: there is nothing to look at in another."""
    lab = call.lab()
    home = lab.wiring.home
    if home.why in NAMED and not home.root.is_dir():
        raise ConfigError(
            f"There is no home at {home.root}: {'it is a file' if home.root.exists() else 'no such folder'}.",
            hint=f"Check {home.why}; a fetch makes a new home.",
            home=str(home.root),
        )
    return lab


def _needs_start(start: str | None, end: str | None) -> None:
    if end is not None and start is None:
        raise RequestError(f"--end {end} has no --start.", hint="Give both, or neither for all that is known.", end=end)


# -- set up --------------------------------------------------------------------------------------------------------


def config(call: Call, *, action: str | None, section: str | None, changed: bool) -> Result:
    """Show or check the configuration."""
    from seamless_lab.app import setup_results

    if action == "validate":
        return setup_results.validated(call.place, os.environ)
    return setup_results.shown(call.place, os.environ, section=section or "", changed=changed)


def doctor(call: Call) -> Result:
    """Check this installation."""
    from seamless_lab.app import setup_results

    return setup_results.examined(call.place, os.environ)


def sandbox(  # noqa: PLR0913 - one argument for each option
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
        "validate exits with 0 when a lab would start, 1 when a service does not answer, 2 when something is wrong.",
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
        "Exit code 1 when something does not work.",
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

COMMANDS: tuple[Command, ...] = (FETCH, *LOOK[:2], *ACT, *LOOK[2:], *SET_UP)
"""All commands, in the order in which help lists them."""
