"""The one way in which sealed data are read by everything that is neither a fetch nor a comparison: SQL, backtests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seamless_lab.app.door import Asked, Door, needs_start
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.reads import read_of
from seamless_lab.app.restoring import restoring
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.bars import Bars
from seamless_lab.core.gate import admit, moves
from seamless_lab.core.identity import NodeId
from seamless_lab.core.policy import Domain, Strategy
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeLike, TimeRange, format_time
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.request import Provenance
from seamless_lab.errors import DataError, NotSealed


@dataclass(frozen=True, slots=True, eq=False)
class SealedTarget:
    """What a reference comes to, before any bar is read.

    `written`: the reference as the user wrote it. `ref`: `NODE@sha256:<16 hex>`, which stays the same. `window`: on the
    grid of the version. `locked`: the pin that it was named by.
    """

    written: str
    ref: str
    node: NodeId
    window: TimeRange
    version: Version
    locked: Pin | None
    store: SealedStore
    domain: Domain

    @property
    def pin(self) -> str:
        """The pin's name, or empty."""
        return "" if self.locked is None else self.locked.name

    @property
    def expected(self) -> str:
        """The digest that the window must have by the lockfile, or empty when the window is not the pin's."""
        return "" if self.locked is None or self.window != self.locked.window else self.locked.content


@dataclass(frozen=True, slots=True, eq=False)
class SealedBars:
    """Bars of one sealed version in a window, and nothing outside it.

    `answered`: the slots of the window for which the version has an answer; `content`: the digest of exactly these bars
    and answers.
    """

    target: SealedTarget
    bars: Bars
    answered: Ranges
    content: str


def resolve_sealed(
    wiring: Wiring,
    door: Door,
    ref: str,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    domain: Domain = Domain.RESEARCH,
    store: SealedStore | None = None,
) -> SealedTarget:
    """What a reference comes to in a domain. Opens no rows but those that a pin's edges cut, once.

    Parameters
    ----------
    ref
        `pin:NAME`, `NODE@lock`, `NODE@SELECTOR`; a bare `NODE` only in a domain that is not sealed.
    start, end
        Without them the pin's window, or all that the version holds.
    domain
        `research` and `backtest` refuse what may be another version tomorrow.
    store
        Where to look for what is no pin; by default the home's store.

    Raises
    ------
    NotSealed
        For what the domain refuses, with a reference that it would accept; for a window that the version does not hold.
    RequestError
        For a window outside the pin's, or an end without a start.
    InvalidReference, InvalidNode, NotFound, DataError
        As the reference deserves.
    """
    needs_start(start, end)
    asked = door.asked(ref)
    if store is not None and asked.pin is None:
        asked = replace(asked, store=store)
    version = asked.version if asked.version is not None else _admitted(wiring, door, asked, domain)
    return SealedTarget(
        written=ref,
        ref=fixed_ref(asked.node, version.tree.fingerprint),
        node=asked.node,
        window=_window(door, asked, version, start, end),
        version=version,
        locked=asked.pin,
        store=asked.store,
        domain=domain,
    )


def read_target(wiring: Wiring, target: SealedTarget) -> SealedBars:
    """The bars of a target, verified against their digests and the lockfile; the read goes into the journal.

    Raises
    ------
    Corrupted
        If stored bytes do not match their digests; names the file.
    DataError
        If the window is a pin's, and holds something else than the lockfile says.
    """
    with restoring(wiring, target.store):
        sealed = target.store.read(target.version, target.window)
    if target.expected and sealed.content != target.expected:
        raise DataError(
            f"{target.written} has the content sha256:{sealed.content[:16]} in {target.window}, and the lockfile says "
            f"sha256:{target.expected[:16]}.",
            hint="Run seamless lock --check, which says what differs.",
            pin=target.pin,
            expected=target.expected,
            found=sealed.content,
        )
    commit = target.version.commit
    provenance = Provenance(sealed.content, commit.fingerprint, commit.seq, commit.as_of_ms)
    wiring.reads.add(read_of(target.written, target.locked, target.domain, target.window, sealed.bars, provenance))
    return SealedBars(target, sealed.bars, sealed.answered, sealed.content)


def _admitted(wiring: Wiring, door: Door, asked: Asked, domain: Domain) -> Version:
    """The version that a reference names, if the domain lets it."""
    now_ms = wiring.clock.now_ms()
    nearest = ""
    if domain.sealed and moves(asked.selector, now_ms=now_ms):
        head = asked.store.head_commit(asked.node)
        nearest = door.pinned(asked.node) or ("" if head is None else fixed_ref(asked.node, head.fingerprint))
    admit(domain, Strategy.FAIL_FAST, asked.selector, now_ms=now_ms, nearest=nearest)
    with restoring(wiring, asked.store):
        return asked.selected()


def _window(door: Door, asked: Asked, version: Version, start: TimeLike | None, end: TimeLike | None) -> TimeRange:
    header, holds = version.header, version.tree.bounds
    if start is not None:
        window = door.window(header, start, end)
    elif asked.pin is not None:
        return asked.pin.window
    elif holds is not None:
        return holds
    else:
        raise NotSealed(f"{asked.written} holds nothing.", hint=f"See its versions: seamless artifacts {asked.node}")
    if asked.pin is not None:
        door.require_inside(asked.pin, window)
    elif holds is None or not holds.contains(window):
        said = "nothing" if holds is None else str(holds)
        raise NotSealed(
            f"{asked.written} holds {said}, and {window} was asked for.",
            hint=f"Ask for what it holds, or fetch the rest first: seamless fetch {asked.node} "
            f"--start {format_time(window.start)} --end {format_time(window.end)}",
            node=str(asked.node),
        )
    return window
