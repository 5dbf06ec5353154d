"""The door: what users write becomes values, parsed once and refused here if at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from seamless_lab.app import inspect
from seamless_lab.app.lock.lockfile import Pin
from seamless_lab.app.restoring import restoring
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.digest import Header
from seamless_lab.core.gate import admit, moves
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import NodeId, require_bars
from seamless_lab.core.numbers import as_written, seen
from seamless_lab.core.policy import ComputeContext, Domain, SLAPolicy, Strategy
from seamless_lab.core.reference import (
    Fingerprint,
    Latest,
    Locked,
    PinName,
    Reference,
    Selector,
    parse_reference,
    parse_selector,
)
from seamless_lab.core.time import EARLIEST_S, TimeLike, TimeRange, format_time_ms, parse_time_ms, parse_window
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.request import FetchRequest
from seamless_lab.errors import ConfigError, Corrupted, InvalidNode, NotFound, NotSealed, RequestError


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """The options of a fetch as users write them; None takes what the settings say."""

    as_of: TimeLike | None = None
    domain: Domain | str | None = None
    strategy: Strategy | str | None = None
    sla: SLAPolicy | str | None = None
    world: str | None = None
    max_lag_s: int | None = None
    min_coverage: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a reference names: a node, which of its versions, and the store that has it.

    `selector` is None when none was written. Of a pin, `version` is the one that holds what the lockfile says.
    """

    written: str
    node: NodeId
    selector: Selector | None
    store: SealedStore
    pin: Pin | None = None
    version: Version | None = None

    def selected(self) -> Version:
        """The version that is named; the newest when none is."""
        return self.version or self.store.select(self.node, self.selector or Latest())


@dataclass(frozen=True, slots=True, eq=False)
class AskedFetch:
    """A fetch as users write it: the request, and where its reference leads."""

    request: FetchRequest
    asked: Asked


