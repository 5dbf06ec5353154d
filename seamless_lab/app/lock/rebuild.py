"""Checking the lockfile against the exchanges: its bars are acquired again, into a home that is deleted afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from seamless_lab.app.door import Door
from seamless_lab.app.home import Home, is_marked
from seamless_lab.app.lock.changes import first_changes
from seamless_lab.app.lock.check import engine_notes
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.lock.pins import located
from seamless_lab.app.lock.results import Checked, Finding, LockCheck, PinCheck
from seamless_lab.app.render.view import plural
from seamless_lab.app.sandbox_home import mark
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.comparison import Comparison
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.time import format_time
from seamless_lab.errors import DataError, RequestError, SeamlessError


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """What asking the exchange for a pin's bars came to; `error` is what it said instead of an answer."""

    pin: Pin
    coverage: Coverage | None
    error: SeamlessError | None = None


@contextmanager
def scratch_of(wiring: Wiring) -> Iterator[Wiring]:
    """The parts of a home that is empty, configured as another one, and deleted in the end; close its loop's side."""
    settings = replace(wiring.settings, artifact=replace(wiring.settings.artifact, folder=None))
    with TemporaryDirectory(prefix="seamless-rebuild-") as folder:
        place = Path(folder)
        home = Home(place / "home", None, place / "cache", "a rebuild")
        if is_marked(wiring.home.root):  # what may not be asked for this home may not be asked for its rebuild
            mark(home.root)
        scratch = Wiring(home, settings)
        scratch.sandbox_url = wiring.sandbox_url
        try:
            yield scratch
        finally:
            scratch.sealed_stores.close(wait=True)  # its folder goes next
            scratch.close_files()


async def acquire(scratch: Wiring, pins: Sequence[Pin]) -> list[Acquired]:
    """Ask the exchanges for the bars of some pins; one after the other, as the rate limit is one."""
    door, found = Door(scratch), []
    try:
        for pin in pins:
            try:
                done = await scratch.jobs.backfill(door.header(pin.node), pin.window, refresh=False)
                found.append(Acquired(pin, done.coverage, next(iter(done.outcome.errors), None)))
            except SeamlessError as error:
                found.append(Acquired(pin, None, error))
    finally:
        await scratch.close()
    return found


def compared(wiring: Wiring, lock: Lockfile, scratch: Wiring, acquired: Sequence[Acquired]) -> LockCheck:
    """What the exchanges gave against what was pinned."""
    found = tuple(_compared(wiring, scratch, one) for one in acquired)
    return LockCheck(found, engine_notes(lock.engines), str(wiring.pins.path), rebuilt=True)


def _compared(wiring: Wiring, scratch: Wiring, acquired: Acquired) -> PinCheck:
    pin, coverage = acquired.pin, acquired.coverage
    version = scratch.sealed.head(pin.node) if coverage is not None else None
    content = "" if version is None else scratch.sealed.content(version, pin.window)
    if content == pin.content:
        return PinCheck(pin, Checked.VERIFIED)
    if version is None or coverage is None or not coverage.complete or coverage.slots(Cause.PENDING):
        return _not_acquired(acquired)
    said = (
        f"the exchange gives sha256:{content[:16]} for {pin.window}, and the lockfile says sha256:{pin.content[:16]}."
    )
    findings = [Finding("content", said, str(pin.window), pin.content, content)]
    try:
        store = wiring.pins.store(pin)
        found = store.diff(located(store, pin), version, pin.window, new_in=scratch.sealed).found
    except (DataError, RequestError) as error:
        findings.append(Finding("version", f"which bars differ cannot be said: {error.message}"))
        return PinCheck(pin, Checked.DIFFERS, tuple(findings), hint=error.hint)
    findings.append(Finding("bars", _counted(found), _first(found)))
    commands = _seeing(pin, wiring)
    said = "To see all of it:" if commands else ""
    return PinCheck(pin, Checked.DIFFERS, tuple(findings), said, changes=first_changes(found), commands=commands)


def _seeing(pin: Pin, wiring: Wiring) -> tuple[str, ...]:
    """What shows all that differs, in a home of its own: with a sandbox's bars the user's would be a sandbox's too.

    Nothing where a setting names a sealed store, into which another home would seal too.
    """
    if wiring.settings.artifact.folder is not None:
        return ()
    file = wiring.settings.file
    config = f" --config {shlex.quote(str(file))}" if file is not None and file.parent == wiring.home.root else ""
    folder = f"rebuilt-{pin.name}"
    start, end = format_time(pin.window.start), format_time(pin.window.end)
    return (
        f"seamless backfill {pin.node} --start {start} --end {end} --refresh --home {folder}{config}",
        f"seamless diff {pin.ref} {pin.node}@latest --store {folder}/artifacts",
    )


def _not_acquired(acquired: Acquired) -> PinCheck:
    """The exchange did not answer for all of it, so that nothing is known of whether it differs."""
    pin, coverage, error = acquired.pin, acquired.coverage, acquired.error
    if coverage is None and error is not None:
        said, hint = error.message, error.hint
    else:
        open_slots = (
            0 if coverage is None else coverage.total - coverage.slots(Cause.PRESENT) - coverage.slots(Cause.QUIET)
        )
        reason = f": {error.message}" if error is not None else "."
        said = f"the exchange did not answer for {plural(open_slots, 'bar')} of {pin.window}{reason}"
        hint = error.hint if error is not None else ""
    return PinCheck(pin, Checked.UNVERIFIED, (Finding("version", said),), hint or "Try again later.")


def _counted(found: Comparison) -> str:
    parts = (
        (found.restated.height, "restated"),
        (len(found.added), "added"),
        (len(found.removed), "removed"),
    )
    said = ", ".join(f"{plural(count, 'bar')} {what}" for count, what in parts if count)
    return f"{said or 'no bar differs, and other slots have an answer'}; the first at {_first(found)}."


def _first(found: Comparison) -> str:
    bounds = found.changed.bounds
    return "" if bounds is None else format_time(bounds.start)
