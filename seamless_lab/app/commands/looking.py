"""Commands that look at what is known and what is sealed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import ANY_NODE, END, REF, START, WINDOW, existing, needs_start
from seamless_lab.errors import NotFound, RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from seamless_lab.app.results import Result


def coverage(call: Call, *, ref: str, start: str | None, end: str | None) -> Result:
    """What is known about a window."""
    needs_start(start, end)
    return existing(call, ref).coverage(ref, start, end)


def gaps(call: Call, *, ref: str, start: str | None, end: str | None) -> Result:
    """What is open, why, and how to repair it."""
    needs_start(start, end)
    return existing(call, ref).gaps(ref, start, end)


def artifacts(call: Call, *, node: str | None) -> Result:
    """Sealed datasets, or one's versions."""
    return existing(call).artifacts(node)


def manifest(call: Call, *, ref: str) -> Result:
    """One version's manifest."""
    return existing(call, ref).manifest(ref)


def verify(call: Call, *, ref: str | None, run: bool, notebook: str | None) -> Result:
    """Rehash, or reproduce a receipt."""
    if ref is not None and ref.endswith(".ipynb"):
        raise RequestError(
            f"verify takes a reference or a receipt, and {ref} is a notebook.",
            hint=f"Check what it reads: seamless lock --check {ref}. Or write its receipt, which verify takes: "
            f"seamless receipt {ref} --out FILE.json",
        )
    if ref is not None and ref.endswith(".txt"):
        raise RequestError(
            f"verify takes a receipt as JSON, and {ref} is text.",
            hint="Write the receipt as FILE.json too: seamless receipt … --out FILE.json",
        )
    lab = existing(call, ref)
    if ref is not None and ref.endswith(".json"):

        def told(place: Path) -> None:
            call.tell(f"running {place} in a fresh kernel")

        return lab.verify_receipt(ref, run=run, notebook=notebook, on_run=told)
    if run or notebook is not None:
        raise RequestError(
            f"{'--run' if run else '--notebook'} is for receipts.", hint="Name one: seamless verify RECEIPT.json --run"
        )
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
    return existing(call).sla(node, since=since)


LOOKED_AT = replace(REF, help="The series, a reference NODE@SELECTOR to a sealed version, or pin:NAME.")
OF_VERSION = "Of a sealed version it is what that one holds; a pin shows nothing outside its window."

LOOK = (
    Command(
        "coverage",
        "What is known about a window, by cause; asks no exchange.",
        f"Every slot is present, quiet (proved to have no bar), missing, failed or pending. {WINDOW} {OF_VERSION}",
        (LOOKED_AT, START, END),
        (
            "coverage ohlcv:binance:BTC/USDT:1m --start 2024-01",
            "coverage ohlcv:binance:BTC/USDT:1m",
            "coverage pin:btc",
        ),
        coverage,
    ),
    Command(
        "gaps",
        "Stretches without a bar, with cause, evidence and repair; exit code 1 if any is open.",
        f"Quiet and pending stretches are listed after those that can be repaired. {WINDOW} {OF_VERSION}",
        (LOOKED_AT, START, END),
        ("gaps ohlcv:binance:BTC/USDT:1m --start 2024-01", "gaps pin:btc"),
        gaps,
    ),
)

LOOK_BACK = (
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
        (REF,),
        ("manifest ohlcv:binance:BTC/USDT:1m --json",),
        manifest,
    ),
    Command(
        "verify",
        "Rehash sealed data, or reproduce a receipt; exit code 1 if anything is damaged or differs.",
        "One version, all versions of a node, or the whole store, with the cached files that reads are answered from. "
        "Of a receipt: reads its inputs again, makes again what can be made from it, compares the code of its "
        "notebook; exit code 3 if something cannot be verified.",
        (
            replace(REF, required=False, help="NODE, NODE@SELECTOR, pin:NAME or RECEIPT.json.", endings=(".json",)),
            Parameter("run", "Of a receipt: run its notebook too, in a fresh kernel.", Kind.FLAG),
            Parameter(
                "notebook",
                "Of a receipt: where its notebook is; --run needs it for one outside its folder and the project.",
                Kind.FILE,
                metavar="FILE",
                endings=(".ipynb",),
            ),
        ),
        ("verify", "verify ohlcv:binance:BTC/USDT:1m@latest", "verify crossover.receipt.json --run"),
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
