"""What the stores know about a window: the head, overlaid by what the hot store has observed later."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Coverage, classify, stable_until
from seamless_lab.core.digest import Header
from seamless_lab.core.observed import Observed, merge, overlay, settled, standing
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.engine.ports import Clock, HotState, HotStore
from seamless_lab.errors import NotSealed


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """One view of a window, without its bars.

    `firm` is what the hot store has observed late enough to be final; `observed` the joint knowledge of head and hot;
    `fresh` the slots that hot knows better than the head, which a publish would seal.
    """

    header: Header
    window: TimeRange
    head: Version | None
    hot: HotState
    firm: Observed
    observed: Observed
    fresh: Ranges
    now_s: int
    """The moment that decides which slots are final."""

    @property
    def answered(self) -> Ranges:
        """Slots with a final answer."""
        return self.observed.answered

    @property
    def withdrawn(self) -> Observed:
        """Slots that a rollback left without an answer: what was observed before does not count."""
        return self.head.commit.withdrawn if self.head is not None else Observed.none()

    @property
    def sealed(self) -> Ranges:
        """Slots that the head answers, inside the window and out."""
        return self.head.tree.answered if self.head is not None else Ranges.empty()


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores and the rule of age. *Blocking*: call from a worker thread."""

    clock: Clock
    hot: HotStore
    sealed: SealedStore
    stabilization_bars: int

    def know(self, header: Header, window: TimeRange, *, with_bars: bool = False, now_s: int | None = None) -> Known:
        """Everything known about a window, without reading sealed bars; by default without the hot ones, too.

        What has left the hot store is in the head, so that one is read last. Who looks more than once passes the moment
        of the first look as `now_s`: slots that turn final in between stay pending.

        Raises
        ------
        NotSealed
            The node was sealed on another grid.
        """
        hot = self.hot.load(header, window, with_bars=with_bars)
        head = self.sealed.head(header.node)
        if head is not None:
            require_same_grid(header, head)
        firm = self._firm(header, hot, head)
        decided = overlay(head.commit.observed.clip(window) if head else Observed.none(), firm)
        now_s = self.clock.now_ms() // 1000 if now_s is None else now_s
        return Known(header, window, head, hot, firm, decided.result, decided.won, now_s)

    def fresh_bars(self, known: Known) -> tuple[Known, Bars, Observed]:
        """The bars that the hot store holds where it knows better than the head, and since when.

        Where others have sealed and dropped some of them meanwhile, the window is known again: use what is returned.
        """
        bounds = known.fresh.bounds
        if bounds is None:
            return known, Bars.none(known.header.node, known.header.grid), Observed.none()
        state = self.hot.load(known.header, bounds)
        firm = self._firm(known.header, state, known.head)
        if len(known.fresh - firm.answered):  # one snapshot with its bars cannot lose them
            known = self.know(known.header, known.window, with_bars=True, now_s=known.now_s)
            state, firm = known.hot, known.firm
        return known, state.bars.within(firm.answered), firm

    def _firm(self, header: Header, hot: HotState, head: Version | None) -> Observed:
        """What the hot store has observed late enough to be final, and no rollback has withdrawn since."""
        firm = settled(hot.observed, header.grid, stabilization_bars=self.stabilization_bars)
        return firm if head is None else standing(firm, head.commit.withdrawn)

    def covered(self, known: Known) -> tuple[Known, Coverage]:
        """The coverage of the window by cause, and the knowledge it tells, where that has moved on meanwhile."""
        known, hot, firm = self.fresh_bars(known)
        bars = hot
        if known.head is not None:
            sealed = self.sealed.read(known.head, known.window)
            bars, _, _ = merge(sealed.bars, known.head.commit.observed.clip(known.window), hot, firm)
        coverage = classify(
            known.window,
            known.header.grid,
            bars=bars.slots,
            answered=known.answered,
            failed=known.hot.failed,
            stable_until_s=self.stable_s(known.header, known.now_s),
        )
        return known, coverage

    def classify(self, known: Known) -> Coverage:
        """The coverage of the window by cause."""
        return self.covered(known)[1]

    def stable_s(self, header: Header, now_s: int) -> int:
        """End of the last slot that is final at a moment."""
        return stable_until(now_s, header.grid, stabilization_bars=self.stabilization_bars)

    def final_part(self, known: Known) -> Ranges:
        """The slots of the window that are final."""
        end = min(known.window.end, self.stable_s(known.header, known.now_s))
        return Ranges.normalised([known.window.start], [end])


def require_same_grid(header: Header, version: Version) -> None:
    """Refuse to mix bars of different grids.

    Raises
    ------
    NotSealed
        The version's bars open elsewhere.
    """
    if version.header.grid != header.grid:
        raise NotSealed(
            f"{header.node} was sealed with bars that open {version.header.grid.anchor_s} s after the epoch, every "
            f"{version.header.grid.step_s} s, and is now configured as {header.grid.anchor_s} s, every "
            f"{header.grid.step_s} s.",
            hint=f"Correct exchanges.{header.node.exchange}.anchors in the configuration.",
            node=str(header.node),
        )
