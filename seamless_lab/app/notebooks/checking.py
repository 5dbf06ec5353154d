"""What the cells of a sealed notebook would read today, against what they read when it was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.door import Door
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.notebooks import show
from seamless_lab.app.notebooks.file import read_notebook
from seamless_lab.app.notebooks.places import CellPlace, FoundSeal, outside, place_of, seal_in
from seamless_lab.app.notebooks.seal import Seal
from seamless_lab.app.notebooks.sealing import locked_cells, name_in_lock, no_seal
from seamless_lab.app.reads import ReadRecord
from seamless_lab.app.render.view import Badge, Block, Note, Tone, View, plural
from seamless_lab.app.results import Json, Rendered
from seamless_lab.app.results.spelling import moments, window
from seamless_lab.app.sealed_reads import resolve_sealed
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.identity import NodeId
from seamless_lab.core.policy import Domain
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import Audit, SealedStore
from seamless_lab.engine.artifacts.diff import Difference
from seamless_lab.errors import (
    ConfigError,
    InvalidReference,
    Missing,
    NotFound,
    SeamlessError,
    StoreBusy,
    StoreUnavailable,
)


class State(StrEnum):
    """What a read would be today."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """Nobody can say: the store, the version or the pin is not there."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadCheck:
    """One read of one cell today.

    `content`: the digest of what the reference gives today, empty when it gives nothing; `why`: what stands against it,
    empty when it is the same; `difference`: from what was read to what would be, where both versions are there.
    """

    place: CellPlace
    read: ReadRecord
    state: State
    content: str = ""
    why: str = ""
    difference: Difference | None = None


