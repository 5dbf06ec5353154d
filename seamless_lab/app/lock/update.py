"""Moving pins to the newest versions of their series, after saying what that changes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from seamless_lab.app.door import Door
from seamless_lab.app.lock.check import chosen_pins
from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.lock.pinning import engines, pin_of, refuse_damage, refuse_gaps
from seamless_lab.app.lock.pins import Pins, getting, located
from seamless_lab.app.lock.update_results import LockUpdate, PinUpdate
from seamless_lab.app.restoring import restoring
from seamless_lab.app.sealed_reads import resolve_sealed
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.policy import Domain
from seamless_lab.core.time import format_time
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import Corrupted, DataError, NotFound, SeamlessError


def update(wiring: Wiring, door: Door, pins: Pins, names: Sequence[str] = (), *, write: bool = False) -> LockUpdate:
    """What the newest versions make of the pins (by default all); with `write`, pinned at once.

    A pin keeps its name, series, window and store. It moves only if the bars of its window are others by now, only to a
    version that has an answer for all of the window, and only if the two can be compared.

    Raises
    ------
    ConfigError
        If there is no lockfile, or it cannot be read.
    InvalidReference
        For a name that is not pinned.
    """
    _, chosen = chosen_pins(pins, names)
    found = tuple(_updated(wiring, door, pins, pin) for pin in chosen)
    moved = {one.before: one.now for one in found if one.now is not None and one.now != one.before}
    written = False
    if write and moved:

        def put(lock: Lockfile) -> Lockfile:
            # A pin that somebody else has changed meanwhile is theirs.
            mine = [now for before, now in moved.items() if lock.pins.get(before.name) == before]
            return lock.with_pins(mine, engines()) if mine else lock

        was, _ = edit(pins.path, put)
        theirs = {before for before in moved if was.pins.get(before.name) != before}
        found = tuple(_theirs(one.before) if one.before in theirs else one for one in found)
        written = len(theirs) < len(moved)
    listed = " ".join(pin.name for pin in chosen) if names else ""
    again = " ".join(part for part in ("seamless lock --update", listed, "--yes") if part)
    return LockUpdate(found, str(pins.path), written, again)


def _theirs(pin: Pin) -> PinUpdate:
    said = "it was changed or taken out of the lockfile by somebody else meanwhile."
    return PinUpdate(pin, None, said=pin.said(said), hint="See what it is now: seamless lock")


def _updated(wiring: Wiring, door: Door, pins: Pins, pin: Pin) -> PinUpdate:
    try:
        store = pins.store(pin)
        start, end = pin.window.start, pin.window.end
        target = resolve_sealed(wiring, door, str(pin.node), start, end, domain=Domain.DRYRUN, store=store)
        now = pin_of(wiring, pin.name, target, pin.store)
        if now.content == pin.content:
            return PinUpdate(pin, pin, 0, 0, 0)
        refuse_gaps(target)
    except SeamlessError as error:
        return PinUpdate(pin, None, said=pin.said(error.message), hint=error.hint or getting(pin))
    return _compared(wiring, store, pin, now)


def _compared(wiring: Wiring, store: SealedStore, before: Pin, now: Pin) -> PinUpdate:
    """The move with the bars that it changes; none where that cannot be said, as nobody would see it."""
    try:
        with restoring(wiring, store):
            files = wiring.sealed_stores.unremembered(store)  # what a pin moves by must not depend on the machine
            old = located(files, before)
            refuse_damage(before, files.audit(old, before.window))
            new = files.resolve(now.node, fingerprint=now.fingerprint)
            found = files.diff(old, new, before.window).found
    except (Corrupted, NotFound) as error:
        said = before.said(f"{error.message} So nobody can say what would change.")
        return PinUpdate(before, None, said=said, hint=error.hint or getting(before), anew=_anew(before))
    except DataError as error:  # the version is there, and the lockfile says otherwise
        return PinUpdate(before, None, said=before.said(error.message), hint=error.hint)
    return PinUpdate(before, now, found.restated.height, len(found.added), len(found.removed))


def _anew(pin: Pin) -> str:
    window = f"--start {format_time(pin.window.start)} --end {format_time(pin.window.end)}"
    store = f" --store {shlex.quote(pin.store)}" if pin.store else ""
    return f"seamless pin {pin.name} {pin.node} {window}{store} --replace"
