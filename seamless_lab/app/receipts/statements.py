"""What a receipt says of its inputs beside their bars: references, numbers of versions, moments and names of pins.

Content alone decides whether bars are the same: they may be another version of another store, and a pin may have moved.
So what disagrees with the store or the lockfile is a note. What no lab ever writes stands against the receipt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.lock.pins import Pins
from seamless_lab.app.notebooks.show import DIGITS
from seamless_lab.app.reads import HOME, ReadRecord
from seamless_lab.app.receipts.receipt import Input, Receipt
from seamless_lab.app.result_records import ResultRecord
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import AsOf, Fingerprint, Locked, PinName, Seq, fixed_ref, parse_reference
from seamless_lab.core.time import LATEST_S, format_time_ms
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import NotFound, RequestError, SeamlessError

_LATER_MS = (LATEST_S - 1) * 1_000
"""Some now after that of any receipt: a moment that was written as so long ago is not taken for an early one."""


def refuted(read: ReadRecord) -> str:
    """What a read says of itself that cannot be true at once; empty when it can."""
    if read.ref != (ref := fixed_ref(read.node, read.fingerprint)):
        return f"the receipt names it {read.ref}, and it is {ref}."
    said = f"the receipt says that {read.written} was read, and"
    try:
        reference = parse_reference(read.written, now_ms=_LATER_MS)
    except RequestError:
        return f"{said} that is no reference."
    by_pin = f"by the pin {read.pin}" if read.pin else "by no pin"
    if isinstance(reference, PinName):
        return "" if read.pin == reference.name else f"{said} {by_pin}."
    if reference.node != read.node:
        return f"{said} it is {read.node}."
    if bool(read.pin) != isinstance(reference.selector, Locked):
        return f"{said} {by_pin}."
    match reference.selector:
        case Seq(number) if number != read.seq:
            return f"{said} that it was seq {read.seq}."
        case Fingerprint(prefix) if not read.fingerprint.startswith(prefix):
            return f"{said} that it was sha256:{read.fingerprint[:16]}."
        case AsOf(at_ms) if at_ms < read.as_of_ms:
            return f"{said} that it was sealed later, as of {format_time_ms(read.as_of_ms)}."
    return ""


def misnamed(result: ResultRecord, receipt: Receipt) -> str:
    """What a result says of the version of an input that the receipt has otherwise; empty when it says the same."""
    inputs = [each.read for each in (*receipt.inputs, *receipt.unheard)]
    for one in result.inputs:
        bars = (one.ref.rpartition("@")[0], one.window, one.content)
        refs = {read.ref for read in inputs if (str(read.node), read.window, read.content) == bars}
        if refs and one.ref not in refs:
            return f"the receipt says that its input {one.name} is {one.ref}, and that {' or '.join(sorted(refs))} is."
    return ""


def at_odds(inputs: Sequence[Input]) -> dict[tuple[NodeId, int], str]:
    """What a receipt says of versions of the home's store that one history cannot have, by series and `seq`.

    A number stands for one version, and a later one for a later moment. A home that was deleted between two reads is
    enough for that, so it is a note. What was read by its content may be of a pin's store, whose numbers are others.
    """
    versions: dict[NodeId, set[tuple[int, int, str]]] = {}
    for each in inputs:
        read = each.read
        if each.store == HOME and "@sha256:" not in read.written:
            versions.setdefault(read.node, set()).add((read.seq, read.as_of_ms, read.fingerprint))
    found: dict[tuple[NodeId, int], str] = {}
    for node, listed in versions.items():
        for one, other in pairwise(sorted(listed)):
            if one[0] == other[0] or one[1] >= other[1]:
                said = f"of one store the receipt says both {_version(*one)} and {_version(*other)}"
                found |= {(node, seq): said for seq in (one[0], other[0])}
    return found


def in_store(store: SealedStore, version: Version, read: ReadRecord) -> str:
    """What a store that has the version of a read says of its number and moment; empty when it says the same."""
    fingerprint, commit = version.tree.fingerprint, version.commit
    if fingerprint != read.fingerprint:
        return f"found in sha256:{fingerprint[:16]}, which has another history"
    if (commit.seq, commit.as_of_ms) == (read.seq, read.as_of_ms):
        return ""
    has = f"{store.url} has it as {_version(commit.seq, commit.as_of_ms)}"
    said = f"the receipt says {_version(read.seq, read.as_of_ms)}, and {has}"
    try:
        there = store.commit(read.node, read.seq)
    except NotFound:
        return said
    except SeamlessError as error:
        return f"{said}; {error.message}"
    if there.fingerprint == read.fingerprint:
        return said
    return f"{said}; seq {there.seq} there is sha256:{there.fingerprint[:16]}"


def in_lock(pins: Pins, locked: Mapping[str, Pin], read: ReadRecord) -> str:
    """What the lockfile says of the pin that a read was made by; empty when it says the same, or nothing."""
    if not read.pin or not locked:
        return ""
    pin = locked.get(read.pin)
    if pin is None:
        return f"pin:{read.pin} is not in the lockfile"
    if pin.node != read.node:
        return f"{pin.ref} was {read.node}, and is {pin.node} in the lockfile now"
    if not pin.window.contains(read.window):
        return f"{pin.ref} is {pin.window} in the lockfile now"
    try:
        content = pin.content
        if read.window != pin.window:
            content = pins.store(pin).content(pins.version(pin), read.window)
    except SeamlessError as error:
        return f"whether {pin.ref} is the same in the lockfile cannot be said: {error.message}"
    if content == read.content:
        return ""
    return f"{pin.ref} was sha256:{read.content[:DIGITS]}, and is sha256:{content[:DIGITS]} in the lockfile now"


def _version(seq: int, as_of_ms: int, fingerprint: str = "") -> str:
    version = f" (sha256:{fingerprint[:16]})" if fingerprint else ""
    return f"seq {seq} as of {format_time_ms(as_of_ms)}{version}"