class FreshStores:
    """Stores opened once more, so that nothing that was verified before is trusted; each once, and each window once."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._opened: dict[str, SealedStore] = {}
        self._audits: dict[tuple[str, NodeId, str, TimeRange], Audit] = {}
        self._dropped: list[str] = []

    @property
    def dropped(self) -> tuple[str, ...]:
        """Digests of cached files that held other bars than were sealed; reads gave those until they were audited."""
        return tuple(sorted(self._dropped))

    def of(self, store: SealedStore) -> SealedStore:
        """The same store, remembering nothing."""
        if store.url not in self._opened:
            self._opened[store.url] = self._wiring.sealed_stores.unremembered(store)
        return self._opened[store.url]

    def version(self, store: SealedStore, known: Version, pin: Pin | None) -> Version:
        """A version that a store says it has, or that of a pin, from its files; raises as `Pins.again`."""
        return self._wiring.pins.again(store, self.of(store), known, pin)

    def audit(self, store: SealedStore, version: Version, window: TimeRange) -> Audit:
        """What the files of a version hold of a window; what was read from cached files with other bars is dropped."""
        key = (store.url, version.header.node, version.tree.fingerprint, window)
        if key not in self._audits:
            found = self.of(store).audit(version, window, self._wiring.sealed_stores.segments)
            if found.dropped:
                self._dropped += found.dropped
                store.forget()
                self._wiring.read_cache.clear()
            self._audits[key] = found
        return self._audits[key]


_AGAIN = "run all cells, with %seamless seal as the last one, and save it."
_NOT_THERE = (NotFound, Missing, ConfigError, InvalidReference, StoreBusy, StoreUnavailable)


def check_reads(
    wiring: Wiring, door: Door, fresh: FreshStores, cells: Sequence[tuple[CellPlace, Sequence[ReadRecord]]]
) -> list[ReadCheck]:
    """Read and hash again what each cell read, by its reference as written, in the window of then."""
    return [_checked(wiring, door, fresh, place, read) for place, reads in cells for read in reads]


def _checked(wiring: Wiring, door: Door, fresh: FreshStores, place: CellPlace, read: ReadRecord) -> ReadCheck:
    try:
        store, known, pin = _today(wiring, door, read)
        version = fresh.version(store, known, pin)
        found = fresh.audit(store, version, read.window)
    except _NOT_THERE as error:
        return ReadCheck(place, read, State.UNKNOWN, why=error.message)
    except SeamlessError as error:  # damaged, or refused by the lockfile: the cell would fail
        return ReadCheck(place, read, State.DIFFERS, why=error.message)
    if found.damages:
        damage = found.damages[0]
        state = State.UNKNOWN if found.only_missing else State.DIFFERS
        return ReadCheck(place, read, state, why=f"{store.url}/{damage.path} {damage.problem}")
    if found.content == read.content:
        return ReadCheck(place, read, State.SAME, found.content)
    if read.domain is Domain.LIVE and not _was_sealed(store, read):
        return ReadCheck(place, read, State.UNKNOWN, found.content, "was read live, before all of it was sealed")
    why = "other bars" if version.tree.fingerprint != read.fingerprint else "the version has another digest than sealed"
    return ReadCheck(place, read, State.DIFFERS, found.content, why, _difference(store, read, version))


def _today(wiring: Wiring, door: Door, read: ReadRecord) -> tuple[SealedStore, Version, Pin | None]:
    """The version that the reference names today, by which pin, with the refusals that the cell would meet."""
    if read.domain.sealed or read.pin:  # a pin refuses what lies outside its window in every domain
        target = resolve_sealed(wiring, door, read.written, read.window.start, read.window.end, domain=read.domain)
        return target.store, target.version, target.locked
    asked = door.asked(read.written)
    return asked.store, asked.selected(), asked.pin


def _was_sealed(store: SealedStore, read: ReadRecord) -> bool:
    """Whether what was read is what the version that it was read with holds; live reads may hold more."""
    try:
        return store.content(store.resolve(read.node, fingerprint=read.fingerprint), read.window) == read.content
    except SeamlessError:  # the version is not here (any more)
        return False


def _difference(store: SealedStore, read: ReadRecord, today: Version) -> Difference | None:
    try:
        then = store.resolve(read.node, fingerprint=read.fingerprint)
        found = store.diff(then, today, read.window)
    except SeamlessError:  # the digests differ for sure; which bars do is more than this store can tell
        return None
    return None if found.empty else found


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NotebookCheck(Rendered):
    """What every cell of a sealed notebook would read today.

    `stale`: what cannot be said, because cells changed or ran after the seal, or read what it does not have.
    `dropped`: digests of cached files that held other bars than were sealed, and are gone now.
    """

    notebook: str
    sealed_in: str
    checks: Sequence[ReadCheck]
    stale: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all the same, 1 something differs, 3 something cannot be said."""
        states = {each.state for each in self.checks}
        if State.DIFFERS in states:
            return 1
        return 3 if State.UNKNOWN in states or self.stale else 0

    def view(self) -> View:
        """What is shown, as a value."""
        different = [each for each in self.checks if each.state is State.DIFFERS]
        unknown = [each for each in self.checks if each.state is State.UNKNOWN]
        blocks: list[Block] = []
        for each in different:
            said = each.why if each.difference is None else show.change_counts(each.difference)
            heading = f"{each.place} would read other data of {each.read.written}: {said.removesuffix('.')}."
            blocks.append(Note(heading, Tone.BAD))
            if each.difference is not None:
                then = Note(f"To have the bars of then: {each.read.ref}")
                blocks += [block for block in (show.changes(each.difference, ""), then) if block not in blocks]
        blocks += [Note(f"{each.place} {each.read.written}: {each.why}", Tone.WARN) for each in unknown]
        blocks += [Note(note, Tone.WARN) for note in self.stale]
        blocks += [Note(wrong_files(self.dropped), Tone.WARN)] if self.dropped else []
        blocks.append(show.table(show.CHECKED, show.check_rows(self.checks)))
        return View(self.notebook, self._badge(len({id(each.place) for each in different})), "", tuple(blocks))

    def _badge(self, cells: int) -> Badge:
        match self.exit_code:
            case 0:
                return Badge(f"{plural(len(self.checks), 'read')} as sealed", Tone.GOOD)
            case 1:
                return Badge(f"{plural(cells, 'cell')} would read other data", Tone.BAD)
        return Badge("cannot be verified", Tone.WARN)

    def to_dict(self) -> Json:
        """Every read with what it is today."""
        return {
            "notebook": self.notebook,
            "sealed_in": self.sealed_in,
            "reads": [_check_json(each) for each in self.checks],
            "stale": list(self.stale),
            "cached_files_removed": list(self.dropped),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NotebookChecks(Rendered):
    """Several notebooks."""

    notebooks: Sequence[NotebookCheck]

    @property
    def exit_code(self) -> int:
        """0 all the same, 1 something differs, 3 something cannot be said."""
        codes = {each.exit_code for each in self.notebooks}
        return next((code for code in (1, 3) if code in codes), 0)

    def view(self) -> View:
        """One after the other."""
        views = [(each, each.view()) for each in self.notebooks]
        blocks: list[Block] = []
        for each, view in views:
            badge = "" if view.badge is None else view.badge.text
            blocks.append(Note(f"{each.notebook}: {badge}", Tone.GOOD if each.exit_code == 0 else Tone.BAD))
            blocks += view.blocks if each.exit_code else ()
            blocks += [Note(wrong_files(each.dropped), Tone.WARN)] if each.dropped and not each.exit_code else []
        good = sum(each.exit_code == 0 for each in self.notebooks)
        tone = Tone.GOOD if good == len(views) else Tone.BAD
        return View("notebooks", Badge(f"{good} of {len(views)} as sealed", tone), "", tuple(blocks))

    def to_dict(self) -> Json:
        """Each of them."""
        return {"notebooks": [each.to_dict() for each in self.notebooks]}


def _check_json(each: ReadCheck) -> Json:
    place, read, found = each.place, each.read, each.difference
    changed: Json | None = None
    if found is not None:
        changed = {
            "restated": found.restated.height,
            "added": len(found.added),
            "removed": len(found.removed),
            "first": moments([min(found.found.changed.starts.tolist())])[0] if len(found.found.changed) else None,
        }
    return {
        "cell": place.number,
        "execution_count": place.count,
        "id": place.id or None,
        "written": read.written,
        "node": str(read.node),
        **window(read.window),
        "state": str(each.state),
        "sealed": read.content,
        "today": each.content or None,
        "changed": changed,
        "why": each.why or None,
    }


def check_notebook(wiring: Wiring, door: Door, path: Path) -> NotebookCheck:
    """Check a notebook by its seal: that of its outputs, else that of its metadata, else what the lock has of it.

    Raises
    ------
    RequestError
        If there is no such notebook.
    NoSeal
        If it was never sealed.
    SealDamaged
        If its seal was changed by hand.
    """
    notebook = read_notebook(path)
    found = seal_in(notebook)
    name = name_in_lock(wiring.home.lockfile, path) or path.name
    if found is None:
        cells = locked_cells(wiring, name)
        if not cells:
            raise no_seal(path)
        found = FoundSeal(Seal(cells), "lock")
    placed = [(place_of(cell, notebook), cell.reads) for cell in found.seal.cells]
    stale = [f"{place} {place.since}: {_AGAIN}" for place in outside(found.seal, notebook)]
    stale += [found.seal.missed] if found.seal.missed else []
    fresh = FreshStores(wiring)
    checks = check_reads(wiring, door, fresh, placed)
    return NotebookCheck(name, found.where, checks, tuple(stale), fresh.dropped)
