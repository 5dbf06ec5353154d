"""Verbs about the lockfile. What they are made of is imported when one is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seamless_lab.app.lab.opened import Opened
from seamless_lab.core.time import TimeLike
from seamless_lab.engine.events import Emit

if TYPE_CHECKING:
    from seamless_lab.app.lock.pin_results import LockShown, Pinned, Unpinned
    from seamless_lab.app.lock.results import LockCheck
    from seamless_lab.app.lock.update_results import LockUpdate


class Pinning(Opened):
    """Pin, check, update."""

    def pin(
        self,
        name: str,
        ref: str,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        store: str | None = None,
        replace: bool = False,
        allow_gaps: bool = False,
    ) -> Pinned:
        """Give bars a name in the lockfile; `pin:NAME` stands for exactly these from then on.

        Parameters
        ----------
        name
            Lower-case letters, digits, `_`, `.` and `-`.
        ref
            `NODE@SELECTOR` or `pin:OTHER`; a bare node is its newest sealed version.
        start, end
            The half-open window; without it all that the version holds.
        store
            Folder of the store that has them, at or below the lockfile's folder; by default the home's.
        replace
            Let a name stand for other bars than before.
        allow_gaps
            Pin slots without an answer as such.

        Raises
        ------
        RequestError
            If the name stands for other bars and `replace` is not set.
        GapsRefused
            If the window has slots without an answer and `allow_gaps` is not set.
        """
        from seamless_lab.app.lock import pinning

        wish = pinning.PinWish(name, ref, start, end, store, replace, allow_gaps)
        return pinning.pin(self.wiring, self.door, self.wiring.pins, wish)

    def unpin(self, name: str) -> Unpinned:
        """Take a name out of the lockfile; the sealed bars stay."""
        from seamless_lab.app.lock import pinning

        return pinning.unpin(self.wiring.pins, name)

    def lock(self) -> LockShown:
        """The lockfile: pins, engines and notebooks."""
        from seamless_lab.app.lock.pin_results import LockShown

        return LockShown(self.wiring.pins.found(), str(self.wiring.pins.path))

    def check_lock(
        self, names: Sequence[str] = (), *, rebuild: bool = False, on_event: Emit | None = None
    ) -> LockCheck:
        """Read and hash every bar of the pins (by default all) again, and compare them with the lockfile.

        With `rebuild` the bars come from the exchanges instead of the stores; what comes is thrown away afterwards.
        """
        from seamless_lab.app.lock import check
        from seamless_lab.app.lock import rebuild as rebuilding

        pins = self.wiring.pins
        if not rebuild:
            return check.check(self.wiring, pins, names)
        lock, chosen = check.chosen_pins(pins, names)
        with rebuilding.scratch_of(self.wiring) as scratch:
            acquired = self._portal.call(lambda: rebuilding.acquire(scratch, chosen), on_event)
            return rebuilding.compared(self.wiring, lock, scratch, acquired)

    def update_lock(self, names: Sequence[str] = (), *, write: bool = False) -> LockUpdate:
        """What the newest versions of their series make of the pins (by default all); with `write`, pinned at once."""
        from seamless_lab.app.lock import update

        return update.update(self.wiring, self.door, self.wiring.pins, names, write=write)
