"""Verbs that say what a result depended on. What they are made of is imported when one is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seamless_lab.app.lab.opened import Opened
from seamless_lab.app.paths import path_of

if TYPE_CHECKING:
    from seamless_lab.app.notebooks.checking import NotebookCheck
    from seamless_lab.app.notebooks.sealing import SealResult
    from seamless_lab.app.receipts.checking import ReceiptCheck
    from seamless_lab.app.receipts.receipt import Receipt


class Vouching(Opened):
    """Seals of notebooks, and receipts."""

    def seal(self, notebook: str | Path) -> SealResult:
        """Copy the seal that a notebook's outputs carry into its metadata, and into the lockfile.

        The notebook has run, with `%seamless seal` as its last cell, and was saved. Of the file nothing else changes.

        Raises
        ------
        RequestError
            If there is no such notebook.
        NoSeal, SealDamaged
            If its outputs have no seal, or one that was changed by hand.
        """
        from seamless_lab.app.notebooks.sealing import seal_file

        return seal_file(self.wiring, path_of("notebook", notebook))

    def check_notebook(self, notebook: str | Path) -> NotebookCheck:
        """What every cell of a sealed notebook would read today, by its references as they are written.

        Raises as `seal` does.
        """
        from seamless_lab.app.notebooks.checking import check_notebook

        return check_notebook(self.wiring, self.door, path_of("notebook", notebook))

    def receipt(self, *results: object, notebook: str | Path | None = None) -> Receipt:
        """What results depended on: sealed inputs, how they were made, code and software, with a digest of all that.

        Parameters
        ----------
        results
            What this lab's `fetch`, `sql` or `backtest` returned; by default all that it read and made so far.
        notebook
            A notebook's file: the receipt is of its seal, and says which code it is of.

        Raises
        ------
        RequestError
            For a value that this lab did not make.
        NoSeal, SealDamaged, DataError
            For a notebook without a seal, with one that was changed, or whose cells changed after it.

        Examples
        --------
        >>> lab.receipt(lab.backtest(crossover(20, 100), pins=["pin:btc"])).digest  # doctest: +SKIP
        """
        from seamless_lab.app.receipts import making
        from seamless_lab.app.receipts.receipt import about

        made = making.of_lab(self.wiring) if notebook is None else making.of_file(path_of("notebook", notebook))
        return about(made, results) if results else made

    def verify_receipt(
        self,
        receipt: str | Path,
        *,
        run: bool = False,
        notebook: str | Path | None = None,
        on_run: Callable[[Path], None] | None = None,
    ) -> ReceiptCheck:
        """Read the inputs of a receipt again, make its results again, and compare the code of its notebook.

        Parameters
        ----------
        receipt
            A file that `seamless receipt --out` wrote.
        run
            Run the notebook too, in a fresh kernel; its file is left as it is.
        notebook
            Where the notebook is, if not where it was. One that lies neither in the receipt's folder nor in the project
            is run only when it is named here.
        on_run
            Gets the notebook before it is run.

        Raises
        ------
        ReceiptDamaged
            If the receipt was changed after it was written.
        RequestError
            For `run`, if there is no notebook that may be run.
        """
        from seamless_lab.app.receipts.checking import verify_receipt

        place = None if notebook is None else path_of("notebook", notebook)
        return verify_receipt(self.wiring, path_of("receipt", receipt), place, run=run, on_run=on_run)
