"""The inputs of a receipt, found again in the stores of this machine and hashed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.lock.pins import located
from seamless_lab.app.notebooks.checking import FreshStores, State
from seamless_lab.app.reads import PROJECT, ReadRecord
from seamless_lab.app.receipts.receipt import Input
from seamless_lab.app.receipts.statements import at_odds, in_lock, in_store, refuted
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import ConfigError, DataError, Missing, NotFound, SeamlessError


@dataclass(frozen=True, slots=True, eq=False)
class FoundInput:
    """One input today.

    `version` and `store` are None unless its bars are the same. `why` says what stands against it, `notes` where store,
    lockfile or the receipt itself say something else of what is not the bars. `held`: a store has the version, and it
    is not whole or not as the receipt says.
    """

    input: Input
    state: State
    why: str = ""
    notes: tuple[str, ...] = ()
    version: Version | None = None
    store: SealedStore | None = None
    held: bool = False


def find_inputs(wiring: Wiring, fresh: FreshStores, inputs: Sequence[Input]) -> list[FoundInput]:
    """Look for the bars of each input, by their content, in the home's store and in those that the lockfile names."""
    lock, unread = None, f"There is no lockfile {wiring.pins.path} that says where it was read from."
    try:
        lock = wiring.pins.found()
    except ConfigError as error:  # the home's store may do
        unread = f"{error.message} {error.hint}"
    pins = {} if lock is None else lock.pins
    stores, contradictions = _stores(wiring, pins), at_odds(inputs)
    found = []
    for each in inputs:
        one, read = _found(fresh, stores, each), each.read
        if one.state is State.UNKNOWN and not one.held:
            gone = unread if lock is None and each.store == PROJECT else _gone(wiring, pins, read)
            one = replace(one, why=gone or one.why)
        told = (contradictions.get((read.node, read.seq), ""), in_lock(wiring.pins, pins, read))
        found.append(replace(one, notes=(*one.notes, *filter(None, told))))
    return found


def _stores(wiring: Wiring, pins: Mapping[str, Pin]) -> list[SealedStore]:
    """The stores that a receipt made here may have read: the home's, then those of pins."""
    found = {wiring.sealed.url: wiring.sealed}
    for pin in pins.values():
        try:
            store = wiring.pins.store(pin)
        except (ConfigError, NotFound):  # a folder that is gone: another store may do
            continue
        found.setdefault(store.url, store)
    return list(found.values())


def _gone(wiring: Wiring, pins: Mapping[str, Pin], read: ReadRecord) -> str:
    """Which store of a pin of these bars is not there, and what brings it back; empty when all are."""
    for _, pin in sorted(pins.items(), key=lambda item: item[0] != read.pin):  # its own first
        try:
            if pin.node == read.node:
                wiring.pins.store(pin)
        except NotFound as error:
            return f"{error.message} {error.hint}"
        except ConfigError:
            continue
    return ""


def _found(fresh: FreshStores, stores: Sequence[SealedStore], wanted: Input) -> FoundInput:
    """The first store that has the bars as the receipt says, or has them; else what others have instead, or nothing."""
    tried = []
    for store in stores:
        found = _in_store(fresh, store, wanted)
        if found.state is State.SAME and not found.notes:
            return found
        tried.append(found)
    worth = (State.SAME, State.DIFFERS, State.UNKNOWN).index
    return min(tried, key=lambda one: (one.state is not State.SAME, not one.held, worth(one.state)))


def _in_store(fresh: FreshStores, known: SealedStore, wanted: Input) -> FoundInput:
    read, store = wanted.read, fresh.of(known)
    pin = Pin(
        "receipt", read.node, read.window, read.content, read.fingerprint, max(1, read.seq), read.as_of_ms, read.rows
    )
    try:
        version = located(store, pin)
        audit = fresh.audit(known, version, read.window)
    except NotFound:
        return _instead(store, wanted)
    except Missing as error:
        return FoundInput(wanted, State.UNKNOWN, error.message, held=True)
    except DataError as error:
        if error.facts.get("pin") is None:  # a file of it is damaged, and named
            return FoundInput(wanted, State.DIFFERS, error.message, held=True)
        return _instead(store, wanted)
    if audit.damages:
        damage = audit.damages[0]
        state = State.UNKNOWN if audit.only_missing else State.DIFFERS
        return FoundInput(wanted, state, f"{store.url}/{damage.path} {damage.problem}.", held=True)
    if audit.content != read.content:  # the tree says so and the bars do not: nothing that a store writes
        return FoundInput(wanted, State.DIFFERS, f"its bars have the content sha256:{audit.content[:16]}.", held=True)
    if said := _misstated(wanted, audit.rows):
        return FoundInput(wanted, State.DIFFERS, said, held=True)
    note = in_store(store, version, read)
    return FoundInput(wanted, State.SAME, notes=(note,) if note else (), version=version, store=store)


def _misstated(wanted: Input, rows: int) -> str:
    """What a receipt says of its bars that they do not bear out; empty when it says nothing wrong."""
    if wanted.read.rows != rows:
        return f"the receipt says {wanted.read.rows:,} rows, and there are {rows:,}."
    return refuted(wanted.read)


def _instead(store: SealedStore, wanted: Input) -> FoundInput:
    """What the store has in the place of bars that no version of it holds.

    Other bars contradict a series that was read as it stood; of a version that was named they say nothing.
    """
    read = wanted.read
    named = read.pin or (read.written.removesuffix("@latest") != str(read.node))
    other = State.UNKNOWN if named else State.DIFFERS
    try:
        head = store.head(read.node)
        holds = None if head is None else head.tree.bounds
        if head is None or holds is None or not holds.contains(read.window):
            has = "has no version of it" if holds is None else f"has it in {holds}"
            return FoundInput(wanted, State.UNKNOWN, f"no version holds these bars; {store.url} {has}.")
        content = store.content(head, read.window)
    except SeamlessError as error:
        return FoundInput(wanted, other, error.message)
    said = f"{store.url} has other bars there: no version has this content, the newest has sha256:{content[:16]}."
    return FoundInput(wanted, other, said)
