"""Pinning: giving bars a name in the lockfile, and taking it away."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from seamless_lab.app.door import Door
from seamless_lab.app.home import FOLDER
from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.lock.pin_results import Pinned, Unpinned
from seamless_lab.app.lock.pins import Pins, mending
from seamless_lab.app.restoring import restoring
from seamless_lab.app.sealed_reads import SealedTarget, resolve_sealed
from seamless_lab.app.software import versions
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.policy import Domain
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import named_pin, parse_pin_name
from seamless_lab.core.time import TimeLike, format_time
from seamless_lab.engine.artifacts import Audit
from seamless_lab.errors import Corrupted, GapsRefused, Missing, NotSealed, RequestError

_ENGINES = ("conformance", "duckdb", "polars", "seamless_lab")


@dataclass(frozen=True, slots=True)
class PinWish:
    """What to pin, as users write it.

    `store`: folder of the store to read from, the home's by default. `replace`: whether a name may get other data;
    `allow_gaps`: whether slots without an answer may be pinned as such.
    """

    name: str
    ref: str
    start: TimeLike | None = None
    end: TimeLike | None = None
    store: str | None = None
    replace: bool = False
    allow_gaps: bool = False


def pin(wiring: Wiring, door: Door, pins: Pins, wish: PinWish) -> Pinned:
    """Write a pin into the lockfile.

    A name that has the same bars already stays as it is, whichever version they were found in this time.

    Raises
    ------
    RequestError
        If the name stands for other data and `replace` is not set; nothing is written.
    GapsRefused
        If the window has slots that the version has no answer for and `allow_gaps` is not set.
    SeamlessError
        As `resolve_sealed`, `pin_of`, `edit`.
    """
    name = parse_pin_name(wish.name)
    store = None if wish.store is None else wiring.sealed_stores.named(wish.store)
    try:
        target = resolve_sealed(wiring, door, wish.ref, wish.start, wish.end, domain=Domain.DRYRUN, store=store)
    except NotSealed as error:
        if not wish.allow_gaps:
            raise
        said = f"{error.message} --allow-gaps (allow_gaps=True) is for gaps inside what it holds, not for more."
        raise NotSealed(said, hint=error.hint, **error.facts) from error
    made = pin_of(wiring, name, target, _store_beside(wiring, pins.path, target.store.url))
    if not wish.allow_gaps:
        refuse_gaps(target)

    def put(lock: Lockfile) -> Lockfile:
        before = lock.pins.get(name)
        if before is not None and _same_data(before, made):
            return lock
        if before is not None and not wish.replace:
            raise RequestError(
                f"{before.ref} stands for other data: {before.node} {before.window}, sha256:{before.content[:16]}; "
                f"now it would be {made.node} {made.window}, sha256:{made.content[:16]}.",
                hint="Add --replace (replace=True) to pin the new data under this name, or choose another name.",
                pin=name,
                before=before.content,
                now=made.content,
            )
        return lock.with_pins([made], engines())

    was, now = edit(pins.path, put)
    return Pinned(now.pins[name], was.pins.get(name), str(pins.path))


def unpin(pins: Pins, name: str) -> Unpinned:
    """Take a pin out of the lockfile; the sealed data stay.

    Raises
    ------
    InvalidReference
        If there is no such pin.
    ConfigError
        If there is no lockfile.
    """
    gone = pins.named(named_pin(name), hint="See all pins: seamless pin")
    edit(pins.path, lambda lock: lock.without(gone.name))
    return Unpinned(gone, str(pins.path))


def engines() -> dict[str, str]:
    """The versions of what gives bars their digests and results their digits, as far as it is installed."""
    return {name: version for name, version in versions().items() if name in _ENGINES}


def pin_of(wiring: Wiring, name: str, target: SealedTarget, store: str) -> Pin:
    """The pin of what a target holds by the files of its store, hashed again as a check of the pin hashes them.

    Raises
    ------
    Corrupted
        If a file that holds some of it is damaged or missing.
    NotFound, DataError
        As `Pins.again`.
    """
    with restoring(wiring, target.store):
        files = wiring.sealed_stores.unremembered(target.store)  # others will not have what this machine remembers
        version = wiring.pins.again(target.store, files, target.version, target.locked)
        audit, commit = files.audit(version, target.window), version.commit
        made = Pin(
            name=name,
            node=target.node,
            window=target.window,
            content=audit.content,
            fingerprint=commit.fingerprint,
            seq=commit.seq,
            as_of_ms=commit.as_of_ms,
            rows=audit.rows,
            store=store,
        )
        refuse_damage(made, audit)
    return made


def refuse_damage(pin: Pin, audit: Audit) -> None:
    """Refuse a pin some files of which are damaged or missing. Raises `Corrupted`."""
    if not audit.damages:
        return
    first = audit.damages[0]
    raise (Missing if audit.only_missing else Corrupted)(
        f"{first.path} {first.problem}.",
        hint=mending(pin, audit),
        path=first.path,
        expected=first.expected,
        found=first.found or None,
    )


def _store_beside(wiring: Wiring, lockfile: Path, url: str) -> str:
    """What a pin says about its store: its folder beside the lockfile, or nothing when it is the home's."""
    folder, beside = PurePath(os.path.realpath(url)), PurePath(os.path.realpath(lockfile.parent))
    if folder in (beside / "artifacts", beside / FOLDER / "artifacts"):  # where a home beside the lockfile has it
        return ""
    if folder.is_relative_to(beside):
        return folder.relative_to(beside).as_posix()
    if str(folder) == os.path.realpath(wiring.sealed.url):
        return ""
    raise RequestError(
        f"The store {folder} is not below {beside}, where the lockfile is, so that others would not find it.",
        hint="Put the store into the project's folder, or pin in its home: --home FOLDER (Lab(FOLDER)).",
        store=str(folder),
        lockfile=str(lockfile),
    )


def refuse_gaps(target: SealedTarget) -> None:
    """Refuse to pin slots that a version has no answer for. Raises `GapsRefused`."""
    open_slots = Ranges.single(target.window) - target.version.tree.answered
    bounds = open_slots.bounds
    if bounds is None:
        return
    first_end = int(open_slots.ends[0])
    slots = open_slots.seconds // target.version.header.grid.step_s
    raise GapsRefused(
        f"{target.ref} has {len(open_slots)} gap{'s' if len(open_slots) > 1 else ''} ({slots:,} bars) in "
        f"{target.window}; the first is [{format_time(bounds.start)}, {format_time(first_end)}).",
        hint=f"Fill them and pin the new version: seamless backfill {target.node} --start {format_time(bounds.start)} "
        f"--end {format_time(bounds.end)}. Or pin the gaps with the rest: --allow-gaps (allow_gaps=True)",
        node=str(target.node),
        gaps=len(open_slots),
        slots=slots,
    )


def _same_data(one: Pin, other: Pin) -> bool:
    return (one.node, one.window, one.content, one.store) == (other.node, other.window, other.content, other.store)
