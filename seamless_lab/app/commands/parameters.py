"""What several commands take, and what they ask of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Kind, Parameter
from seamless_lab.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab

NODE = Parameter(
    "node", "The series: ohlcv:EXCHANGE:SYMBOL:TIMEFRAME.", Kind.NODE, positional=True, required=True, metavar="NODE"
)
ANY_NODE = replace(NODE, required=False)
REF = replace(NODE, name="ref", kind=Kind.REF, metavar="REF", help="NODE or NODE@SELECTOR.")
START = Parameter(
    "start", "First moment wanted: an ISO time (naive is UTC), 2024-03, epoch seconds, now or -7d.", Kind.TIME,
    metavar="T",
)  # fmt: skip
END = Parameter(
    "end", "First moment not wanted; may be left out when --start is a day, week, month or year.", Kind.TIME,
    metavar="T",
)  # fmt: skip
TABLES = (".parquet", ".csv")
FROM = replace(START, required=True)
WINDOW = "Without a window: from the first to the last slot that is known."
NAMED = ("--home", "SEAMLESS_HOME")
"""The rules of `find_home` by which somebody meant one home and no other."""


def existing(call: Call, *refs: str | None) -> Lab:
    """The lab of a command that only looks; a home that somebody named has to be there.

    Unless one of `refs` is a pin: the lockfile says where its bars are, which need not be in the home.
    """
    lab = call.lab()
    home = lab.wiring.home
    pinned = any(ref is not None and (ref.startswith("pin:") or ref.endswith("@lock")) for ref in refs)
    if home.why in NAMED and not pinned and not home.root.is_dir():
        raise ConfigError(
            f"There is no home at {home.root}: {'it is a file' if home.root.exists() else 'no such folder'}.",
            hint=f"Check {home.why}; a fetch makes a new home.",
            home=str(home.root),
        )
    return lab


def needs_start(start: str | None, end: str | None) -> None:
    """Refuse an end without a start."""
    if end is not None and start is None:
        raise RequestError(f"--end {end} has no --start.", hint="Give both, or neither for all that is known.", end=end)