class Door:
    """Parses what users write, by the settings and the clock of one lab; opens stores only for pins and windows."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def request(self, node: str, start: TimeLike | None, end: TimeLike | None, options: FetchOptions) -> AskedFetch:
        """A fetch of a node or of a reference to a version; without a window, of a pin's."""
        settings = self._wiring.settings
        asked = self.asked(node, options.as_of)
        chosen = settings.context.domain if options.domain is None else Domain(as_written(options.domain))
        if chosen is Domain.LIVE and not isinstance(asked.selector, Latest | None):
            raise RequestError(
                "The live domain follows the newest version, and was asked for another one.",
                hint="Leave the version out, or read it in the research or backtest domain.",
                domain=str(chosen),
            )
        strategy = settings.strategy if options.strategy is None else Strategy(as_written(options.strategy))
        now_ms = self._wiring.clock.now_ms()
        if chosen.sealed and moves(asked.selector, now_ms=now_ms) and (pinned := self.pinned(asked.node)):
            admit(chosen, strategy, asked.selector, now_ms=now_ms, nearest=pinned)  # the engine knows nothing of pins
        context = ComputeContext(
            world_id=settings.context.world_id if options.world is None else options.world,
            domain=chosen,
            max_lag_s=settings.max_lag_s(chosen) if options.max_lag_s is None else options.max_lag_s,
            min_coverage=settings.context.min_coverage if options.min_coverage is None else options.min_coverage,
        )
        header = self.header(asked.node) if asked.version is None else asked.version.header
        sla = options.sla
        request = FetchRequest(
            header=header,
            window=self._wanted(header, asked, start, end),
            context=context,
            strategy=strategy,
            sla=sla if isinstance(sla, SLAPolicy) else settings.sla_named(sla),
            selector=asked.selector,
        )
        return AskedFetch(request, asked)

    def asked(self, ref: str, as_of: TimeLike | None = None) -> Asked:
        """What a reference names; pins are looked up in the lockfile, and found in their stores.

        Parameters
        ----------
        as_of
            A selector that was given beside the reference.
        """
        now_ms = self._wiring.clock.now_ms()
        parsed = self._parsed(ref)
        if as_of is not None and (isinstance(parsed, PinName) or parsed.selector is not None):
            raise RequestError(
                f"The version is named twice: by {ref!r} and by as_of {seen(as_of)}.",
                hint="Keep one of the two.",
                as_of=as_written(as_of),
            )
        if isinstance(parsed, PinName):
            return self._pinned(ref, self._wiring.pins.named(parsed.name))
        node = require_bars(parsed.node)
        selector = parsed.selector if as_of is None else parse_selector(as_of, now_ms=now_ms)
        written = ref if as_of is None else f"{ref}@{_text_of(as_of, now_ms)}"
        if isinstance(selector, Locked):
            return self._pinned(written, self._wiring.pins.of_node(node))
        return Asked(written, node, selector, self._holding(node, selector))

    def _holding(self, node: NodeId, selector: Selector | None) -> SealedStore:
        """The store to ask for a version: the home's; for content that it lacks, one that a pin of the node names.

        Raises
        ------
        NotFound
            If the home lacks it, and nobody can say where pins are read from: the lockfile cannot be read.
        """
        own = self._wiring.sealed
        if not isinstance(selector, Fingerprint):
            return own
        try:
            others = self._wiring.pins.stores_beside(node)
        except ConfigError as broken:
            _require_own(own, node, selector, broken)
            return own
        return next((store for store in (own, *others) if _has(store, node, selector)), own)

    def pin(self, ref: str) -> Pin | None:
        """The pin that `pin:NAME` names, None for what is written otherwise."""
        parsed = self._parsed(ref)
        return self._wiring.pins.named(parsed.name) if isinstance(parsed, PinName) else None

    def pinned(self, node: NodeId) -> str:
        """The pins of a node in the lockfile, for an error to name; empty when there are none."""
        with suppress(ConfigError):  # a broken lockfile is not what is wrong here
            lock = self._wiring.pins.found()
            if lock is not None:
                return " or ".join(pin.ref for pin in lock.of_node(node))
        return ""

    def _parsed(self, ref: str) -> Reference | PinName:
        """A reference; of the bare name of a pin the error says how it is written."""
        try:
            return parse_reference(ref, now_ms=self._wiring.clock.now_ms())
        except InvalidNode as error:
            with suppress(ConfigError):  # a broken lockfile is not what is wrong here
                lock = self._wiring.pins.found()
                if lock is not None and (name := as_written(ref).strip()) in lock.pins:
                    error.rehint(f"Did you mean pin:{name}?")
            raise

    def _pinned(self, ref: str, pin: Pin) -> Asked:
        pins = self._wiring.pins
        store = pins.store(pin)
        with restoring(self._wiring, store):
            version = pins.version(pin)
        return Asked(ref, pin.node, Fingerprint(version.tree.fingerprint), store, pin, version)

    def _wanted(self, header: Header, asked: Asked, start: TimeLike | None, end: TimeLike | None) -> TimeRange:
        """The window of a fetch."""
        if start is not None:
            window = self.window(header, start, end)
            if asked.pin is not None:
                self.require_inside(asked.pin, window)
            return window
        if end is not None or asked.pin is None:
            raise RequestError(
                f"{asked.written} has no start." if end is None else f"end {as_written(end)} has no start.",
                hint='Add a start, such as --start 2024-03 (start="2024-03"). Only a pin has a window of its own.',
            )
        return asked.pin.window

    def require_inside(self, pin: Pin, window: TimeRange) -> None:
        """Refuse a window that reaches outside a pin's.

        Raises
        ------
        RequestError
            With the pin's window.
        """
        if not pin.window.contains(window):
            raise RequestError(
                f"{pin.ref} is {pin.window}, and {window} was asked for.",
                hint="Ask for a window inside it, leave the window out, or pin more.",
                pin=pin.name,
                start=pin.window.start,
                end=pin.window.end,
            )

    def node(self, node: str) -> NodeId:
        """A node of something that reads no version: naming one is refused, not forgotten."""
        parsed = self._parsed(node)
        if isinstance(parsed, PinName) or parsed.selector is not None:
            bare = self._wiring.pins.named(parsed.name).node if isinstance(parsed, PinName) else parsed.node
            raise RequestError(
                f"{node!r} names a version, which is not read here.", hint=f"Write {bare}", node=str(bare)
            )
        return require_bars(parsed.node)

    def series(self, node: str) -> Header:
        """A node of something that reads no version, on its grid."""
        return self.header(self.node(node))

    def header(self, node: NodeId) -> Header:
        """A node on its grid."""
        anchor_s = self._wiring.settings.anchor_s(node.exchange, node.timeframe)
        return Header(node, grid_of(node.exchange, node.timeframe, anchor_s=anchor_s))

    def window(self, header: Header, start: TimeLike, end: TimeLike | None) -> TimeRange:
        """A window, widened to whole slots."""
        grid = header.grid
        whole = grid.snap_outward(parse_window(start, end, now_s=self._wiring.clock.now_ms() // 1000))
        # Slots that open before 1970 have no time to be written: the first one is the first whole slot.
        return TimeRange(max(whole.start, grid.ceil(EARLIEST_S)), whole.end)

    def known_window(self, header: Header, start: TimeLike | None, end: TimeLike | None) -> TimeRange:
        """A window; without a start, from the first to the last slot that is answered or failed."""
        needs_start(start, end)
        return inspect.known_bounds(self._wiring, header) if start is None else self.window(header, start, end)

    def version_window(self, asked: Asked, version: Version, start: TimeLike | None, end: TimeLike | None) -> TimeRange:
        """A window of a version, also outside of what it holds; without a start the pin's, or all that it holds.

        Raises
        ------
        RequestError
            For a window that reaches outside a pin's, or an end without a start.
        NotSealed
            For a version that holds nothing, without a window.
        """
        needs_start(start, end)
        if start is not None:
            window = self.window(version.header, start, end)
            if asked.pin is not None:
                self.require_inside(asked.pin, window)
            return window
        held = version.tree.bounds if asked.pin is None else asked.pin.window
        if held is None:
            hint = f"See its versions: seamless artifacts {asked.node}"
            raise NotSealed(f"{asked.written} holds nothing.", hint=hint, node=str(asked.node))
        return held


def needs_start(start: TimeLike | None, end: TimeLike | None) -> None:
    """Refuse an end without a start."""
    if end is not None and start is None:
        raise RequestError(f"end {as_written(end)} has no start.", hint="Give both, or neither for the whole of it.")


def _has(store: SealedStore, node: NodeId, version: Fingerprint) -> bool:
    """Whether a store has a version, sound or not: what is damaged is told by whoever reads it."""
    try:
        store.select(node, version)
    except NotFound:
        return False
    except Corrupted:
        return True
    return True


def _require_own(own: SealedStore, node: NodeId, version: Fingerprint, broken: ConfigError) -> None:
    """Refuse a version that the home lacks with the lockfile that may say where it is, and cannot be read."""
    with suppress(Corrupted):  # what is damaged is told by whoever reads it
        try:
            own.select(node, version)
        except NotFound as error:
            error.rehint(f"A pin may be read from a store that has it. {broken.message} {broken.hint}".rstrip())
            raise


def _text_of(as_of: TimeLike, now_ms: int) -> str:
    """A selector given as a value, as it would be written behind `@`."""
    return as_of.strip() if isinstance(as_of, str) else format_time_ms(parse_time_ms(as_of, now_ms=now_ms))
