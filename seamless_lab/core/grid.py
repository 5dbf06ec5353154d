"""The grid of a series: where its bars open, and which calendar cells its slots fall into."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seamless_lab.core.numbers import seen
from seamless_lab.core.time import SECONDS, TimeRange
from seamless_lab.errors import InvalidNode

DAY, WEEK = SECONDS["d"], SECONDS["w"]
MONDAY_S = 4 * DAY  # 1970-01-05, the first Monday of the epoch

# Where weekly bars open, by exchange, in seconds after the epoch, which began on a Thursday. Others open on Monday.
# Kraken's REST documentation ("Get OHLC Data") counts intervals from the epoch, so 10080 minutes open on Thursday.
WEEK_ANCHOR_S = {"kraken": 0, "krakenfutures": 0}

_TIMEFRAME = re.compile(r"([1-9][0-9]{0,8})([smhdwMy])")


@dataclass(frozen=True, slots=True)
class Grid:
    """Bars open at `anchor_s + k * step_s` and last `step_s` seconds; all values in epoch seconds.

    A *slot* is one such bar's place, named by its open time.
    """

    step_s: int
    anchor_s: int = 0

    def __post_init__(self) -> None:
        if self.step_s <= 0 or not 0 <= self.anchor_s < self.step_s:
            raise ValueError(
                f"a grid needs step_s > 0 and 0 <= anchor_s < step_s, not {self.step_s} and {self.anchor_s}"
            )

    def floor(self, seconds: int) -> int:
        """Open time of the slot that holds `seconds`."""
        return seconds - (seconds - self.anchor_s) % self.step_s

    def ceil(self, seconds: int) -> int:
        """First open time at or after `seconds`."""
        return seconds + (self.anchor_s - seconds) % self.step_s

    def snap_outward(self, window: TimeRange) -> TimeRange:
        """The smallest window of whole slots that holds `window`."""
        return TimeRange(self.floor(window.start), self.ceil(window.end))

    def slots(self, window: TimeRange) -> int:
        """How many slots open inside `window`."""
        return max(0, (self.ceil(window.end) - self.ceil(window.start)) // self.step_s)


def parse_timeframe(text: str) -> int:
    """Length in seconds of `1s`, `1m`, `4h`, `1d` or `1w`.

    Raises
    ------
    InvalidNode
        For calendar months and years, which have no fixed length, and for anything unreadable.
    """
    found = _TIMEFRAME.fullmatch(text)
    if found is None:
        raise InvalidNode(
            f"{seen(text)} is no timeframe; write a number and s, m, h, d or w, such as 1m, 4h or 1d.",
            hint=_month_hint(text),
            value=text,
        )
    if found[2] in "My":
        raise InvalidNode(
            f"The timeframe {text!r} has no fixed length: calendar months and years are not supported.",
            hint="Fetch 1d bars and group them by month.",
            value=text,
        )
    return int(found[1]) * SECONDS[found[2]]


def grid_of(exchange: str, timeframe: str, *, anchor_s: int | None = None) -> Grid:
    """The grid of one exchange's timeframe; `anchor_s` declares where bars open when no table can know.

    Raises
    ------
    InvalidNode
        For a timeframe that divides neither a day nor a week and comes without a declared anchor.
    """
    step = parse_timeframe(timeframe)
    if anchor_s is not None:
        return Grid(step, anchor_s % step)
    if DAY % step == 0:
        return Grid(step)
    if WEEK % step == 0:
        return Grid(step, WEEK_ANCHOR_S.get(exchange, MONDAY_S) % step)
    raise InvalidNode(
        f"Bars of {timeframe!r} divide neither a day nor a week, so where they open is unknown for {exchange!r}.",
        hint=f"Declare it: exchanges.{exchange}.anchors.{timeframe}: <epoch seconds of one open>.",
        exchange=exchange,
        timeframe=timeframe,
    )


def _month_hint(text: str) -> str:
    return f"Did you mean {text.lower()!r}?" if _TIMEFRAME.fullmatch(text.lower()) else ""
