"""Comparing versions, looking back at what was believed, and rolling back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from seamless_lab.app.compare import ROWS
from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
from seamless_lab.app.compare.recording import Source, record
from seamless_lab.app.compare.results import Compared, DiffResult, RollbackResult
from seamless_lab.app.door import Asked, Door
from seamless_lab.app.restoring import restoring
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.digest import Header
from seamless_lab.core.numbers import as_written, require_number
from seamless_lab.core.reference import Latest
from seamless_lab.core.time import TimeLike, TimeRange, parse_time, parse_window
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ
from seamless_lab.errors import Corrupted, InvalidTime, RequestError

# -- difference ----------------------------------------------------------------------------------------------------


def diff(
    wiring: Wiring,
    door: Door,
    refs: Sequence[str],
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    store: str | None = None,
    rows: int = ROWS,
) -> DiffResult:
    """How the version of the second of two references differs from that of the first.

    With one reference: how the newest version differs from the one it names; from the one before, where it names the
    newest itself. `store`: folder of the store to look in for what is no pin, by default the home's. Both sides go into
    the journal of reads.

    Raises
    ------
    RequestError
        For versions of different series, for a window outside a pin's, and for a series with one version only.
    NotFound, InvalidReference, InvalidNode
        As the references deserve.
    """
    _require_rows(rows)
    asked = [_asked(wiring, door, ref, store) for ref in refs]
    if len(asked) == 1:
        old, new = _with_newest(asked[0])
    else:
        old, new = (_source(one, one.selected()) for one in asked)
    window = _window(door, new.version.header, asked, start, end)
    alike = old.store.url == new.store.url  # else the damage may be in either
    with restoring(wiring, old.store if alike else wiring.sealed):
        found = old.store.diff(old.version, new.version, window, new_in=new.store)
    for side in (old, new):
        record(wiring, side, found.window)
    return DiffResult(_compared(wiring, old), _compared(wiring, new), found, rows)


def _require_rows(rows: int) -> None:
    require_number("rows", rows, f"How many to show, such as {ROWS}.", whole=True)
    if rows < 0:
        raise RequestError(f"rows is {rows}; it is 0 or more.", hint=f"How many to show, such as {ROWS}.", value=rows)


def _with_newest(asked: Asked) -> tuple[Source, Source]:
    """A version and the newest one; where they are one, a pin stays with itself and others get the one before."""
    version, newest = asked.selected(), asked.store.select(asked.node, Latest())
    seq = version.commit.seq
    head = Source(f"{asked.node}@latest", newest, asked.store, shown="the newest")
    if asked.pin is not None or seq < newest.commit.seq:
        return _source(asked, version), head
    if seq == FIRST_SEQ:
        raise RequestError(
            f"{asked.node} has one version only, seq:{seq}: there is none to compare it with.",
            hint="A restatement, or a fetch of more, makes the next one; then ask again.",
            node=str(asked.node),
        )
    before = asked.store.resolve(asked.node, seq=seq - 1)
    written = f"{asked.node}@seq:{seq - 1}"
    return Source(written, before, asked.store, shown="the one before"), replace(head, version=version)


def _source(asked: Asked, version: Version) -> Source:
    return Source(asked.written, version, asked.store, asked.pin)


def _compared(wiring: Wiring, source: Source) -> Compared:
    return Compared(source.shown or source.written, source.version, _place(wiring, source.store))


def _asked(wiring: Wiring, door: Door, ref: str, store: str | None) -> Asked:
    """What a reference names, in another store than the home's where one is given; a pin knows its own."""
    asked = door.asked(ref)
    if store is None or asked.pin is not None:
        return asked
    return replace(asked, store=wiring.sealed_stores.named(store))


def _place(wiring: Wiring, store: SealedStore) -> str:
    """Where a store is, as one would write it here; empty for the home's."""
    url = store.url
    return "" if url == wiring.sealed.url else min(os.path.relpath(url), url, key=len)


def _window(
    door: Door, header: Header, asked: Sequence[Asked], start: TimeLike | None, end: TimeLike | None
) -> TimeRange | None:
    """What to compare: the window wanted, else what all pins among the references have in common, else everything."""
    pins = [one.pin for one in asked if one.pin is not None]
    if start is not None:
        window = door.window(header, start, end)
        for pin in pins:
            door.require_inside(pin, window)
        return window
    if end is not None:
        raise RequestError(f"end {as_written(end)} has no start.", hint="Give both, or neither for all there is.")
    if not pins:
        return None
    first, last = max(pin.window.start for pin in pins), min(pin.window.end for pin in pins)
    if first >= last:
        raise RequestError(
            f"{pins[0].ref} is {pins[0].window} and {pins[-1].ref} is {pins[-1].window}: they share no bar.",
            hint="Compare versions of the series instead: NODE@SELECTOR.",
        )
    return TimeRange(first, last)


# -- history -------------------------------------------------------------------------------------------------------


