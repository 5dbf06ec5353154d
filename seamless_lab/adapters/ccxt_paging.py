"""What to ask an exchange next, and what its pages have proven so far: paging that trusts nothing, without any IO.

Notes
-----
A stretch is first asked page by page. Slots that a page leaves open are *doubted*: their rows may have been
cut off, or there may be none. A doubted hole is asked for again in such a way that an honest exchange shows a bar
beyond it (a *witness*), which only a page that really covers the hole can: past its end where pages ascend, before
its start where they come newest first, in coarser bars where it is longer than a page, or as the exchange's latest
bar where nothing follows. A hole without a witness stays unanswered. So a proxy that shortens or empties pages, now
and then or always, costs requests or answers, but never turns a bar into a quiet slot. Holes between two rows of
one page need no second ask: the page shows a witness on both sides. A slot next to a row whose time lies off the
grid is no hole, though, for the row may be its bar; and a page with a row that may be anywhere, for it has no time or
one far from those asked for, proves only the rows it has. What they leave open is not asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from seamless_lab.adapters.ccxt_traits import BarApi
from seamless_lab.core.grid import DAY, Grid
from seamless_lab.core.proof import Edges, Order, closed_until, order_of, proven, quiet_until, slots_with_rows
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.time import TimeRange

DISORDERED_TRIES = 3
_MARGIN_SLOTS = 2  # time passes between planning and answering
_STRAY_SLOTS = 2  # whoever reads an end as inclusive, or a little too early, is no liar
_NO_TIMES: Ints = np.empty(0, dtype=np.int64)


class Purpose(StrEnum):
    """Why something is asked."""

    PAGE = "page"
    WITNESS = "witness"
    COARSE = "coarse"
    LATEST = "latest"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: at most `limit` bars of `step_s` seconds that open in [since_s, until_s).

    None leaves a side to the exchange.
    """

    purpose: Purpose
    step_s: int
    since_s: int | None
    until_s: int | None
    limit: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A doubted stretch and how often it has been asked for again."""

    start: int
    end: int
    tries: int


class Inquiry:
    """The course of asking for one window; `next_ask` until it gives None, and `receive` after each answer.

    Parameters
    ----------
    window
        On `grid`.
    now_s
        The earlier of the local and the exchange's clock. Only slots that have ended by then are asked for.
    coarser_s
        Longer timeframes of the exchange in seconds, for witnesses of long holes.
    listed_s
        When the first bar ever opened, if that is known: nothing before is asked for. If it is not, and the window
        begins without a bar, it is asked for, unless a bar is known (`seen_s`) that is older than the window.
    """

    def __init__(
        self,
        window: TimeRange,
        grid: Grid,
        api: BarApi,
        now_s: int,
        *,
        coarser_s: tuple[int, ...] = (),
        listed_s: int | None = None,
        seen_s: int | None = None,
    ) -> None:
        self._grid, self._api, self._window = grid, api, window
        self._now_s = self._served_until_s = now_s
        self._first_s = max(window.start, grid.ceil(0))  # nothing opened before 1970
        self._wanted = Ranges.normalised([self._first_s], [min(window.end, closed_until(now_s, grid))])
        self._coarser_s = tuple(
            sorted(s for s in coarser_s if s > grid.step_s and s % grid.step_s == 0 and DAY % s == 0)
        )
        self._doubted = self._given_up = self._unclear = Ranges.empty()
        self._tries: dict[tuple[int, int], int] = {}
        self._disordered = 0
        self._since_ignored = False
        older = seen_s is not None and seen_s < self._first_s
        knowable = api.since_honoured and api.open_ended and api.history_bars is None
        self._asks_for_listing = knowable and listed_s is None and not older and len(self._wanted) > 0
        self.answered = self.before_listing = Ranges.empty()
        self.first_seen_s: int | None = None
        self.contradicted = False
        if listed_s is not None:
            self._note_listing(listed_s)
            self.answered = self.before_listing

    def next_ask(self) -> Ask | None:
        """The next request, or None when nothing more can be learned."""
        while (todo := self._todo).bounds is not None:
            fresh = (todo - self._doubted).bounds
            if fresh is not None:
                return self._page(fresh)
            first = next(iter(todo))
            hole = Hole(first.start, first.end, self._tries.get((first.start, first.end), 0))
            if self._asks_for_listing and hole.start == self._first_s:
                return self._listing()
            ask = self._witness(hole)
            if ask is not None and (ask.since_s is None or ask.since_s >= 0):
                self._tries[hole.start, hole.end] = hole.tries + 1
                return ask
            self._give_up(Ranges.single(first))
        begins_quiet = bool(self.answered.contains(np.array([self._first_s]))[0])
        return self._listing() if self._asks_for_listing and begins_quiet else None

    def receive(
        self,
        ask: Ask,
        opens: Ints,
        now_s: int,
        *,
        exchange_now_s: int | None = None,
        off_grid: Ints = _NO_TIMES,
        unreadable: int = 0,
    ) -> Ranges:
        """Learn from an answer; returns the slots whose rows are news.

        Parameters
        ----------
        opens
            Open times received, epoch seconds on the grid asked for, in the order of receipt.
        now_s
            The earlier of the two clocks when the request was sent.
        exchange_now_s
            The exchange's clock when the answer was there; None: the same. What opens well after that is no witness.
        off_grid
            The times received, in epoch seconds rounded down, that do not lie on the grid asked for.
        unreadable
            How many rows have no time, or none that can be right.
        """
        todo = self._todo
        self._now_s, self._served_until_s = now_s, now_s if exchange_now_s is None else exchange_now_s
        since_s, _ = self._bounds(ask)
        self._since_ignored |= since_s is not None and bool((opens < since_s).any())
        near, near_off_grid = self._near(ask, opens), self._near(ask, off_grid)
        unreadable += int((~near).sum() + (~near_off_grid).sum())
        opens, off_grid = opens[near], off_grid[near_off_grid]
        grid = self._grid if ask.step_s == self._grid.step_s else Grid(ask.step_s)
        self._unclear = self._unclear | _slots_around(off_grid, grid)
        if ask.step_s != self._grid.step_s:
            another = unreadable or off_grid.size  # these are no bars of that length
            quiet = Ranges.empty() if another else self._empty_in_coarse(ask, opens) - self._unclear
            self.answered = self.answered | (quiet & self._quiet_enough & todo)
            return Ranges.empty()
        if opens.size:
            earliest = int(opens.min())
            self.first_seen_s = earliest if self.first_seen_s is None else min(earliest, self.first_seen_s)
            self._asks_for_listing &= earliest > self._first_s
            if ask.purpose is Purpose.LISTING:
                self._note_listing(earliest)
        present = slots_with_rows(opens, self._grid) & self._closed
        quiet = Ranges.empty()
        if not unreadable and not (ask.purpose is Purpose.LATEST and self._since_ignored):  # it may be as old a row
            quiet = (self._proven(ask, opens) - present - self._unclear) & self._quiet_enough
        gained = (present | quiet) & todo
        self._disordered += order_of(opens, expected=self._edges(ask).order) is Order.DISORDER
        self.answered = self.answered | gained
        if ask.purpose is Purpose.PAGE:
            full = opens.size + off_grid.size + unreadable >= ask.limit and len(gained) > 0
            self._doubt_rest(
                ask, opens, full=full, hopeless=Ranges.single(self._window) if unreadable else self._unclear
            )
        elif len(present & todo):  # a page had shown none: it was cut, so the rest is asked for page by page again
            self._doubted = self._doubted - self._doubted.clip(next(iter(self._doubted & todo)))
        elif ask.purpose is Purpose.LATEST:
            self.contradicted = bool(opens.size) and int(opens.max()) >= int(todo.starts[0])
        return present & todo

    # -- what to ask --------------------------------------------------------------------------------------------------

    def _page(self, stretch: TimeRange) -> Ask:
        api, step = self._api, self._grid.step_s
        slots = min(api.page_bars, self._grid.slots(stretch))
        until = (stretch.end if api.open_ended else stretch.start + slots * step) if api.until_honoured else None
        return Ask(Purpose.PAGE, step, stretch.start, until, slots)

    def _listing(self) -> Ask:
        self._asks_for_listing = False
        return Ask(Purpose.LISTING, self._grid.step_s, 0, None, 1)

    def _witness(self, hole: Hole) -> Ask | None:
        if self._disordered >= 2 * DISORDERED_TRIES or hole.start >= quiet_until(self._now_s, self._grid):
            return None
        return self._witness_before(hole) if self._api.order is Order.DESCENDING else self._witness_beyond(hole)

    def _witness_beyond(self, hole: Hole) -> Ask | None:
        api, step = self._api, self._grid.step_s
        slots = (hole.end - hole.start) // step
        if not (api.since_honoured and api.open_ended):  # the bar before the hole, and as much beyond as a page holds
            since = hole.start if api.since_honoured else hole.start - step
            return None if hole.tries else Ask(Purpose.WITNESS, step, since, None, api.page_bars)
        match hole.tries:
            case 0:
                return Ask(Purpose.WITNESS, step, hole.start, None, 1)
            case 2:
                return Ask(Purpose.LATEST, step, None, None, 1)
            case 1 | 3 | 4 if hole.tries == 1 or self.contradicted:
                return Ask(Purpose.WITNESS, step, hole.start, None, min(api.page_bars, slots + 1))
        return None

    def _witness_before(self, hole: Hole) -> Ask | None:
        page, step = self._api.page_bars, self._grid.step_s
        slots = (hole.end - hole.start) // step
        asked_slots = (slots + 1, page)[hole.tries] if hole.tries < 2 else page
        if hole.tries < 2 and slots < page:
            return Ask(Purpose.WITNESS, step, hole.end - asked_slots * step, hole.end, asked_slots)
        if hole.tries > 2 or not self._coarser_s:
            return None
        self._tries[hole.start, hole.end] = 2
        wide = next((s for s in self._coarser_s if (hole.end - hole.start) // s < page - 2), self._coarser_s[-1])
        until = Grid(wide).ceil(hole.end)
        return Ask(Purpose.COARSE, wide, until - page * wide, until, page)

    # -- what answers mean --------------------------------------------------------------------------------------------

    @property
    def _todo(self) -> Ranges:
        return self._wanted - self.answered - self._given_up

    @property
    def _closed(self) -> Ranges:
        return self._until(closed_until(self._now_s, self._grid))

    @property
    def _quiet_enough(self) -> Ranges:
        return self._until(quiet_until(self._now_s, self._grid))

    def _until(self, end_s: int) -> Ranges:
        """Whole slots from the first one of 1970 on."""
        return Ranges.normalised([self._grid.ceil(0)], [end_s])

    @property
    def _horizon_s(self) -> int:
        """From here on the exchange surely serves what it has."""
        if self._api.history_bars is None:
            return 0
        return self._grid.floor(self._now_s) - (self._api.history_bars - _MARGIN_SLOTS) * self._grid.step_s

    def _edges(self, ask: Ask) -> Edges:
        if ask.purpose is Purpose.LATEST:  # reads from the present backwards
            return Edges(None, closed_until(self._now_s, self._grid), Order.DESCENDING)
        api = self._api
        since = max(ask.since_s, self._horizon_s) if ask.since_s is not None and api.since_honoured else None
        return Edges(since, ask.until_s if api.until_honoured else None, api.order)

    def _empty_in_coarse(self, ask: Ask, opens: Ints) -> Ranges:
        grid = Grid(ask.step_s)
        edges = Edges(ask.since_s, ask.until_s, self._api.order)
        opens = opens[_within(opens, ask.since_s, ask.until_s)]
        return proven(opens, grid, edges) - slots_with_rows(opens, grid)

    def _proven(self, ask: Ask, opens: Ints) -> Ranges:
        """What a page answers for; rows that were not asked for, or are still to come, are no witnesses."""
        edges = self._edges(ask)
        if order_of(opens, expected=edges.order) is Order.DISORDER:
            return slots_with_rows(opens, self._grid)
        served = opens <= self._served_until_s + _MARGIN_SLOTS * ask.step_s
        return proven(opens[served & _within(opens, *self._bounds(ask))], self._grid, edges)

    def _bounds(self, ask: Ask) -> tuple[int | None, int | None]:
        """Between which times an honest exchange keeps its answer; None where it need not."""
        api = self._api
        return ask.since_s if api.since_honoured else None, ask.until_s if api.until_honoured else None

    def _near(self, ask: Ask, seconds: Ints) -> npt.NDArray[np.bool_]:
        """Which rows may have been asked for; the others may be any bar, with a wrong time."""
        slack_s = _STRAY_SLOTS * ask.step_s
        since_s, until_s = self._bounds(ask)
        return _within(
            seconds, None if since_s is None else since_s - slack_s, None if until_s is None else until_s + slack_s
        )

    def _doubt_rest(self, ask: Ask, opens: Ints, *, full: bool, hopeless: Ranges) -> None:
        assert ask.since_s is not None  # pages always say where they start
        end = ask.since_s + ask.limit * ask.step_s if ask.until_s is None else ask.until_s
        if full:  # a full page says nothing about what comes after it
            end = min(end, int(opens.max()) + ask.step_s)
        rest = self._todo & Ranges.normalised([ask.since_s], [end])
        if not len(rest):
            return
        hopeless = (rest - self._quiet_enough) | (rest & (self._until(self._horizon_s) | hopeless))
        self._give_up(hopeless)
        disorder = order_of(opens, expected=self._api.order) is Order.DISORDER
        if not disorder or self._disordered >= DISORDERED_TRIES:
            self._doubted = self._doubted | (rest - hopeless)

    def _note_listing(self, listed_s: int) -> None:
        before = Ranges.normalised([self._first_s], [min(self._window.end, self._grid.floor(listed_s))])
        self.before_listing = before & self._wanted

    def _give_up(self, slots: Ranges) -> None:
        self._given_up = self._given_up | slots


def _within(seconds: Ints, since_s: int | None, until_s: int | None) -> npt.NDArray[np.bool_]:
    fit = np.ones(seconds.size, dtype=np.bool_)
    if since_s is not None:
        fit &= seconds >= since_s
    if until_s is not None:
        fit &= seconds < until_s
    return fit


def _slots_around(seconds: Ints, grid: Grid) -> Ranges:
    """The slots that some moments off the grid may stand for: those they lie in, and the next ones."""
    slots = seconds - (seconds - grid.anchor_s) % grid.step_s
    return Ranges.of_slots(np.union1d(slots, slots + grid.step_s), grid.step_s)
