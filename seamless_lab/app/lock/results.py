"""What checking a lockfile returns."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from seamless_lab.app.lock.advice import advice
from seamless_lab.app.lock.changes import Changed
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.render.view import Badge, Block, Code, Column, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.core.time import TimeRange, format_time

FINDINGS_SHOWN = 10
NOTEBOOKS_NAMED = 8


class Checked(StrEnum):
    """What is known of a pin after checking it."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    UNVERIFIED = "cannot verify"


EXIT_CODES = {Checked.VERIFIED: 0, Checked.DIFFERS: 1, Checked.UNVERIFIED: 3}
_TONES = {Checked.VERIFIED: Tone.GOOD, Checked.DIFFERS: Tone.BAD, Checked.UNVERIFIED: Tone.WARN}
_WORST = (Checked.DIFFERS, Checked.UNVERIFIED, Checked.VERIFIED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as pinned.

    `what`: `bars`, `content`, `rows`, `file`, `version` or `store`; `said`: a sentence; `where`: the stretch of time it
    is about, in words; `path`: the file; `expected`, `found`: digests or values. Empty where there are none.
    """

    what: str
    said: str
    where: str = ""
    expected: str = ""
    found: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class PinCheck:
    """What checking one pin found.

    `changes`: the first values that differ, where both sides could be read; `commands`: what `hint` tells to run.
    """

    pin: Pin
    state: Checked
    findings: tuple[Finding, ...] = ()
    hint: str = ""
    notes: tuple[str, ...] = ()
    changes: tuple[Changed, ...] = ()
    commands: tuple[str, ...] = ()

    def to_dict(self) -> Json:
        """The outcome as JSON values."""
        return {
            "pin": self.pin.name,
            "node": str(self.pin.node),
            **spelling.window(self.pin.window),
            "content": self.pin.content,
            "state": str(self.state),
            "findings": [
                {
                    "what": finding.what,
                    "said": finding.said,
                    "where": finding.where or None,
                    "path": finding.path or None,
                    "expected": finding.expected or None,
                    "found": finding.found or None,
                }
                for finding in self.findings
            ],
            "changes": [
                {"time": spelling.moments([one.ts])[0], "column": one.column, "pinned": one.pinned, "now": one.now}
                for one in self.changes
            ],
            "hint": self.hint or None,
            "commands": list(self.commands),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, repr=False)
class LockCheck(Rendered):
    """What checking a lockfile found.

    `notes`: what is no failure. `rebuilt`: whether the bars came from the exchanges again, instead of from the stores.
    `notebooks`: files of the sealed ones that the lockfile lists, as from the working directory, where all pins were
    checked: what their cells read is another question, which was not asked.
    """

    pins: tuple[PinCheck, ...]
    notes: tuple[str, ...]
    path: str
    rebuilt: bool = False
    notebooks: tuple[str, ...] = ()

    @property
    def state(self) -> Checked:
        """The state of the whole: one pin that differs outweighs those that cannot be verified."""
        states = {check.state for check in self.pins}
        return next((state for state in _WORST if state in states), Checked.VERIFIED)

    @property
    def exit_code(self) -> int:
        """0 when all is verified, 1 when something differs, 3 when something cannot be verified."""
        return EXIT_CODES[self.state]

    def view(self) -> View:
        """What is shown, as a value."""
        if not self.pins:
            return View("seamless.lock", Badge("no pins"), "", (Note("There is nothing to check."), *self._places()))
        rows = tuple(
            (check.pin.name, str(check.state), f"{check.pin.rows:,}", str(check.pin.node), str(check.pin.window))
            for check in self.pins
        )
        columns = (Column("pin", code=True), Column(""), Column("bars", right=True), Column("series", code=True))
        blocks: list[Block] = [Table((*columns, Column("window")), rows)]
        for check in self.pins:
            blocks += _explained(check)
        blocks += [Note(note) for note in self.notes]
        blocks += self._places()
        how = "fetched again from the exchanges" if self.rebuilt else "read and hashed again"
        good = [check.pin.rows for check in self.pins if check.state is Checked.VERIFIED]
        subtitle = f"{plural(len(good), 'pin')}, {plural(sum(good), 'bar')} {how}"
        if len(good) < len(self.pins):
            subtitle = f"{len(good)} of {plural(len(self.pins), 'pin')} verified"
        return View("seamless.lock", Badge(str(self.state), _TONES[self.state]), subtitle, tuple(blocks))

    def _places(self) -> tuple[Facts, ...]:
        """The lockfile, and how to check what it says beside pins."""
        facts = [Fact("lockfile", self.path, volatile=True)] if self.pins else []
        if self.notebooks:
            named = shlex.join(self.notebooks) if len(self.notebooks) <= NOTEBOOKS_NAMED else "NOTEBOOK.ipynb"
            said = f"{plural(len(self.notebooks), 'sealed notebook')}: seamless lock --check {named}"
            facts.append(Fact("not checked", said, volatile=True, code=True))
        return (Facts(tuple(facts)),) if facts else ()

    def to_dict(self) -> Json:
        """The outcome as JSON values."""
        return {
            "lockfile": self.path,
            "state": str(self.state),
            "rebuilt": self.rebuilt,
            "notebooks_not_checked": list(self.notebooks),
            "pins": [check.to_dict() for check in self.pins],
            "notes": list(self.notes),
        }


def slots_text(slots: TimeRange) -> str:
    """A cell of the calendar in its shortest form: `2024-06-03`, `2024-06`, `2024`; else its first and last moment."""
    start, end = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (slots.start, slots.end))
    if start.hour or start.minute or end.hour or end.minute:
        return f"{format_time(slots.start)} to {format_time(slots.end)}"
    if slots.seconds == 86_400:
        return start.strftime("%Y-%m-%d")
    if start.day == end.day == 1 and (start + dt.timedelta(days=32)).replace(day=1) == end:
        return start.strftime("%Y-%m")
    if (start.month, start.day, end.month, end.day) == (1, 1, 1, 1) and end.year == start.year + 1:
        return start.strftime("%Y")
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"


def _explained(check: PinCheck) -> Sequence[Block]:
    tone, shown = _TONES[check.state], check.findings[:FINDINGS_SHOWN]
    blocks: list[Block] = [Note(check.pin.said(finding.said), tone) for finding in shown]
    files = tuple(dict.fromkeys(finding.path for finding in shown if finding.path))
    if files:
        blocks.append(Code(files, volatile=True))
    if (more := len(check.findings) - FINDINGS_SHOWN) > 0:
        blocks.append(Note(f"… and {more} more, which --json lists."))
    if check.changes:
        columns = (Column("bar"), Column("value"), Column("pinned", right=True), Column("now", right=True))
        rows = tuple((format_time(one.ts), one.column, _value(one.pinned), _value(one.now)) for one in check.changes)
        blocks.append(Table(columns, rows))
    if check.hint:
        blocks += advice(check.hint)
    if check.commands:
        blocks.append(Code(check.commands))
    return [*blocks, *(Note(f"{check.pin.ref}: {note}") for note in check.notes)]


def _value(value: float | None) -> str:
    return "no bar" if value is None else f"{value!r}"
