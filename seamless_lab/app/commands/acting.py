"""Commands that fill and seal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.app.commands.parameters import ANY_NODE, END, FROM, NODE, START, existing, needs_start

if TYPE_CHECKING:
    from seamless_lab.app.results import Result


def backfill(call: Call, *, node: str, start: str, end: str | None, plan: bool, refresh: bool) -> Result:
    """Fill, or say what filling would take."""
    act = call.lab().plan if plan else call.lab().backfill
    return act(node, start, end, refresh=refresh, on_event=call.on_event)


def publish(call: Call, *, node: str, start: str | None, end: str | None) -> Result:
    """Seal."""
    needs_start(start, end)
    return existing(call).publish(node, start, end)


def compact(call: Call, *, node: str | None) -> Result:
    """Fold and sweep."""
    return existing(call).compact(node)


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
    Command(
        "compact",
        "Fold finished months into one file each, and delete leftovers.",
        "Days are sealed as they come and folded when the next month begins; this folds the rest, and deletes files of "
        "killed publishers that are older than a day. Changes no bar and no digest.",
        (replace(ANY_NODE, help="Only this series; by default all of the store."),),
        ("compact", "compact ohlcv:binance:BTC/USDT:1m"),
        compact,
    ),
)
