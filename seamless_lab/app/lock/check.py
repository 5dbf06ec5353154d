"""Checking the lockfile: every pinned bar is read and hashed again, and compared with what was pinned."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.lock.changes import CHANGES_SHOWN, first_changes
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.lock.pinning import engines
from seamless_lab.app.lock.pins import Pins, getting, located, mending
from seamless_lab.app.lock.results import Checked, Finding, LockCheck, PinCheck, slots_text
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.numbers import seen
from seamless_lab.core.reference import named_pin
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Damage, SealedStore
from seamless_lab.errors import DataError, Missing, NotFound, RequestError


def check(wiring: Wiring, pins: Pins, names: Sequence[str] = ()) -> LockCheck:
    """Read what the pins name (by default all of them) and compare it with the lockfile.

    Nothing that was remembered is trusted: files are opened, decoded and hashed, whichever cache knows them.

    Raises
    ------
    ConfigError
        If there is no lockfile, or it cannot be read.
    InvalidReference
        For a name that is not pinned.
    """
    lock, chosen = chosen_pins(pins, names)
    stores: dict[str, SealedStore] = {}
    found = tuple(_checked(wiring, pins, pin, stores) for pin in chosen)
    notebooks = () if names else _notebooks(lock, pins)
    return LockCheck(found, engine_notes(lock.engines), str(pins.path), notebooks=notebooks)


def _notebooks(lock: Lockfile, pins: Pins) -> tuple[str, ...]:
    """The files of the sealed notebooks, as somebody here would write them."""
    return tuple(os.path.relpath(pins.path.parent / name) for name in sorted(lock.notebooks))


def chosen_pins(pins: Pins, names: Sequence[str]) -> tuple[Lockfile, Sequence[Pin]]:
    """The lock, and the pins of some names in the order of the lockfile; without names all."""
    if not isinstance(names, Sequence):
        raise RequestError(f"{seen(names)} names no pins.", hint="Write a pin's name, or a list of names.")
    lock = pins.lock()
    wanted = {pins.named(named_pin(name)).name for name in ([names] if isinstance(names, str) else names)}
    return lock, [pin for name, pin in sorted(lock.pins.items()) if not wanted or name in wanted]


def engine_notes(written: Mapping[str, str]) -> tuple[str, ...]:
    """What is said about engines of other versions than the pins were made with."""
    here = engines()
    return tuple(
        f"Pinned with {name} {version}; here is {here.get(name, 'none')}."
        for name, version in sorted(written.items())
        if here.get(name) != version
    )


def _checked(wiring: Wiring, pins: Pins, pin: Pin, stores: dict[str, SealedStore]) -> PinCheck:
    try:
        known = pins.store(pin)
    except NotFound as error:
        return PinCheck(pin, Checked.UNVERIFIED, (Finding("store", error.message),), hint=error.hint)
    try:
        store = stores.setdefault(known.url, wiring.sealed_stores.unremembered(known))
        version = located(store, pin)
    except NotFound as error:
        return PinCheck(pin, Checked.UNVERIFIED, (Finding("version", _without_name(pin, error)),), hint=error.hint)
    except Missing as error:
        return _unread(known, pin, error, Checked.UNVERIFIED)
    except DataError as error:
        return _unread(known, pin, error, Checked.DIFFERS)
    return _audited(wiring, store, version, pin, known)


def _unread(store: SealedStore, pin: Pin, error: DataError, state: Checked) -> PinCheck:
    """What is said of a pin whose version cannot be read, or holds something else."""
    expected, found = (str(error.facts.get(name) or "") for name in ("expected", "found"))
    what, path = "content" if error.facts.get("pin") else "file", error.facts.get("path")
    finding = Finding(what, _without_name(pin, error), "", expected, found, f"{store.url}/{path}" if path else "")
    return PinCheck(pin, state, (finding,), hint=getting(pin) if path and pin.store else error.hint)


def _without_name(pin: Pin, error: DataError) -> str:
    """What an error says, whether or not it names the pin, as whoever shows it does."""
    return error.message.removeprefix(f"{pin.ref}: ")


def _audited(wiring: Wiring, store: SealedStore, version: Version, pin: Pin, remembering: SealedStore) -> PinCheck:
    """What hashing the pinned bars again shows."""
    audit = store.audit(version, pin.window, wiring.sealed_stores.segments)
    findings = [_damaged(store, pin, damage) for damage in audit.damages]
    hint = ""
    if audit.damages:
        hint = mending(pin, audit)
    elif audit.content != pin.content:  # the tree says so and the bars do not: nothing that a store writes
        said = (
            f"the bars have the content sha256:{audit.content[:16]}, and the lockfile says sha256:{pin.content[:16]}."
        )
        findings.append(Finding("content", said, str(pin.window), pin.content, audit.content))
    elif audit.rows != pin.rows:
        said = f"{audit.rows:,} bars have the pinned content, and the lockfile says {pin.rows:,}."
        findings.append(Finding("rows", said, str(pin.window), str(pin.rows), str(audit.rows)))
        hint = f"Restore the lockfile from version control, or pin again: seamless pin {pin.name} REF --replace"
    notes: tuple[str, ...] = ()
    if version.tree.fingerprint != pin.fingerprint:
        here, there = version.tree.fingerprint[:16], pin.fingerprint[:16]
        notes = (f"pinned in sha256:{there}, found in sha256:{here}; histories differ, these bars do not.",)
    holds = version.tree.bounds
    if holds is None or not holds.contains(pin.window):
        notes += (
            f"the lockfile says {pin.window}, and the version holds {holds or 'nothing'}: no more is vouched for.",
        )
    if audit.dropped:
        remembering.forget()  # what it mapped before the files went
        wiring.read_cache.clear()  # and what fetches kept of that
        notes += (wrong_files(audit.dropped),)
    changes = (one for damage in audit.damages if damage.compared for one in first_changes(damage.compared))
    state = Checked.DIFFERS if findings else Checked.VERIFIED
    if audit.only_missing:
        state = Checked.UNVERIFIED  # what is there is right, and nothing says that the rest is not
    return PinCheck(pin, state, tuple(findings), hint, notes, tuple(islice(changes, CHANGES_SHOWN)))


def _damaged(store: SealedStore, pin: Pin, damage: Damage) -> Finding:
    where, name = slots_text(damage.slots), PurePosixPath(damage.path).name
    # a file is read whole, so that a pin cannot be read beside damage that is outside of it
    beside = "" if damage.slots.overlaps(pin.window) else " in a file with pinned bars"
    said = f"{where}{beside}: {name[:16]}… {damage.problem}."
    return Finding("bars", said, where, damage.expected, damage.found, f"{store.url}/{damage.path}")
