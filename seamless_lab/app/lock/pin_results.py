"""What pinning returns: a pin that was made, one that is gone, and the whole lockfile."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.render.view import Badge, Block, Code, Column, Fact, Facts, Note, Table, Tone, View, plural
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import format_time, format_time_ms


def pin_dict(pin: Pin) -> Json:
    """A pin as JSON values."""
    return {
        "name": pin.name,
        "ref": pin.ref,
        "node": str(pin.node),
        **spelling.window(pin.window),
        "content": pin.content,
        "fingerprint": pin.fingerprint,
        "seq": pin.seq,
        "as_of": format_time_ms(pin.as_of_ms),
        "rows": pin.rows,
        "store": pin.store or None,
    }


@dataclass(frozen=True, slots=True, repr=False)
class Pinned(Rendered):
    """A name and the bars that it stands for; `before`: what it stood for before, None when it is new."""

    pin: Pin
    before: Pin | None
    lockfile: str

    @property
    def ref(self) -> str:
        """`pin:NAME`."""
        return self.pin.ref

    @property
    def changed(self) -> bool:
        """Whether the lockfile was written."""
        return self.before != self.pin

    def view(self) -> View:
        """What is shown, as a value."""
        pin, before = self.pin, self.before
        state = "pinned" if before is None else "replaced" if self.changed else "unchanged"
        facts = Facts(
            (
                Fact("series", str(pin.node), code=True),
                Fact("content", f"sha256:{pin.content}", code=True),
                Fact("sealed as", fixed_ref(pin.node, pin.fingerprint), code=True),
                Fact("as of", f"{format_time_ms(pin.as_of_ms)} (seq {pin.seq})", volatile=True),
                Fact("store", pin.store, code=True),
                Fact("lockfile", self.lockfile, volatile=True),
            )
        )
        blocks: list[Block] = [facts]
        if before is not None and self.changed:
            blocks.append(_replaced(before, pin))
        subtitle = f"{pin.window}  {plural(pin.rows, 'bar')}"
        return View(pin.ref, Badge(state, Tone.GOOD), subtitle, tuple(blocks))

    def to_dict(self) -> Json:
        """The pin as JSON values."""
        return {
            "pin": pin_dict(self.pin),
            "before": None if self.before is None else pin_dict(self.before),
            "changed": self.changed,
            "lockfile": self.lockfile,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Unpinned(Rendered):
    """A pin that is no more."""

    pin: Pin
    lockfile: str

    def view(self) -> View:
        """What is shown, as a value."""
        window = f"--start {format_time(self.pin.window.start)} --end {format_time(self.pin.window.end)}"
        store = f" --store {shlex.quote(self.pin.store)}" if self.pin.store else ""
        again = f"seamless pin {self.pin.name} {fixed_ref(self.pin.node, self.pin.fingerprint)} {window}{store}"
        blocks = (
            Note("The sealed bars stay where they are."),
            Facts((Fact("lockfile", self.lockfile, volatile=True),)),
            Code((again,), command=True),
        )
        return View(self.pin.ref, Badge("unpinned"), f"{self.pin.node} {self.pin.window}", blocks)

    def to_dict(self) -> Json:
        """The pin as JSON values."""
        return {"unpinned": pin_dict(self.pin), "lockfile": self.lockfile}


@dataclass(frozen=True, slots=True, repr=False)
class LockShown(Rendered):
    """A lockfile; `lock` is None when there is none."""

    lock: Lockfile | None
    path: str

    @property
    def pins(self) -> dict[str, Pin]:
        """The pins by name."""
        return {} if self.lock is None else dict(sorted(self.lock.pins.items()))

    def view(self) -> View:
        """What is shown, as a value."""
        pins = tuple(self.pins.values())
        if not pins:
            said = "There is no lockfile yet." if self.lock is None else "The lockfile has no pins."
            start = Code(("seamless pin NAME NODE --start T --end T",), command=True)
            return View("seamless.lock", Badge("no pins"), "", (Note(said), start))
        table = Table(
            (
                Column("pin", code=True),
                Column("series", code=True),
                Column("window"),
                Column("bars", right=True),
                Column("content", code=True),
                Column("store", code=True),
            ),
            tuple(
                (pin.name, str(pin.node), str(pin.window), f"{pin.rows:,}", f"sha256:{pin.content[:16]}", pin.store)
                for pin in pins
            ),
        )
        assert self.lock is not None  # there are pins
        facts = Facts(
            (
                Fact("made with", ", ".join(f"{name} {said}" for name, said in sorted(self.lock.engines.items()))),
                Fact("notebooks", ", ".join(sorted(self.lock.notebooks))),
                Fact("lockfile", self.path, volatile=True),
            )
        )
        check = Code(("seamless lock --check",), command=True)
        return View("seamless.lock", Badge(plural(len(pins), "pin")), "", (table, facts, check))

    def to_dict(self) -> Json:
        """The lockfile as JSON values."""
        lock = Lockfile() if self.lock is None else self.lock
        return {
            "lockfile": self.path,
            "exists": self.lock is not None,
            "pins": [pin_dict(pin) for pin in self.pins.values()],
            "engines": dict(sorted(lock.engines.items())),
            "notebooks": {
                path: [
                    {
                        "cell": read.cell,
                        "node": str(read.node),
                        **spelling.window(read.window),
                        "content": read.content,
                        "fingerprint": read.fingerprint,
                    }
                    for read in reads
                ]
                for path, reads in sorted(lock.notebooks.items())
            },
        }


def _replaced(before: Pin, now: Pin) -> Table:
    """What a name stood for, beside what it stands for now; only what differs."""
    rows = (
        ("series", str(before.node), str(now.node)),
        ("window", str(before.window), str(now.window)),
        ("bars", f"{before.rows:,}", f"{now.rows:,}"),
        ("content", f"sha256:{before.content[:16]}", f"sha256:{now.content[:16]}"),
        ("store", before.store or "the home's", now.store or "the home's"),
    )
    columns = (Column(""), Column("before", code=True), Column("now", code=True))
    return Table(columns, tuple(row for row in rows if row[1] != row[2]))
