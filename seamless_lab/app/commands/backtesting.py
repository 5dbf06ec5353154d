"""The command that tests a strategy on sealed bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import END, START, TABLES, existing, needs_start
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def backtest(  # noqa: PLR0913  # one argument for each option
    call: Call,
    *,
    strategy: str,
    refs: tuple[str, ...],
    start: str | None,
    end: str | None,
    fee_bps: str | None,
    slippage_bps: str | None,
    allow_gaps: bool,
    out: str | None,
    force: bool,
) -> Result:
    """Run it, and write the equity to a file where asked to."""
    from seamless_lab.app.backtest.files import csv_bytes, parquet_bytes
    from seamless_lab.app.backtest.recipes import said_of, strategy_named
    from seamless_lab.app.export import file_writer

    needs_start(start, end)
    if not refs:
        raise RequestError(
            "backtest needs at least one reference to sealed bars.",
            hint=f"seamless backtest {strategy} pin:NAME",
        )
    forms = {".parquet": parquet_bytes, ".csv": csv_bytes}
    write = None if out is None else file_writer(out, forms, force=force, noun="equity")
    lab, chosen = existing(call, *refs), strategy_named(strategy)
    try:
        result = lab.backtest(
            chosen,
            pins=refs,
            start=start,
            end=end,
            fee_bps=_number(fee_bps, "--fee-bps"),
            slippage_bps=_number(slippage_bps, "--slippage-bps"),
            allow_gaps=allow_gaps,
        )
    except Exception as error:  # a mistake in the strategy is its author's, and no defect of ours
        said = said_of(error)
        if said is None:
            raise
        raise said from error
    if write is not None:
        write(result)
    return result


def _number(text: str | None, option: str) -> float:
    try:
        return 0.0 if text is None else float(text)
    except ValueError as error:
        raise RequestError(f"{option} {text} is no number.", hint=f"{option} 10 means 0.1 %.", value=text) from error


BACKTEST = Command(
    "backtest",
    "What a strategy would have done with sealed bars: return, risk, trades, and a digest of all of it.",
    "STRATEGY is crossover:FAST:SLOW (moving averages, compared exactly; with :short it also sells short), "
    "FILE.py:FUNCTION (a function of a polars frame that returns positions), or FILE.sql. Signals of a bar are "
    "executed at the open of the next one. Reads pins and references to versions only; what looks ahead is refused. "
    "The same bars and the same code give the same digest.",
    (
        Parameter("strategy", "crossover:FAST:SLOW, FILE.py:FUNCTION or FILE.sql.", positional=True, required=True,
                  metavar="STRATEGY", endings=(".py", ".sql")),
        Parameter("refs", "Sealed bars: pin:NAME or NODE@SELECTOR.", Kind.REF, positional=True, repeated=True,
                  metavar="REF"),
        START,
        END,
        Parameter("fee_bps", "Fee in basis points of the traded value; 10 is 0.1 %.", metavar="BPS"),
        Parameter("slippage_bps", "How much worse than the open a fill's price is.", metavar="BPS"),
        Parameter("allow_gaps", "Accept slots without an answer.", Kind.FLAG),
        Parameter("out", "Write the equity of every bar to FILE.parquet or FILE.csv.", Kind.FILE, short="o",
                  metavar="FILE", endings=TABLES),
        Parameter("force", "Let --out replace a file with other content.", Kind.FLAG),
    ),
    (
        "backtest crossover:20:100 pin:btc pin:eth --fee-bps 10 --slippage-bps 5",
        "backtest strategies.py:momentum pin:btc --start 2024-01 --end 2024-07 --json",
    ),
    backtest,
)  # fmt: skip
