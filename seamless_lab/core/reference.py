"""References to dataset versions: `NODE@SELECTOR`, and `pin:NAME`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seamless_lab.core.identity import NodeId, no_text, parse_node
from seamless_lab.core.numbers import as_written, seen
from seamless_lab.core.time import TimeLike, parse_time_ms
from seamless_lab.errors import InvalidReference, InvalidTime

_FINGERPRINT = re.compile(r"sha256:([0-9a-f]{8,64})")
_ALLOWED = "sha256:<8 or more hex digits>, seq:N, an ISO time, latest, or lock"
_SEQ = re.compile(r"seq:([0-9]{1,18})")  # int() reads more digits than these, and refuses others in words of its own
_PIN = "pin:"
_PIN_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")

LONGEST_PIN_NAME = 64


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest commit."""

    def __str__(self) -> str:
        return "latest"


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest commit at a knowledge time, epoch milliseconds."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Seq:
    """One commit by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The newest commit whose fingerprint starts with `prefix`, lower-case hex."""

    prefix: str


Selector = Latest | AsOf | Seq | Fingerprint
"""What a store can resolve by itself."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The version that the lockfile pins for the node."""

    def __str__(self) -> str:
        return "lock"


@dataclass(frozen=True, slots=True)
class Reference:
    """A node, and which of its versions; `selector` is None when none was written."""

    node: NodeId
    selector: Selector | Locked | None


@dataclass(frozen=True, slots=True)
class PinName:
    """A pin of the lockfile, which says its node, its version and its window."""

    name: str

    def __str__(self) -> str:
        return f"{_PIN}{self.name}"


def fixed_ref(node: NodeId, fingerprint: str) -> str:
    """A reference that names one version for good."""
    return f"{node}@sha256:{fingerprint[:16]}"


def parse_reference(text: str, *, now_ms: int) -> Reference | PinName:
    """Read `NODE`, `NODE@SELECTOR` (split at the last `@`) or `pin:NAME`.

    Raises
    ------
    InvalidReference, InvalidNode
        With the part that is wrong.
    """
    if not isinstance(text, str):
        raise no_text(text)
    if text.strip().startswith(_PIN):
        return PinName(parse_pin_name(text.strip().removeprefix(_PIN)))
    node, at, selector = text.rpartition("@")
    if not at:
        return Reference(parse_node(text), None)
    return Reference(parse_node(node), parse_selector(selector, now_ms=now_ms))


def parse_pin_name(text: object) -> str:
    """The name of a pin, as `pin:` is followed by it and as a lockfile has it.

    Raises
    ------
    InvalidReference
        If it has other characters than lower-case letters, digits, `_`, `.` and `-`, or starts with one of the last
        three.
    """
    if not isinstance(text, str) or not _PIN_NAME.fullmatch(text) or len(text) > LONGEST_PIN_NAME:
        raise InvalidReference(
            f"{seen(text)} is no name of a pin.",
            hint=f"Write up to {LONGEST_PIN_NAME} lower-case letters, digits, _, . and -, first a letter or a digit.",
            value=as_written(text),
        )
    return text


def named_pin(text: object) -> str:
    """The name that `NAME` or `pin:NAME` gives, where only a pin can be meant. Raises as `parse_pin_name`."""
    return parse_pin_name(text.removeprefix(_PIN) if isinstance(text, str) else text)


def parse_selector(value: TimeLike, *, now_ms: int) -> Selector | Locked:
    """Read what stands behind the `@`, or an `--as-of`."""
    if not isinstance(value, str):
        return AsOf(parse_time_ms(value, now_ms=now_ms))
    text = value.strip()
    if text == "latest":
        return Latest()
    if text == "lock":
        return Locked()
    if found := _FINGERPRINT.fullmatch(text):
        return Fingerprint(found[1])
    if found := _SEQ.fullmatch(text):
        return Seq(int(found[1]))
    if text.startswith(("sha256:", "seq:")):
        raise InvalidReference(f"{seen(text)} selects no version.", hint=f"Write {_ALLOWED}.", value=text)
    try:
        return AsOf(parse_time_ms(text, now_ms=now_ms))
    except InvalidTime as error:
        raise InvalidReference(f"{seen(text)} selects no version.", hint=f"Write {_ALLOWED}.", value=text) from error
