"""Commands that compare versions, look back at what was believed, and roll back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import END, REF, START, existing, needs_start
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.results import Result

ROWS = Parameter("rows", "How many bars or commits to show, also in --json; by default 20.", Kind.COUNT, metavar="N")

STORE = Parameter(
    "store", "Folder of the store to look in, for what is no pin; by default the home's.", Kind.FOLDER, metavar="FOLDER"
)


def diff(
    call: Call,
    *,
    ref: str,
    other: str | None,
    start: str | None,
    end: str | None,
    store: str | None,
    rows: int | None,
) -> Result:
    """What changed."""
    needs_start(start, end)
    lab = existing(call, ref, other) if store is None else call.lab()
    return lab.diff(ref, other, start, end, store=store, **_rows(rows))


def history(call: Call, *, ref: str, at: str | None, end: str | None, store: str | None, rows: int | None) -> Result:
    """What was believed."""
    if end is not None and at is None:
        raise RequestError(f"--end {end} has no --at.", hint="Give both, or neither for all there is.", end=end)
    lab = existing(call, ref) if store is None else call.lab()
    return lab.history(ref, at, end, store=store, **_rows(rows))


def rollback(call: Call, *, ref: str, yes: bool, rows: int | None) -> Result:
    """Say what a rollback would change, or roll back."""
    return existing(call).rollback(ref, write=yes, **_rows(rows))


def _rows(rows: int | None) -> dict[str, int]:
    return {} if rows is None else {"rows": rows}


COMPARE = (
    Command(
        "diff",
        "What changed between two versions, bar by bar; exit code 1 if anything did.",
        "Restated, added and removed bars with their values before and after, and slots that have an answer in one "
        "version only. With one REF: the newest version against the one it names, or, where that is the newest itself, "
        "against the one before. A pin is compared in its window. Only what differs is read.",
        (
            REF,
            replace(REF, name="other", required=False, metavar="REF", help="The later one; by default the newest."),
            START,
            END,
            STORE,
            ROWS,
        ),
        (
            "diff ohlcv:binance:BTC/USDT:1m",
            "diff ohlcv:binance:BTC/USDT:1m@seq:3 ohlcv:binance:BTC/USDT:1m@seq:7 --start 2024-03",
            "diff pin:btc",
        ),
        diff,
    ),
    Command(
        "history",
        "What was believed about a bar, or a window, over time.",
        "A moment is the bar that holds it: every value it ever had, since when, and when the exchange had said so. A "
        "day, a month, or a moment with --end, is a window: every commit that changed something in it. Without --at "
        "all there is.",
        (
            replace(REF, help="NODE, or a pin of it."),
            Parameter("at", "A moment of the bar wanted, or a day, week, month or year.", Kind.TIME, metavar="T"),
            END,
            STORE,
            ROWS,
        ),
        (
            "history ohlcv:binance:BTC/USDT:1m --at 2024-03-05T14:30",
            "history ohlcv:binance:BTC/USDT:1m --at 2024-03",
        ),
        history,
    ),
    Command(
        "rollback",
        "Make an older version the newest again, as a new version; writes nothing without --yes.",
        "Says what it changes. What was observed before, also by other processes, does not undo it; what is observed "
        "later does. No version is lost: a rollback can be rolled back.",
        (
            replace(REF, help="NODE@SELECTOR: which version."),
            Parameter("yes", "Do it.", Kind.FLAG),
            ROWS,
        ),
        ("rollback ohlcv:binance:BTC/USDT:1m@seq:3", "rollback ohlcv:binance:BTC/USDT:1m@seq:3 --yes"),
        rollback,
    ),
)
