"""Words and numbers that several views share."""

from __future__ import annotations

from seamless_lab.app.render.view import Badge, Tone, percent, plural
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.time import TimeRange, format_time

TABLE_ROWS = 40
"""So many rows of a table are shown."""

NOT_IN_VERSION = "not in this version"
"""All that a sealed version says of a slot without an answer."""


def timings(timings_ms: dict[str, float]) -> str:
    """Milliseconds by phase on one line, the total last."""
    phases = [(name, spent) for name, spent in timings_ms.items() if name != "total"]
    total = [("total", timings_ms["total"])] if "total" in timings_ms else []
    return " · ".join(f"{name} {milliseconds(spent)}" for name, spent in phases + total)


def duration(seconds: float) -> str:
    """`0.4 s`, `90 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """`1.2 kB`, `3.4 MB`."""
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def milliseconds(value: float | None) -> str:
    """`0.4 ms`, `120 ms`, `12.3 s`; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.1f} ms" if value < 10 else f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def day(moment: int | None) -> str:
    """A moment, without its time when that is midnight; empty for none."""
    return "" if moment is None else format_time(moment).removesuffix("T00:00Z")


def backfill_command(node: str, window: TimeRange) -> str:
    """The command that fills a window."""
    return f"seamless backfill {node} --start {format_time(window.start)} --end {format_time(window.end)}"


def state(found: Coverage) -> Badge:
    """Whether a coverage is complete, and how much of it is open."""
    if found.slots(Cause.PENDING) == found.total:
        return Badge("nothing final yet", Tone.WARN)
    if found.complete:
        return Badge("complete", Tone.GOOD)
    open_slots = found.slots(Cause.MISSING) + found.slots(Cause.FAILED)
    return Badge(f"{plural(open_slots, 'bar')} open, {percent(found.ratio)} answered", Tone.WARN)
