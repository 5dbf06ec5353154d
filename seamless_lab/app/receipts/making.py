"""Making receipts: of a lab, of a kernel, of a notebook's file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from seamless_lab.app.export import file_writer
from seamless_lab.app.notebooks.file import read_notebook
from seamless_lab.app.notebooks.journal import Kernel
from seamless_lab.app.notebooks.places import Since, place_of, seal_in
from seamless_lab.app.notebooks.sealing import no_seal
from seamless_lab.app.receipts.receipt import Receipt, receipt_of
from seamless_lab.app.software import versions
from seamless_lab.app.wiring import Wiring
from seamless_lab.errors import DataError


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
    if file is None:
        return replace(found, notes=(*found.notes, _NO_CODE))
    saved = {"", *(each.digest for each in file.cells)}  # empty: nobody told what ran, as nbval does not
    unsaved = [cell for cell in cells if cell.source not in saved]
    return replace(found, notes=(*found.notes, f"{file.path.name} {_UNSAVED}")) if unsaved else found


def of_file(path: Path) -> Receipt:
    """The receipt of a notebook's seal.

    Raises
    ------
    RequestError
        If there is no such notebook.
    NoSeal, SealDamaged
        If it has no seal, or one that was changed by hand.
    DataError
        If cells changed after the seal: nobody knows what they depend on.
    """
    notebook = read_notebook(path)
    found = seal_in(notebook)
    if found is None:
        raise no_seal(path)
    seal = found.seal
    changed = [place for place in (place_of(cell, notebook) for cell in seal.cells) if place.since is not Since.NOTHING]
    if changed:
        raise DataError(
            f"{path}: {changed[0]} {changed[0].since}, so its seal says nothing about what it depends on now.",
            hint="Run all cells of the notebook, with %seamless seal as the last one, and save it.",
            path=str(path),
        )
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
