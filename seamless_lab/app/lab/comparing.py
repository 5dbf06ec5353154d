"""Verbs about versions in time. What they are made of is imported when one is called: most sessions call none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.compare import ROWS
from seamless_lab.app.lab.opened import Opened
from seamless_lab.core.time import TimeLike

if TYPE_CHECKING:
    from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
    from seamless_lab.app.compare.results import DiffResult, RollbackResult


class Comparing(Opened):
    """Diff, history, rollback."""

    def diff(
        self,
        ref: str,
        other: str | None = None,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        rows: int = ROWS,
    ) -> DiffResult:
        """How one version of a series differs from another, bar by bar; reads only what differs.

        Parameters
        ----------
        ref, other
            Two references, the later version second. With one: how the newest version differs from it, or, where it is
            the newest itself, from the one before.
        start, end
            Where to look; by default in what pins among the references have in common, else everywhere.
        store
            Folder of the store to look in for what is no pin; by default the home's.
        rows
            How many bars the result shows, and puts into JSON; its frames hold all.

        Raises
        ------
        RequestError
            For versions of different series, for a window outside a pin's, and for a series with one version only.
        SeamlessError
            As the references deserve.
        """
        from seamless_lab.app.compare import comparing

        refs = [ref] if other is None else [ref, other]
        return comparing.diff(self.wiring, self.door, refs, start, end, store=store, rows=rows)

    def history(
        self,
        ref: str,
        at: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        rows: int = ROWS,
    ) -> BarHistory | WindowHistory:
        """What the sealed versions of a series said about a bar, or a window, over time.

        Parameters
        ----------
        ref
            A node, or a pin of it.
        at, end
            A moment is the bar that holds it; a day, week, month or year, or a moment with an end, is a window. Without
            `at` a pin's window, or all there is.
        store
            Folder of the store to look in; by default the home's, or the pin's.
        rows
            How many commits the history of a window shows, and puts into JSON; its frame holds all.

        Raises
        ------
        RequestError
            For a reference to one version, and for what lies outside a pin's window.
        NotFound
            If the series has no version.
        """
        from seamless_lab.app.compare import comparing

        return comparing.history(self.wiring, self.door, ref, at, end, store=store, rows=rows)

    def rollback(self, ref: str, *, write: bool = False, rows: int = ROWS) -> RollbackResult:
        """What making an older version the newest again changes; with `write`, done at once, as a new version.

        What was observed before, also by other processes, does not undo it; what is observed later does. When others
        seal something meanwhile, that is rolled back too, and the result says what was. Where the newest version holds
        the same already, nothing is written.

        Parameters
        ----------
        ref
            `NODE@SELECTOR`.
        rows
            How many bars the result shows.

        Raises
        ------
        RequestError
            For a bare node, and for a pin that is in another store than the home's.
        NotFound
            If there is no such version.
        Corrupted
            If something of it that the newest version does not have cannot be read.
        ClockSkew
            If the clock is more than 5 s behind the newest version.
        """
        from seamless_lab.app.compare import comparing

        plan = comparing.plan_rollback(self.wiring, self.door, ref, rows=rows)
        if not write or not plan.changes:
            return plan
        made = self._portal.call(lambda: self.wiring.publisher.rollback(plan.target.version))
        return comparing.rolled_back(self.wiring, plan, made.version) if made.created else plan
