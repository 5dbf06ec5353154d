"""The lockfile as a value, and as TOML: one text for one value, so that a diff shows what changed and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange

VERSION = 1
HEADING = (
    "# What this project's results were computed from. Written by `seamless pin`; `seamless lock --check` checks it."
)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Pin:
    """Bars that a name stands for: those of a node in a window, by the digest of exactly these.

    `content` decides. `fingerprint`, `seq` and `as_of_ms` say in which version of which history they were when they
    were pinned, `rows` how many bars they are. `store`: folder of the store they are read from, relative to the
    lockfile; empty for the store of the home.
    """

    name: str
    node: NodeId
    window: TimeRange
    content: str
    fingerprint: str
    seq: int
    as_of_ms: int
    rows: int
    store: str = ""

    @property
    def ref(self) -> str:
        """How the pin is written where a reference is wanted."""
        return f"pin:{self.name}"

    def said(self, sentence: str) -> str:
        """A sentence about the pin, which names it once."""
        return sentence if sentence.startswith((f"{self.ref} ", f"{self.ref}: ")) else f"{self.ref}: {sentence}"


@dataclass(frozen=True, slots=True)
class NotebookRead:
    """A sealed read that a notebook's cell made when the notebook was sealed; `ref` as it is written there."""

    cell: str
    ref: str
    node: NodeId
    window: TimeRange
    content: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Lockfile:
    """Pins by name; versions of the engines they were made with, by name; reads by notebook (path beside the file)."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    notebooks: Mapping[str, tuple[NotebookRead, ...]] = field(default_factory=dict)

    def of_node(self, node: NodeId) -> list[Pin]:
        """The pins of a node, by name."""
        return [pin for _, pin in sorted(self.pins.items()) if pin.node == node]

    def with_pins(self, pins: Iterable[Pin], engines: Mapping[str, str]) -> Lockfile:
        """The lock with some pins added or replaced; engines that are not installed here keep what is written."""
        return replace(self, pins={**self.pins, **{p.name: p for p in pins}}, engines={**self.engines, **engines})

    def without(self, name: str) -> Lockfile:
        """The lock without one pin."""
        return replace(self, pins={key: pin for key, pin in self.pins.items() if key != name})

    def with_notebook(self, path: str, reads: tuple[NotebookRead, ...]) -> Lockfile:
        """The lock with the reads of one notebook; none of them takes the notebook out."""
        others = {key: kept for key, kept in self.notebooks.items() if key != path}
        return replace(self, notebooks={**others, **({path: reads} if reads else {})})


def render(lock: Lockfile) -> str:
    """The canonical text: sorted, one fact a line. `reading.parse` is its inverse."""
    blocks = [f"{HEADING}\nversion = {VERSION}\n"]
    if lock.engines:
        blocks.append(_table("[engine]", sorted(lock.engines.items())))
    blocks += [_table(f"[pin.{key_text(name)}]", _pin_facts(pin)) for name, pin in sorted(lock.pins.items())]
    for path, reads in sorted(lock.notebooks.items()):
        blocks += [_table(f"[[notebook.{key_text(path)}]]", _read_facts(read)) for read in reads]
    return "\n".join(blocks)


def _pin_facts(pin: Pin) -> list[tuple[str, object]]:
    store: list[tuple[str, object]] = [("store", pin.store)] if pin.store else []
    return [
        ("node", str(pin.node)),
        ("start", _moment(pin.window.start * 1000)),
        ("end", _moment(pin.window.end * 1000)),
        ("content", f"sha256:{pin.content}"),
        ("fingerprint", f"sha256:{pin.fingerprint}"),
        ("seq", pin.seq),
        ("as_of", _moment(pin.as_of_ms)),
        ("rows", pin.rows),
        *store,
    ]


def _read_facts(read: NotebookRead) -> list[tuple[str, object]]:
    return [
        ("cell", read.cell),
        ("ref", read.ref),
        ("node", str(read.node)),
        ("start", _moment(read.window.start * 1000)),
        ("end", _moment(read.window.end * 1000)),
        ("content", f"sha256:{read.content}"),
        ("fingerprint", f"sha256:{read.fingerprint}"),
    ]


def _table(head: str, facts: Iterable[tuple[str, object]]) -> str:
    return "".join(f"{line}\n" for line in (head, *(f"{key_text(name)} = {_value(value)}" for name, value in facts)))


def key_text(name: str) -> str:
    """A key as TOML: bare where it may be."""
    return name if _BARE_KEY.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    match value:
        case dt.datetime():
            text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
            return text.replace("+00:00", "Z")
        case int():
            return str(value)
    # JSON's strings are TOML's, but for this one character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _moment(at_ms: int) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=at_ms)
