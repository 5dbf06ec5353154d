"""What comparing and looking back have read, for the journal."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.reads import CURRENT_CELL, ReadRecord, place_of
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.policy import Domain
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import ConfigError, Corrupted, StoreUnavailable


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A version that was read, in its store.

    `written`: a reference that leads to it in the home's store, or by its pin; `shown`: what it is called instead,
    where the user has not written it.
    """

    written: str
    version: Version
    store: SealedStore
    pin: Pin | None = None
    shown: str = ""


def record(wiring: Wiring, source: Source, window: TimeRange | None) -> None:
    """Enter into the journal that a window of a version was read, None: all that it holds.

    What lies in a store that no reference leads to is not entered.
    """
    written = _reference(wiring, source)
    read = window or source.version.tree.bounds
    if not written or read is None:
        return
    version, pin = source.version, source.pin
    read, content, rows = _held(source, read)
    wiring.reads.add(
        ReadRecord(
            cell=CURRENT_CELL.get(),
            written=written,
            ref=fixed_ref(version.header.node, version.tree.fingerprint),
            node=version.header.node,
            window=read,
            content=content,
            fingerprint=version.tree.fingerprint,
            seq=version.commit.seq,
            as_of_ms=version.commit.as_of_ms,
            rows=rows,
            pin="" if pin is None else pin.name,
            # a series without a version is compared too, also where nobody answered, which sealed domains refuse
            domain=Domain.DRYRUN if pin is None else Domain.RESEARCH,
            store=place_of(pin),
        )
    )


def _reference(wiring: Wiring, source: Source) -> str:
    """What leads to the version again; of a store that only pins lead to, its content; empty where nothing does."""
    url = source.store.url
    if source.pin is not None or url == wiring.sealed.url:
        return source.written
    node = source.version.header.node
    try:
        beside = wiring.pins.stores_beside(node)
    except ConfigError:  # no lockfile that can be read leads there
        return ""
    return fixed_ref(node, source.version.tree.fingerprint) if any(store.url == url for store in beside) else ""


def _held(source: Source, window: TimeRange) -> tuple[TimeRange, str, int]:
    """A window, its content and its number of bars.

    Comparing opens what differs, and a window's digest what its edges cut: where that cannot be read, it is the pin's
    window instead, or all of the version, whose digests are known. A check of more than was read finds the damage.
    """
    try:
        return window, *source.store.content_and_rows(source.version, window)
    except (Corrupted, StoreUnavailable, OSError):
        pin, tree = source.pin, source.version.tree
        if pin is not None:
            return pin.window, pin.content, pin.rows
        return tree.bounds or window, tree.fingerprint, tree.rows
