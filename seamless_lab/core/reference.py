"""References to dataset versions: `NODE@SELECTOR`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seamless_lab.core.identity import NodeId, no_text, parse_node
from seamless_lab.core.time import TimeLike, parse_time_ms
from seamless_lab.errors import InvalidReference, InvalidTime, NotAvailableYet

_FINGERPRINT = re.compile(r"sha256:([0-9a-f]{8,64})")
_ALLOWED = "sha256:<8 or more hex digits>, seq:N, an ISO time, or latest"


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


@dataclass(frozen=True, slots=True)
class Reference:
    """A node, and which of its versions; `selector` is None when none was written."""

    node: NodeId
    selector: Selector | None


def parse_reference(text: str, *, now_ms: int) -> Reference:
    """Read `NODE` or `NODE@SELECTOR`, split at the last `@`.

    Raises
    ------
    InvalidReference, InvalidNode
        With the part that is wrong.
    """
    if not isinstance(text, str):
        raise no_text(text)
    if text.startswith("pin:"):
        raise NotAvailableYet(
            f"{text!r}: named pins are not available yet.", hint="Use NODE@sha256:… as `artifacts` prints it."
        )
    node, at, selector = text.rpartition("@")
    if not at:
        return Reference(parse_node(text), None)
    return Reference(parse_node(node), parse_selector(selector, now_ms=now_ms))


def parse_selector(value: TimeLike, *, now_ms: int) -> Selector:
    """Read what stands behind the `@`, or an `--as-of`."""
    if not isinstance(value, str):
        return AsOf(parse_time_ms(value, now_ms=now_ms))
    text = value.strip()
    if text == "latest":
        return Latest()
    if text == "lock":
        raise NotAvailableYet(
            "@lock: lockfiles are not available yet.", hint="Use NODE@sha256:… as `artifacts` prints it."
        )
    if found := _FINGERPRINT.fullmatch(text):
        return Fingerprint(found[1])
    if text.startswith("seq:") and text[4:].isdigit():
        return Seq(int(text[4:]))
    if text.startswith(("sha256:", "seq:")):
        raise InvalidReference(f"{text!r} selects no version.", hint=f"Write {_ALLOWED}.", value=text)
    try:
        return AsOf(parse_time_ms(text, now_ms=now_ms))
    except InvalidTime as error:
        raise InvalidReference(f"{text!r} selects no version.", hint=f"Write {_ALLOWED}.", value=text) from error
