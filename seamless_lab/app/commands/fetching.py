"""The command that fetches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import END, NODE, START, TABLES
from seamless_lab.core.policy import Domain, Strategy

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def _sla_presets() -> Iterable[str]:
    from seamless_lab.app.config.resolve import preset_names

    return preset_names()["sla"]


def fetch(  # noqa: PLR0913  # one argument for each option
    call: Call,
    *,
    node: str,
    start: str | None,
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
    "digests. NODE may be a reference NODE@sha256:…, NODE@seq:N or NODE@TIME to a sealed version, or pin:NAME, which "
    "has a window of its own; the domains backtest and research read nothing else.",
    (
        replace(NODE, kind=Kind.REF, help="The series, a reference NODE@SELECTOR to a sealed version, or pin:NAME."),
        START,
        END,
        Parameter("as_of", "Read what was known then: a time, seq:N, sha256:… or lock.", Kind.TIME, metavar="T"),
        Parameter("domain", "What the data are for.", Kind.WORD, words=lambda: map(str, Domain)),
        Parameter("strategy", "What to do about gaps.", Kind.WORD, words=lambda: map(str, Strategy)),
        Parameter("sla", "Budgets, by the name of a preset.", metavar="PRESET", words=_sla_presets),
        Parameter("world", "World whose as-of may only advance.", metavar="ID"),
        Parameter("max_lag", "How old the newest bar may be (live domain): 90s, 5m.", Kind.DURATION),
        Parameter("min_coverage", "Smallest acceptable coverage: 0.98 or 98%.", Kind.RATIO),
        Parameter(
            "out",
            "Write the bars to FILE.parquet or FILE.csv, unless the answer is refused.",
            Kind.FILE,
            short="o",
            endings=TABLES,
        ),
        Parameter("force", "Let --out replace a file with other content.", Kind.FLAG),
    ),
    (
        "fetch ohlcv:binance:BTC/USDT:1m --start 2024-01-01 --end 2024-02-01",
        "fetch ohlcv:binance:BTC/USDT:1h --start 2024-03 --json",
        "fetch ohlcv:binance:ETH/USDT:1m --start -7d --end now --domain live --max-lag 3m",
        "fetch ohlcv:binance:BTC/USDT:1m@latest --start 2024-01 --out january.parquet",
        "fetch pin:btc",
    ),
    fetch,
)
