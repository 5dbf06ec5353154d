"""What updating a lockfile returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamless_lab.app.lock.advice import advice
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.lock.pin_results import pin_dict
from seamless_lab.app.render.view import Badge, Block, Code, Column, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.results.base import Json, Rendered


class Move(StrEnum):
    """What updating does to a pin."""

    SAME = "unchanged"
    MOVED = "changes"
    STUCK = "cannot move"


@dataclass(frozen=True, slots=True)
class PinUpdate:
    """What a pin is and what the newest version of its series makes of it.

    `now` is None when it cannot move, and `said` tells why. `restated`, `added`, `removed`: bars; None when it cannot
    move. `anew`: the command that pins the newest version without comparing, where that is what stops it.
    """

    before: Pin
    now: Pin | None
    restated: int | None = None
    added: int | None = None
    removed: int | None = None
    said: str = ""
    hint: str = ""
    anew: str = ""

    @property
    def move(self) -> Move:
        """What happens."""
        if self.now is None:
            return Move.STUCK
        return Move.SAME if self.now == self.before else Move.MOVED

    def to_dict(self) -> Json:
        """The change as JSON values."""
        return {
            "pin": self.before.name,
            "move": str(self.move),
            "before": pin_dict(self.before),
            "now": None if self.now is None else pin_dict(self.now),
            "restated": self.restated,
            "added": self.added,
            "removed": self.removed,
            "said": self.said or None,
            "hint": self.hint or None,
            "anew": self.anew or None,
        }


@dataclass(frozen=True, slots=True, repr=False)
class LockUpdate(Rendered):
    """What an update changes in the lockfile, or would; `written` says which. `again`: the command that does it."""

    pins: tuple[PinUpdate, ...]
    path: str
    written: bool
    again: str

    @property
    def exit_code(self) -> int:
        """0 unless a pin cannot move."""
        return 1 if any(update.move is Move.STUCK for update in self.pins) else 0

    def view(self) -> View:
        """What is shown, as a value."""
        moved, stuck = ([one for one in self.pins if one.move is move] for move in (Move.MOVED, Move.STUCK))
        columns = (
            Column("pin", code=True),
            Column(""),
            Column("bars"),
            Column("restated", right=True),
            Column("added", right=True),
            Column("removed", right=True),
            Column("content", code=True),
        )
        blocks: list[Block] = [Table(columns, tuple(_update_row(update) for update in self.pins))] if self.pins else []
        for update in stuck:
            blocks += [Note(update.said, Tone.WARN), *advice(update.hint)]
            if update.anew:
                blocks += [Note("To pin the newest version all the same:"), Code((update.anew,), command=True)]
        blocks.append(Facts((Fact("lockfile", self.path, volatile=True),)))
        if moved and not self.written:
            blocks += [Note("Nothing is written yet. To write it:"), Code((self.again,), command=True)]
        if not moved:
            badge = Badge(str(Move.STUCK), Tone.WARN) if stuck else Badge("nothing to update", Tone.PLAIN)
        elif self.written:
            badge = Badge("updated", Tone.GOOD)
        else:
            badge = Badge("would change", Tone.WARN)
        return View("seamless.lock", badge, f"{plural(len(moved or stuck), 'pin')} of {len(self.pins)}", tuple(blocks))

    def to_dict(self) -> Json:
        """The changes as JSON values."""
        return {
            "lockfile": self.path,
            "written": self.written,
            "pins": [update.to_dict() for update in self.pins],
        }


def _update_row(update: PinUpdate) -> tuple[str, ...]:
    before, now = update.before, update.now
    counts = (update.restated, update.added, update.removed)
    known = tuple("" if count is None else f"{count:,}" for count in counts)
    if update.move is not Move.MOVED or now is None:
        return (before.name, str(update.move), f"{before.rows:,}", "", "", "", f"{before.content[:12]}")
    bars = f"{before.rows:,}" if before.rows == now.rows else f"{before.rows:,} → {now.rows:,}"
    return (before.name, str(update.move), bars, *known, f"{before.content[:12]} → {now.content[:12]}")
