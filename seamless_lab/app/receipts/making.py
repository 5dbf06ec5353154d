"""Making receipts: of a lab, of a kernel, of a notebook's file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from seamless_lab.app.export import file_writer
from seamless_lab.app.notebooks.file import read_notebook
from seamless_lab.app.notebooks.journal import Kernel
from seamless_lab.app.notebooks.places import SealOutdated, outside, seal_in
from seamless_lab.app.notebooks.seal import WATCH, missed
from seamless_lab.app.notebooks.sealing import missed_reads, no_seal
from seamless_lab.app.receipts.receipt import LAST, Receipt, inputs_of, receipt_of
from seamless_lab.app.render.view import plural
from seamless_lab.app.software import versions
from seamless_lab.app.wiring import Wiring


def of_lab(wiring: Wiring) -> Receipt:
    """The receipt of all that a lab read and made."""
    return receipt_of(wiring.reads.records(), wiring.results.records(), versions())


def of_kernel(kernel: Kernel, notebook: str | None) -> Receipt:
    """The receipt of what the cells of a kernel read and made when they last ran, and of its notebook's saved code.

    Raises
    ------
    RequestError
        If `notebook` names no notebook.
    """
    path = kernel.path if notebook is None else Path(notebook)
    file = None if path is None else read_notebook(path)
    cells = kernel.journal.cells()
    found = receipt_of(
        (read for cell in cells for read in cell.reads),
        (made for cell in cells for made in cell.results),
        versions(),
        file,
    )
    unheard = missed_reads(cells)
    if unheard:
        found = replace(found, unheard=inputs_of(unheard), notes=(*found.notes, missed(unheard, "receipt")))
    if found.notebook is None or file is None:
        return replace(found, notes=(*found.notes, _NO_CODE))
    ran = kernel.journal.ran()
    unrun = sum(not (cell.idle or cell.is_of(ran)) for cell in file.cells)
    found = replace(found, notebook=replace(found.notebook, unrun=unrun))
    saved = {"", *(each.digest for each in file.cells)}  # empty: nobody told what ran, as nbval does not
    unsaved = [cell for cell in cells if cell.source not in saved]
    if unsaved:
        return replace(found, notes=(*found.notes, f"{file.path.name} {_UNSAVED}"))
    said = f"{plural(unrun, 'code cell')} of {file.path.name} had not run as saved: save it, and {LAST}."
    return replace(found, notes=(*found.notes, said)) if unrun else found


def of_file(path: Path) -> Receipt:
    """The receipt of a notebook's seal.

    Raises
    ------
    RequestError
        If there is no such notebook.
    NoSeal, SealDamaged
        If it has no seal, or one that was changed by hand.
    SealOutdated
        If cells changed or ran after the seal, or read what it does not have: nobody knows what they depend on.
    """
    notebook = read_notebook(path)
    found = seal_in(notebook)
    if found is None:
        raise no_seal(path)
    seal = found.seal
    if unsaid := outside(seal, notebook):
        raise SealOutdated(
            f"{path}: {unsaid[0]} {unsaid[0].since}, so its seal says nothing about what it depends on now.",
            hint="Run all cells of the notebook, with %seamless seal as the last one, and save it.",
            path=str(path),
        )
    if seal.unheard:
        raise SealOutdated(f"{path}: {seal.missed.removesuffix(WATCH).strip()}", hint=WATCH, path=str(path))
    return receipt_of(seal.reads, seal.results, seal.software, notebook)


def writer(target: str, *, force: bool) -> Callable[[Receipt], None]:
    """A function that writes a receipt to a file, as JSON (which `verify` reads) or as text; see `file_writer`."""
    folder = Path(target).parent

    def as_json(receipt: Receipt) -> bytes:
        text = json.dumps(receipt.to_json(folder), indent=1, sort_keys=True, ensure_ascii=False)
        return f"{text}\n".encode()

    def as_text(receipt: Receipt) -> bytes:
        return f"{receipt.to_text()}\n".encode()

    return file_writer(target, {".json": as_json, ".txt": as_text}, force=force, noun="receipts")


_NO_CODE = "Which code this is of is not known here: %seamless receipt NOTEBOOK.ipynb"
_UNSAVED = "was not saved since its cells ran: save it, and run this again, or the receipt is of older code."
