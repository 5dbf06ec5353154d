"""Sealing a notebook: from its kernel, and from its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import NotebookRead
from seamless_lab.app.notebooks import show
from seamless_lab.app.notebooks.file import read_notebook, write_metadata
from seamless_lab.app.notebooks.journal import NOT_KEPT, Kernel, SealedCell
from seamless_lab.app.notebooks.places import CellPlace, NoSeal, Since, outside, place_of, seal_in
from seamless_lab.app.notebooks.seal import MIME, Seal
from seamless_lab.app.reads import NO_CELL, Cell, ReadRecord, unheard
from seamless_lab.app.record_json import read_json, result_json
from seamless_lab.app.render.view import View
from seamless_lab.app.results import Json, Rendered
from seamless_lab.app.software import versions
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.policy import Domain
from seamless_lab.core.reference import fixed_ref


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SealResult(Rendered):
    """What a notebook depends on, cell by cell, and where that was written.

    `places`: where each sealed cell is; `notebook`: its path beside the lockfile, empty when it is not known; `stored`:
    `output`, `metadata`, `lock`; `notes`: what to do about what was not.
    """

    seal: Seal
    places: Sequence[CellPlace]
    notebook: str
    stored: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """What is shown, as a value."""
        return show.sealed(self)

    def to_dict(self) -> Json:
        """The reads and results, each with its cell."""
        return {
            "notebook": self.notebook or None,
            "seal": self.seal.digest,
            "stored": list(self.stored),
            "reads": [
                {**place_json(place), **read_json(read)} for place, cell in self._placed() for read in cell.reads
            ],
            "results": [
                {**place_json(place), **result_json(made)} for place, cell in self._placed() for made in cell.results
            ],
            "software": dict(self.seal.software),
            "notes": list(self.notes),
        }

    def _placed(self) -> list[tuple[CellPlace, SealedCell]]:
        return list(zip(self.places, self.seal.cells, strict=True))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Json:
        """The seal itself, for the output of the cell; text and HTML come from the other methods."""
        return {MIME: self.seal.to_json()}


def place_json(place: CellPlace) -> Json:
    """The keys that name a cell."""
    return {"cell": place.number, "execution_count": place.count, "id": place.id or None}


def seal_kernel(wiring: Wiring, kernel: Kernel, notebook: str | None) -> SealResult:
    """Seal what a kernel knows: shown with its bundle, and written to the lock when the notebook's file is known.

    Parameters
    ----------
    notebook
        The notebook's file, where the front end does not tell it.

    Raises
    ------
    RequestError
        If `notebook` names no notebook.
    """
    cells = kernel.journal.cells()
    seal = Seal(cells, versions(), kernel.journal.ran(), missed_reads(cells))
    path = kernel.path if notebook is None else Path(notebook)
    # The file is the editor's, and may be older than what ran: it serves to name cells, and says nothing against them.
    file = None if path is None else read_notebook(path)
    places = [_running(cell, place_of(cell, file)) for cell in seal.cells]
    missed = (seal.missed,) if seal.missed else ()
    if path is None or kernel.replayed:
        return SealResult(seal, places, "" if path is None else path.name, ("output",), missed)
    name, notes = _locked(wiring, path, seal, places)
    return SealResult(seal, places, name or path.name, ("output", *(("lock",) if name else ())), (*missed, *notes))


def missed_reads(cells: Sequence[SealedCell]) -> tuple[ReadRecord, ...]:
    """What was read before anybody watched the cells, unless a cell has read the same since."""
    heard = {replace(read, cell=NO_CELL) for cell in cells for read in cell.reads}
    early = (replace(read, cell=NO_CELL) for read in unheard() if read.cell != NOT_KEPT)
    return tuple(dict.fromkeys(read for read in early if read not in heard))


def seal_file(wiring: Wiring, path: Path) -> SealResult:
    """Copy the seal that a notebook's outputs carry into its metadata and into the lock.

    Raises
    ------
    RequestError
        If there is no such notebook.
    NoSeal
        If it carries none.
    SealDamaged
        If it was changed by hand.
    """
    notebook = read_notebook(path)
    found = seal_in(notebook)
    if found is None:
        raise no_seal(path)
    entry = notebook.metadata.get("seamless")
    write_metadata(notebook, "seamless", {**(entry if isinstance(entry, dict) else {}), "seal": found.seal.to_json()})
    places = [place_of(cell, notebook) for cell in found.seal.cells]
    name, notes = _locked(wiring, path, found.seal, places)
    stale = [f"{place} {place.since}." for place in outside(found.seal, notebook)]
    stale += [found.seal.missed] if found.seal.missed else []
    return SealResult(
        found.seal, places, name or path.name, ("metadata", *(("lock",) if name else ())), (*stale, *notes)
    )


def no_seal(path: Path) -> NoSeal:
    """The error of a notebook that was never sealed."""
    return NoSeal(
        f"{path} has no seal.",
        hint="Put %seamless seal into its last cell, run all cells, and save it.",
        path=str(path),
    )


def _running(cell: SealedCell, place: CellPlace) -> CellPlace:
    """The place of a cell of this kernel, which knows better than the file what it ran."""
    if place.since in (Since.GONE, Since.EDITED):
        return CellPlace(None, place.count, cell.cell.id)
    return replace(place, since=Since.NOTHING)


def _locked(wiring: Wiring, path: Path, seal: Seal, places: Sequence[CellPlace]) -> tuple[str, tuple[str, ...]]:
    """The notebook's name in the lock, after its reads were written there; empty when it lies elsewhere."""
    lockfile = wiring.home.lockfile
    name = name_in_lock(lockfile, path)
    if not name:
        return "", (f"Not written to the lock: {path.name} is not in the folder of {lockfile.name}.",)
    reads = tuple(
        NotebookRead(place.id or place.name, read.written, read.node, read.window, read.content, read.fingerprint)
        for place, cell in zip(places, seal.cells, strict=True)
        for read in cell.reads
    )
    edit(lockfile, lambda lock: lock.with_notebook(name, tuple(dict.fromkeys(reads))))
    return name, ()


def name_in_lock(lockfile: Path, path: Path) -> str:
    """How a lockfile names a notebook: its path from there, with `/`; empty when it lies outside."""
    folder, place = lockfile.resolve().parent, path.resolve()
    return place.relative_to(folder).as_posix() if place.is_relative_to(folder) else ""


def locked_cells(wiring: Wiring, name: str) -> tuple[SealedCell, ...]:
    """What the lock has of a notebook; digests only, no versions' numbers."""
    lock = wiring.pins.found()
    reads: dict[str, list[ReadRecord]] = {}
    for each in () if lock is None else lock.notebooks.get(name, ()):
        pin = each.ref.removeprefix("pin:") if each.ref.startswith("pin:") else ""
        ref = fixed_ref(each.node, each.fingerprint)
        domain = Domain.RESEARCH if pin or each.ref.endswith("@lock") else Domain.DRYRUN
        reads.setdefault(each.cell, []).append(
            ReadRecord(
                NO_CELL, each.ref, ref, each.node, each.window, each.content, each.fingerprint, 0, 0, 0, pin, domain
            )
        )
    return tuple(SealedCell(_cell(cell), "", tuple(found)) for cell, found in reads.items())


def _cell(text: str) -> Cell:
    """A cell as the lock names it: by its id, or by its number in brackets."""
    number = text.removeprefix("[").removesuffix("]")
    return Cell("", int(number)) if text.startswith("[") and number.isdigit() else Cell(text, None)
