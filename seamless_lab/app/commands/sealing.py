"""Commands that say what a notebook's results depend on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app.command import Call, Command, Kind, Parameter
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seamless_lab.app.lab import Lab
    from seamless_lab.app.results import Result

NOTEBOOK = Parameter(
    "notebook", "A notebook's file.", Kind.FILE, positional=True, metavar="NOTEBOOK", endings=(".ipynb",)
)


def seal(call: Call, *, notebook: str | None) -> Result:
    """Write down what the cells read."""
    kernel = call.kernel()
    if kernel is not None:
        from seamless_lab.app.notebooks.sealing import seal_kernel

        return seal_kernel(call.lab().wiring, kernel, notebook)
    if notebook is None:
        raise RequestError(
            "There is no notebook here to seal.",
            hint="In a notebook: %seamless seal. In a terminal, for one that has run: seamless seal NOTEBOOK.ipynb",
        )
    return call.lab().seal(notebook)


def check_notebooks(lab: Lab, names: Sequence[str], *, rebuild: bool) -> Result:
    """What `lock --check` does with notebooks."""
    from seamless_lab.app.notebooks.checking import NotebookChecks

    pins = [name for name in names if not name.endswith(".ipynb")]
    if pins or rebuild:
        said = f"pins ({pins[0]})" if pins else "--rebuild"
        raise RequestError(
            f"lock --check takes notebooks or {said}, not both.",
            hint="Check the notebook alone: what its pins hold is part of what it reads.",
        )
    checks = [lab.check_notebook(name) for name in names]
    return checks[0] if len(checks) == 1 else NotebookChecks(checks)


def receipt(call: Call, *, notebook: str | None, out: str | None, force: bool) -> Result:
    """What results depended on."""
    from seamless_lab.app.receipts import making

    write = None if out is None else making.writer(out, force=force)
    kernel = call.kernel()
    if kernel is not None:
        found = making.of_kernel(kernel, notebook)
    elif notebook is not None:
        found = making.of_file(Path(notebook))
    else:
        raise RequestError(
            "There is no notebook here to write a receipt of.",
            hint="In a notebook: %seamless receipt. In a terminal, for one that is sealed: seamless receipt NOTEBOOK",
        )
    if write is not None and not (kernel is not None and kernel.replayed):
        write(found)
    return found


SEAL = (
    Command(
        "seal",
        "Write down which cell of a notebook read which sealed bars.",
        "In a notebook, its last cell: shows the reads, and keeps them in this cell's output and in the lockfile. In a "
        "terminal: copies the seal from the outputs of a notebook that has run into its metadata and the lockfile.",
        (NOTEBOOK,),
        ("seal", "seal notebooks/crossover.ipynb"),
        seal,
    ),
    Command(
        "receipt",
        "Write what a notebook's results depended on: bars, code and software.",
        "Inputs with their digests, results with the digest and the recipe of each, the digest of the notebook's code, "
        "and versions, under a digest of its own that holds on any machine. verify RECEIPT.json reproduces it.",
        (
            NOTEBOOK,
            Parameter(
                "out",
                "Write it to FILE: .json (for verify) or .txt.",
                Kind.FILE,
                short="o",
                metavar="FILE",
                endings=(".json", ".txt"),
            ),
            Parameter("force", "Replace a file that has other content.", Kind.FLAG),
        ),
        ("receipt", "receipt notebooks/crossover.ipynb --out crossover.receipt.json"),
        receipt,
    ),
)
