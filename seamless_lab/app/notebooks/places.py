"""Sealed cells found again in the notebook's file, by id, or by what they ran."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamless_lab.app.notebooks.file import CodeCell, NotebookFile
from seamless_lab.app.notebooks.journal import SealedCell
from seamless_lab.app.notebooks.seal import MIME, Seal, seal_from
from seamless_lab.errors import DataError


class NoSeal(DataError):
    """A notebook without a seal."""

    code = "E-NO-SEAL"
    exit_code = 3


class SealOutdated(DataError):
    """A seal that does not say what its notebook depends on now."""

    code = "E-SEAL-OUTDATED"
    exit_code = 3


class Since(StrEnum):
    """What happened to a cell since it was sealed."""

    NOTHING = ""
    GONE = "is not in the notebook any more"
    EDITED = "was edited since it was sealed"
    RAN = "ran again since it was sealed"
    UNRUN = "had not run when the notebook was sealed"


@dataclass(frozen=True, slots=True)
class CellPlace:
    """Where a sealed cell is.

    `number`: its place among all cells of the file, from 1, None when it is not in the file (any more); `count` what
    stood in its brackets; `line` the first line of its source; `since` what happened to it after it was sealed.
    """

    number: int | None
    count: int | None
    id: str
    line: str = ""
    since: Since = Since.NOTHING

    @property
    def name(self) -> str:
        """The number in its brackets, as a notebook shows it."""
        return "[ ]" if self.count is None else f"[{self.count}]"

    def __str__(self) -> str:
        where = f"cell {self.number}" if self.number is not None else "a cell"
        return f"{where} {self.name}{f' {self.id}' if self.id else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class FoundSeal:
    """A seal, and where it was: in the `outputs` or the `metadata` of the file, or in the `lock`."""

    seal: Seal
    where: str


def seal_in(notebook: NotebookFile) -> FoundSeal | None:
    """The seal of a notebook: the one that its kernel wrote last, else the one in its metadata.

    Raises
    ------
    SealDamaged
        If it was changed by hand.
    """
    shown = [
        (cell.count or 0, data[MIME])
        for cell in notebook.cells
        for output in cell.outputs
        if isinstance(data := output.get("data"), dict) and MIME in data
    ]
    if shown:
        newest = sorted(shown, key=lambda pair: pair[0])[-1][1]  # of equal numbers, the one further down
        return FoundSeal(seal_from(newest, f"the outputs of {notebook.path}"), "outputs")
    kept = notebook.metadata.get("seamless")
    if isinstance(kept, dict) and "seal" in kept:
        return FoundSeal(seal_from(kept["seal"], f"the metadata of {notebook.path}"), "metadata")
    return None


def place_of(sealed: SealedCell, notebook: NotebookFile | None) -> CellPlace:
    """Where a sealed cell is in the file now."""
    cell, count = sealed.cell, sealed.cell.execution_count
    if notebook is None:
        return CellPlace(None, count, cell.id)
    found = _found(sealed, notebook)
    if found is None:
        return CellPlace(None, count, cell.id, since=Since.GONE)
    since = Since.NOTHING
    if sealed.source and not found.is_of((sealed.source,)):
        since = Since.EDITED
    elif None not in (count, found.count) and found.count != count:
        since = Since.RAN
    return CellPlace(found.place, count, found.id or cell.id, _first_line(found), since)


def outside(seal: Seal, notebook: NotebookFile) -> list[CellPlace]:
    """The cells that a seal does not speak for: those that changed since, and those of the file that had not run."""
    changed = [place for place in (place_of(cell, notebook) for cell in seal.cells) if place.since]
    if seal.ran is None:
        return changed
    named = {place.number for place in changed}
    return changed + [
        CellPlace(cell.place, cell.count, cell.id, _first_line(cell), Since.UNRUN)
        for cell in notebook.cells
        if cell.place not in named and not cell.idle and not cell.is_of(seal.ran)
    ]


def _first_line(cell: CodeCell) -> str:
    return cell.source.strip().splitlines()[0]


def _found(sealed: SealedCell, notebook: NotebookFile) -> CodeCell | None:
    """By id where one was sealed; else by source and number, by source, by number."""
    if sealed.cell.id:
        return next((each for each in notebook.cells if each.id == sealed.cell.id), None)
    count = sealed.cell.execution_count
    same = [each for each in notebook.cells if each.digest == sealed.source]
    numbered = [each for each in notebook.cells if count is not None and each.count == count]
    for found in ([each for each in same if each in numbered], same, numbered):
        if found:
            return found[0]
    return None
