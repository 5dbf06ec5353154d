"""Pins: names for bars that the lockfile fixes by their content, and the versions in which a store holds them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from seamless_lab.app.lock.disk import load
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.sealed_stores import SealedStores
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Audit, SealedStore
from seamless_lab.errors import ConfigError, Corrupted, DataError, InvalidReference, NotFound

_LISTED = 5


class Pins:
    """The pins of one lockfile, which is read again when it has changed. Thread-safe, except against its own writers.

    Parameters
    ----------
    place
        Where the lockfile is; there need not be one. Asked each time: with the first bars of a sandbox, a home gets one
        of its own.
    stores
        The home's, in which pins without a store of their own are, and others by their folder.
    """

    def __init__(self, place: Callable[[], Path], stores: SealedStores) -> None:
        self._place = place
        self._stores = stores
        self._read: tuple[tuple[Path, tuple[int, ...]] | None, Lockfile | None] = (None, None)
        self._versions: dict[Pin, Version] = {}

    @property
    def path(self) -> Path:
        """The lockfile."""
        return self._place()

    def found(self) -> Lockfile | None:
        """The lock as it is now, or None when there is no lockfile. Raises `ConfigError`."""
        path = self.path
        mark = (path, _mark(path))
        if mark != self._read[0] or not mark[1]:
            self._read = (mark, load(path))
        return self._read[1]

    def lock(self) -> Lockfile:
        """The lock as it is now.

        Raises
        ------
        ConfigError
            If there is no lockfile, or it cannot be read.
        """
        lock = self.found()
        if lock is None:
            raise ConfigError(
                f"There is no lockfile {self.path}.",
                hint="Pin something: seamless pin NAME NODE --start T --end T",
                path=str(self.path),
            )
        return lock

    def named(self, name: str, hint: str = "") -> Pin:
        """The pin of a name.

        Parameters
        ----------
        hint
            What to do when no name is near; by default, to pin it.

        Raises
        ------
        InvalidReference
            If there is none, with the names that are near.
        ConfigError
            If there is no lockfile.
        """
        pins = self.lock().pins
        if name in pins:
            return pins[name]
        near = get_close_matches(name, pins, n=1, cutoff=0.5)
        listed = ", ".join(sorted(pins)[:_LISTED]) + (", …" if len(pins) > _LISTED else "")
        pinning = f"Pin it: seamless pin {name} NODE --start T --end T"
        raise InvalidReference(
            f"{self.path} has no pin {name!r}{f'; it has {listed}' if pins else ', and no other'}.",
            hint=f"Did you mean pin:{near[0]}?" if near else hint or pinning,
            value=name,
        )

    def of_node(self, node: NodeId) -> Pin:
        """The one pin of a node.

        Raises
        ------
        InvalidReference
            If there is none, or more than one.
        ConfigError
            If there is no lockfile.
        """
        found = self.lock().of_node(node)
        if len(found) == 1:
            return found[0]
        if not found:
            raise InvalidReference(
                f"{self.path} pins nothing of {node}.",
                hint=f"Pin it: seamless pin NAME {node} --start T --end T",
                node=str(node),
            )
        listed = ", ".join(f"{pin.ref} {pin.window}" for pin in found[:_LISTED])
        raise InvalidReference(
            f"{self.path} has {len(found)} pins of {node}, so that @lock names none: {listed}.",
            hint=f"Name the pin: {found[0].ref}",
            node=str(node),
            pins=len(found),
        )

    def elsewhere(self, node: NodeId) -> str:
        """How to read a node that the home does not have, from the stores of its pins; empty when there are none."""
        try:
            lock = self.found()
        except ConfigError:  # a broken lockfile is not what is wrong here
            return ""
        pins = [] if lock is None else [pin for pin in lock.of_node(node) if pin.store]
        if not pins:
            return ""
        listed = " or ".join(pin.ref for pin in pins[:_LISTED])
        return f"The lockfile pins bars of it in {pins[0].store}: read them as {listed}."

    def stores_beside(self, node: NodeId) -> list[SealedStore]:
        """The stores beside the home's that pins of a node are read from, as far as they are there.

        Raises
        ------
        ConfigError
            If the lockfile cannot be read.
        """
        found: dict[str, SealedStore] = {}
        lock = self.found()
        for pin in [] if lock is None else lock.of_node(node):
            with suppress(NotFound):
                store = self.store(pin)
                found.setdefault(store.url, store)
        found.pop(self._stores.own.url, None)
        return list(found.values())

    def store(self, pin: Pin) -> SealedStore:
        """The store that a pin is read from.

        Raises
        ------
        NotFound
            If the lockfile names a folder that is not there.
        """
        if not pin.store:
            return self._stores.own
        folder = self.path.parent / pin.store
        if not folder.is_dir():
            raise NotFound(
                f"{pin.ref} is read from {folder}, and there is no such folder.",
                hint=getting(pin),
                pin=pin.name,
                store=str(folder),
            )
        return self._stores.at(folder)

    def version(self, pin: Pin) -> Version:
        """The version of the store that holds exactly the pinned bars; raises as `located`, once found remembered."""
        held = self._versions.get(pin)
        if held is None:
            store = self.store(pin)
            try:
                held = located(store, pin)
            except DataError:
                store.forget()  # it may have been misled by what it remembers, and is no more
                held = located(store, pin)
            self._versions[pin] = held
        return held

    def again(self, store: SealedStore, files: SealedStore, known: Version, pin: Pin | None) -> Version:
        """A version by `files`, which is its store opened once more: that of a pin as a new process finds it.

        Where it is not the known one any more, what was remembered of it is forgotten.

        Raises
        ------
        NotFound
            If the store was replaced by one without the version.
        DataError
            As `located`.
        """
        found: Version | None = None
        try:
            found = _same(files, known) if pin is None else located(files, pin)
        finally:
            if found is None or found.commit != known.commit:
                store.forget()
                if pin is not None:
                    self._versions.pop(pin, None)
        return found


def _same(files: SealedStore, known: Version) -> Version:
    node, seq = known.header.node, known.commit.seq
    found = files.resolve(node, seq=seq)
    if found.commit.fingerprint != known.commit.fingerprint:
        raise NotFound(
            f"{files.url} was replaced, and has another version seq:{seq} of {node} now.",
            hint="Try again.",
            store=files.url,
        )
    return found


def located(store: SealedStore, pin: Pin) -> Version:
    """The version that a pin stands for: that of its fingerprint, else the newest whose window has its content.

    Stores with another history agree on the content of what they both hold. Reads commits, trees, packs, and rows only
    of leaves that the window cuts.

    Raises
    ------
    NotFound
        If the store has no such version.
    DataError
        If it has the version of the fingerprint, and other bars are in it.
    Corrupted
        If what may be the version cannot be read.
    """
    other = ""
    try:
        version = _by_fingerprint(store, pin)
        if (other := _content(store, version, pin)) == pin.content:
            return version
    except NotFound:
        pass
    damage: Corrupted | None = None
    seen: set[str] = set()
    for commit in store.history(pin.node):
        if commit.fingerprint in seen or commit.bounds is None or not commit.bounds.overlaps(pin.window):
            continue
        seen.add(commit.fingerprint)
        try:
            version = store.resolve(pin.node, seq=commit.seq)
            if _content(store, version, pin) == pin.content:
                return version
        except Corrupted as error:
            damage = damage or error
    if damage is not None:
        raise damage
    if other:
        raise DataError(
            f"{pin.ref}: sha256:{pin.fingerprint[:16]} in {store.url} has the content sha256:{other[:16]} in "
            f"{pin.window}, and the lockfile says sha256:{pin.content[:16]}.",
            hint=f"Restore the lockfile from version control, or pin again: seamless pin {pin.name} REF --replace",
            pin=pin.name,
            expected=pin.content,
            found=other,
        )
    raise _absent(store, pin)


def _content(store: SealedStore, version: Version, pin: Pin) -> str:
    if version.header.grid.snap_outward(pin.window) != pin.window:
        raise DataError(
            f"{pin.ref}: its window {pin.window} is not on the grid of its bars.",
            hint=f"Restore the lockfile from version control, or pin again: seamless pin {pin.name} REF --replace",
            pin=pin.name,
        )
    return store.content(version, pin.window)


def _by_fingerprint(store: SealedStore, pin: Pin) -> Version:
    """Look where it was when it was pinned, before walking back over all commits."""
    try:
        version = store.resolve(pin.node, seq=pin.seq)
        if version.tree.fingerprint == pin.fingerprint:
            return version
    except NotFound:
        pass
    return store.resolve(pin.node, fingerprint=pin.fingerprint)


def _absent(store: SealedStore, pin: Pin) -> NotFound:
    head = store.head_commit(pin.node)
    has = f"its newest is sha256:{head.fingerprint[:16]}" if head else f"it has no version of {pin.node}"
    return NotFound(
        f"{pin.ref}: no version in {store.url} has the content sha256:{pin.content[:16]} in {pin.window}; {has}.",
        hint=getting(pin),
        pin=pin.name,
        store=store.url,
    )


def getting(pin: Pin) -> str:
    """What brings a pin's bars to where it is read from."""
    if pin.store:
        return f"Restore {pin.store} from where the lockfile comes from, such as version control."
    return f"Get it: {_backfill(pin, pin.window)}"


def mending(pin: Pin, audit: Audit) -> str:
    """What brings back the damaged or missing files of a pin; a damaged one is not written while it lies there."""
    if pin.store:
        return getting(pin)
    if any(damage.path.endswith(".json") for damage in audit.damages):  # no answer of an exchange writes one again
        return "Restore the files from a copy."
    damaged = [damage for damage in audit.damages if not damage.missing]
    command = _backfill(pin, TimeRange(audit.damages[0].slots.start, audit.damages[-1].slots.end))
    if damaged:
        which, them = ("file", "it") if len({damage.path for damage in damaged}) == 1 else ("files", "them")
        said = f"Move the damaged {which} aside, then restore {them} from a copy or ask the exchange again"
    else:
        said = "Restore the files from a copy, or ask the exchange again"
    return f"{said}: {command} --refresh"


def _backfill(pin: Pin, window: TimeRange) -> str:
    return f"seamless backfill {pin.node} --start {format_time(window.start)} --end {format_time(window.end)}"


def _mark(path: Path) -> tuple[int, ...]:
    """What changes when a file does; empty when there is none or it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
