"""The door: what users write becomes values, parsed once and refused here if at all."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.app import inspect
from seamless_lab.app.choices import choose
from seamless_lab.app.wiring import Wiring
from seamless_lab.core.digest import Header
from seamless_lab.core.grid import grid_of
from seamless_lab.core.identity import NodeId, require_bars
from seamless_lab.core.policy import ComputeContext, Domain, SLAPolicy, Strategy
from seamless_lab.core.reference import Latest, Reference, Selector, parse_reference, parse_selector
from seamless_lab.core.time import EARLIEST_S, TimeLike, TimeRange, parse_window
from seamless_lab.engine.request import FetchRequest
from seamless_lab.errors import RequestError


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


class Door:
    """Parses what users write, by the settings and the clock of one lab; opens no store but for `known_window`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def request(self, node: str, start: TimeLike, end: TimeLike | None, options: FetchOptions) -> FetchRequest:
        """A fetch of a node or of a reference to a version."""
        settings = self._wiring.settings
        reference = self.reference(node)
        selector = self._selector(reference, options.as_of)
        chosen = settings.context.domain if options.domain is None else choose(Domain, options.domain, "domain")
        if chosen is Domain.LIVE and not isinstance(selector, Latest | None):
            raise RequestError(
                "The live domain follows the newest version, and was asked for another one.",
                hint="Leave the version out, or read it in the research or backtest domain.",
                domain=str(chosen),
            )
        context = ComputeContext(
            world_id=settings.context.world_id if options.world is None else options.world,
            domain=chosen,
            max_lag_s=settings.max_lag_s(chosen) if options.max_lag_s is None else options.max_lag_s,
            min_coverage=settings.context.min_coverage if options.min_coverage is None else options.min_coverage,
        )
        header, sla = self.header(reference.node), options.sla
        return FetchRequest(
            header=header,
            window=self.window(header, start, end),
            context=context,
            strategy=settings.strategy if options.strategy is None else choose(Strategy, options.strategy, "strategy"),
            sla=sla if isinstance(sla, SLAPolicy) else settings.sla_named(None if sla is None else str(sla)),
            selector=selector,
        )

    def reference(self, ref: str) -> Reference:
        """A node, with the version it names if it names one."""
        reference = parse_reference(ref, now_ms=self._wiring.clock.now_ms())
        require_bars(reference.node)
        return reference

    def node(self, node: str) -> NodeId:
        """A node of something that reads no version: naming one is refused, not forgotten."""
        reference = self.reference(node)
        if reference.selector is not None:
            raise RequestError(
                f"{node!r} names a version, which only fetch, manifest and verify read.",
                hint=f"Leave it out: {reference.node}",
                node=str(reference.node),
            )
        return reference.node

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
        """A window; without a start, from the first to the last slot that the stores have an answer for."""
        return inspect.known_bounds(self._wiring, header) if start is None else self.window(header, start, end)

    def _selector(self, reference: Reference, as_of: TimeLike | None) -> Selector | None:
        if as_of is None:
            return reference.selector
        if reference.selector is not None:
            raise RequestError(
                f"The version is named twice: behind @ and by as_of {as_of!r}.",
                hint="Keep one of the two.",
                as_of=str(as_of),
            )
        return parse_selector(as_of, now_ms=self._wiring.clock.now_ms())
