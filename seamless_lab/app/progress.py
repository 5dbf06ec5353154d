"""What a running command is doing, in one line, from its events."""

from __future__ import annotations

from seamless_lab.app.render.view import plural
from seamless_lab.engine.events import Event

_BAR = 20


class Progress:
    """Folds events into a state; `line` says it in words. Knows nothing of screens and clocks."""

    def __init__(self) -> None:
        self.done = 0
        self.blocks = 0
        self.slots = 0
        self.asked_slots = 0
        self.failed = 0
        self.rows = 0
        self.requests = 0
        self.shared = False
        self._under_way = False
        self._doing = ""
        self._retrying = ""

    def note(self, event: Event) -> bool:
        """Take an event in; whether there is something new to say."""
        fields = event.fields
        match event.name:
            case "seamless.fetch.start":
                self._doing = "reading what is known"
            case "seamless.source.retry" if not self._under_way:  # later the bar moves
                self._retrying = f"; {fields.get('source')} gave no usable answer, trying again"
            case "seamless.backfill.plan":
                self.done, self.blocks, self.slots = 0, _count(fields.get("blocks")), _count(fields.get("slots"))
                self.asked_slots += self.slots
                self._doing = ""
            case "seamless.backfill.progress":
                self.done, self.blocks = _count(fields.get("completed")), _count(fields.get("scheduled"))
                self.failed = _count(fields.get("failed"))
                self._under_way = True
            case "seamless.backfill.complete":
                self.rows += _count(fields.get("rows"))
                self.requests += _count(fields.get("requests"))
                self._under_way = True
            case "seamless.backfill.waiting":
                self.shared = True
                self._doing = "another process is filling the same bars; waiting for it"
            case "seamless.artifact.published":
                self._doing = "sealed"
            case _:
                return False
        return True

    @property
    def asked(self) -> bool:
        """Whether an exchange is being asked: what takes long enough to be shown."""
        return self.blocks > 0

    @property
    def ratio(self) -> float:
        """How much of the asking is done."""
        return self.done / self.blocks if self.blocks else 0.0

    def line(self, *, unicode: bool = True) -> str:
        """The state in one line of at most 100 characters."""
        if not self.asked:
            return self._doing or "starting"
        full, empty = ("█", "░") if unicode else ("#", ".")
        filled = int(self.ratio * _BAR)
        failed = f", {plural(self.failed, 'block')} failed" if self.failed else ""
        doing = f"; {self._doing}" if self._doing else "" if self._under_way else self._retrying
        return (
            f"{full * filled}{empty * (_BAR - filled)} {self.ratio:4.0%}  "
            f"{self.done:,} of {plural(self.blocks, 'block')}, {plural(self.rows, 'bar')}{failed}{doing}"
        )

    def plan(self) -> str:
        """What is about to be asked for."""
        return f"asking for {plural(self.slots, 'bar')} in {plural(self.blocks, 'block')}"

    def summary(self) -> str:
        """What was asked, afterwards; empty when nothing was, or the source refused at once."""
        if not self._under_way:
            return ""
        failed = f", {plural(self.failed, 'block')} failed" if self.failed else ""
        received = f"{self.rows:,} received in {plural(self.requests, 'request')}"
        others = "; another process filled some of the rest" if self.shared and self.rows < self.asked_slots else ""
        return f"{plural(self.asked_slots, 'bar')} needed: {received}{failed}{others}"


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