def history(
    wiring: Wiring,
    door: Door,
    ref: str,
    at: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    store: str | None = None,
    rows: int = ROWS,
) -> BarHistory | WindowHistory:
    """What the versions of a series said about a bar, or a window, over time.

    A moment is the bar that holds it; a day, a week, a month, a year, or a moment with an end, is a window. Without
    either a pin's window, or all there is. `store` as for `diff`. What the newest version says goes into the journal.

    Raises
    ------
    RequestError
        For a reference to one version, and for what lies outside a pin's window.
    NotFound
        If the series has no version.
    """
    _require_rows(rows)
    asked = _asked(wiring, door, ref, store)
    if asked.selector is not None and asked.pin is None:
        raise RequestError(
            f"{ref!r} names a version, and a history is about all of them.",
            hint=f"Leave it out: {asked.node}",
            node=str(asked.node),
        )
    newest = asked.store.select(asked.node, Latest())
    window = _looked_at(wiring, door, newest.header, asked, at, end)
    place = _place(wiring, asked.store)
    found: BarHistory | WindowHistory
    with restoring(wiring, asked.store):
        if window is not None and window.seconds == newest.header.grid.step_s:
            beliefs = asked.store.beliefs(asked.node, window.start)
            found = BarHistory(asked.node, window, tuple(beliefs), newest.commit, place)
        else:
            changes = tuple(asked.store.changes(asked.node, window))
            found = WindowHistory(asked.node, window, changes, newest.commit, place, rows)
    _record_history(wiring, asked, newest, window)
    return found


def _record_history(wiring: Wiring, asked: Asked, newest: Version, window: TimeRange | None) -> None:
    """Older versions do not change: what a history says hangs on the newest, and of a pin on its window."""
    if asked.version is not None:
        record(wiring, _source(asked, asked.version), window)
    written = asked.written if asked.pin is None else f"{asked.node}@latest"
    record(wiring, Source(written, newest, asked.store), window)


def _looked_at(
    wiring: Wiring, door: Door, header: Header, asked: Asked, at: TimeLike | None, end: TimeLike | None
) -> TimeRange | None:
    if at is None:
        if end is not None:
            raise RequestError(f"end {as_written(end)} has no --at.", hint="Give both, or neither for all there is.")
        return None if asked.pin is None else asked.pin.window
    now_s = wiring.clock.now_ms() // 1000
    try:
        wanted = parse_window(at, end, now_s=now_s)
    except InvalidTime:
        if end is not None:
            raise
        moment = parse_time(at, now_s=now_s)  # a moment has no length of its own: it is one bar
        wanted = TimeRange(moment, moment + 1)
    window = door.window(header, wanted.start, wanted.end)
    if asked.pin is not None:
        door.require_inside(asked.pin, window)
    return window


# -- rollback ------------------------------------------------------------------------------------------------------


def plan_rollback(wiring: Wiring, door: Door, ref: str, *, rows: int = ROWS) -> RollbackResult:
    """What making an older version the newest again would change.

    Raises
    ------
    RequestError
        For a bare node, and for a pin of another store than the home's.
    NotFound
        If there is no such version.
    """
    _require_rows(rows)
    asked = door.asked(ref)
    if asked.selector is None:
        raise RequestError(
            f"{ref!r} names no version to roll back to.",
            hint=f"Name one: {asked.node}@seq:N. seamless artifacts {asked.node} lists them.",
            node=str(asked.node),
        )
    if _place(wiring, asked.store):
        raise RequestError(
            f"{ref} is in {asked.store.url}, and only versions of the home's own store can be made the newest of it.",
            hint=f"Ask the exchange for it here: seamless backfill {asked.node} --start T --end T",
            store=asked.store.url,
        )
    target, newest = asked.selected(), asked.store.head_commit(asked.node)
    assert newest is not None  # there is a version
    return _rollback(wiring, Compared(ref, target), newest.seq, None, rows)


def rolled_back(wiring: Wiring, plan: RollbackResult, made: Version) -> RollbackResult:
    """What a rollback that was planned and then made has changed, whatever others sealed in between."""
    replaced = made.commit.provenance.get("replaces")
    head_seq = replaced if isinstance(replaced, int) else plan.head.seq
    rows = ROWS if plan.difference is None else plan.difference.rows
    return _rollback(wiring, plan.target, head_seq, made, rows)


def _rollback(wiring: Wiring, target: Compared, head_seq: int, made: Version | None, rows: int) -> RollbackResult:
    store, node = wiring.sealed, target.version.header.node
    head = store.commit(node, head_seq)
    again = f"seamless rollback {node}@seq:{target.version.commit.seq} --yes"
    try:
        newest = Compared("the newest", store.resolve(node, seq=head_seq))
        found = store.diff(newest.version, target.version)
    except Corrupted as error:  # a damaged version is a reason to go back to a sound one
        return RollbackResult(target, head, None, made, again, error.message)
    return RollbackResult(target, head, DiffResult(newest, target, found, rows), made, again)
