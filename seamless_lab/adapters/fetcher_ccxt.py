"""History of bars from exchanges, through ccxt."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.adapters.ccxt_client import Answer
from seamless_lab.adapters.ccxt_paging import Ask, Inquiry, Purpose
from seamless_lab.adapters.ccxt_rows import times_ms, to_frame
from seamless_lab.adapters.ccxt_settings import CcxtSettings
from seamless_lab.adapters.ccxt_source import CcxtSource, Surroundings, open_source
from seamless_lab.adapters.ccxt_traits import BarApi, family_of
from seamless_lab.core.grid import Grid, parse_timeframe
from seamless_lab.core.identity import NodeId
from seamless_lab.core.proof import Order, closed_until, order_of
from seamless_lab.core.ranges import Ints, Ranges
from seamless_lab.core.raw import RawBars, TimeUnit
from seamless_lab.core.time import LATEST_S, TimeRange, format_time
from seamless_lab.engine.events import Emit, silent
from seamless_lab.engine.ports import Clock, Fetched, RateLimiter, SourceTraits
from seamless_lab.errors import SourceRejected, SourceUnavailable

__all__ = ["CcxtFetcher", "CcxtSettings"]

_FIRST_MARKET_S = 1_230_940_800  # 2009-01-03, Bitcoin's first block: no exchange has a bar from before


class CcxtFetcher:
    """The `Fetcher` port on ccxt: pages with proof, retries what may succeed, keeps to the rate limiter.

    Parameters
    ----------
    settings
        By exchange id.
    otherwise
        Of an exchange that is not among them; None: the defaults.
    emit
        Gets `seamless.source.page` for every answer (rows, rows dropped, the exchange's used weight) and
        `seamless.source.retry` for every repetition.
    sleep, uniform
        Stand-ins for `asyncio.sleep` and `random.random`.

    Notes
    -----
    Bound to the loop it is first used on, as ccxt's instances are: used on another one they would hang. The
    exchange's time comes from its time endpoint and is carried on by the monotonic clock for ten minutes.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        clock: Clock,
        settings: Mapping[str, CcxtSettings] | None = None,
        *,
        otherwise: CcxtSettings | None = None,
        emit: Emit = silent,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._around = Surroundings(limiter, clock, emit, sleep, uniform)
        self._settings = dict(settings or {})
        self._otherwise = CcxtSettings() if otherwise is None else otherwise
        self._sources: dict[tuple[str, str], asyncio.Task[CcxtSource]] = {}

    def settings_of(self, exchange: str) -> CcxtSettings:
        """How an exchange is asked."""
        return self._settings.get(exchange, self._otherwise)

    def require(self, node: NodeId) -> None:
        """Nothing: every exchange may be asked for its own bars."""

    async def traits(self, node: NodeId) -> SourceTraits:
        """How this node can be asked for; see the port."""
        return (await self._source(node)).traits(node)

    async def fetch(self, node: NodeId, grid: Grid, window: TimeRange) -> Fetched:
        """All bars that open in `window`; see the port. Slots without a bar are answered only with proof and age."""
        source = await self._source(node)
        api = source.bar_api(node)
        requests = await source.read_clock()
        asked_ms = source.exchange_now_ms  # what is in the pages was known no earlier than this, maybe no later
        names = {parse_timeframe(text): text for text in source.client.timeframes if text[-1] in "smhdw"}
        names[grid.step_s] = node.timeframe
        inquiry = Inquiry(
            window,
            grid,
            api,
            source.earlier_now_s,
            coarser_s=tuple(names),
            listed_s=source.listed_s.get(node),
            seen_s=source.earliest_s.get(node),
        )
        frames: list[pl.DataFrame] = []
        while (ask := inquiry.next_ask()) is not None:
            now_s = source.earlier_now_s
            if ask.purpose is Purpose.LISTING:
                answer, tries = await source.first_bar(node, ask)
            else:
                answer, tries = await source.page(node, names[ask.step_s], ask)
            requests += tries
            asked_grid = Grid(ask.step_s, grid.anchor_s % ask.step_s)
            ms = times_ms(answer.frame)
            opens, off_grid, unreadable = _sorted_out(ms, asked_grid)
            times = ms[ms >= 0] // 1000
            if not opens.size and times.size and inquiry.first_seen_s is None and ask.step_s == grid.step_s:
                _require_grid(node, grid, ask, times)
            exchange_now_s = source.exchange_now_ms // 1000
            news = inquiry.receive(
                ask, opens, now_s, exchange_now_s=exchange_now_s, off_grid=off_grid, unreadable=unreadable
            )
            past = Ranges.normalised([window.start], [min(window.end, closed_until(now_s, grid))])
            kept = np.zeros(ms.size, dtype=bool) if ask.step_s != grid.step_s else _to_keep(ms, grid, news, past)
            rows = answer.frame if kept.all() else answer.frame.filter(pl.Series(kept))
            newest_first = api.order is Order.DESCENDING and order_of(opens, expected=api.order) is Order.DESCENDING
            frames.append(_oldest_first(rows) if newest_first else rows)  # as declared: nothing for conformance to flag
            _tell(source, node, ask, answer, frames[-1].height)
        _require_something(node, window, api, inquiry)
        rows = pl.concat(frames, how="vertical_relaxed") if frames else to_frame([], lambda _: [])
        source.note_earliest(node, inquiry.first_seen_s)
        before = inquiry.before_listing & inquiry.answered
        raw = RawBars(rows, TimeUnit.MILLISECONDS)
        return Fetched(raw, inquiry.answered, asked_ms, requests, before)

    async def close(self) -> None:
        """Close all connections; the fetcher may be used again afterwards, also on another loop."""
        sources, self._sources = self._sources, {}
        for opening in sources.values():
            opening.cancel()
        try:
            here = asyncio.get_running_loop()
            if under_way := [task for task in sources.values() if not task.done() and task.get_loop() is here]:
                await asyncio.wait(under_way)  # they clean up after themselves
            for key, opening in list(sources.items()):
                if opening.done() and not opening.cancelled() and opening.exception() is None:
                    await opening.result().close()
                del sources[key]
        finally:
            self._sources = sources | self._sources  # when this is cancelled: what is left to be closed

    async def _source(self, node: NodeId) -> CcxtSource:
        """The node's exchange with its markets loaded, once for all who ask; checked to have the node."""
        key = (node.exchange, family_of(node.exchange, node.symbol))
        opening = self._sources.get(key)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = asyncio.create_task(open_source(*key, self.settings_of(node.exchange), self._around))
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left to see it
            self._sources[key] = opening
        source = await asyncio.shield(opening)
        if source.client.loop is not asyncio.get_running_loop():
            raise RuntimeError("this fetcher belongs to another event loop; close it there before using it here")
        source.client.require(node)
        return source


def _tell(source: CcxtSource, node: NodeId, ask: Ask, answer: Answer, kept: int) -> None:
    source.notify(
        "seamless.source.page",
        node_id=str(node),
        interval=ask.step_s,
        purpose=str(ask.purpose),
        start=ask.since_s,
        end=ask.until_s,
        rows=answer.frame.height,
        rows_dropped=answer.frame.height - kept,
        used_weight=answer.used_weight,
    )


def _oldest_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in time order; of a repeated time, the one received last stays last, for it is the one that counts."""
    return rows.sort(pl.col("ts").cast(pl.Int64, strict=False), maintain_order=True)


def _sorted_out(ms: Ints, grid: Grid) -> tuple[Ints, Ints, int]:
    """The times that lie on the grid and those that do not, in epoch seconds rounded down, and how many are absurd."""
    seconds: Ints = ms // 1000
    off = seconds * 1000 != ms
    off |= (seconds - grid.anchor_s) % grid.step_s != 0
    absurd = ms < _FIRST_MARKET_S * 1000
    if not (off | absurd).any():
        return seconds, seconds[:0], 0
    return seconds[~off & ~absurd], seconds[off & ~absurd], int(absurd.sum())


def _require_grid(node: NodeId, grid: Grid, ask: Ask, seconds: Ints) -> None:
    """Raise when none of the bars, of which none lies on the grid, was asked for, or all lie off it by the same."""
    first = int(seconds[0])
    asked = (seconds >= max(ask.since_s or 0, _FIRST_MARKET_S)) & (
        seconds < (LATEST_S if ask.until_s is None else ask.until_s)
    )
    if not asked.any():
        raise SourceRejected(
            f"{node.exchange} sent no bar of {node} from the window asked for, but such as at {format_time(first)}.",
            hint="Something between here and the exchange may change its answers.",
            node=str(node),
            first=first,
        )
    off = np.unique((seconds - grid.anchor_s) % grid.step_s)
    if off.size != 1 or int(off[0]) == 0:
        return
    raise SourceRejected(
        f"Bars of {node} open {int(off[0])} s off the declared grid, such as at {format_time(first)}.",
        hint=f"Declare where they open: exchanges.{node.exchange}.anchors.{node.timeframe}: {first}",
        node=str(node),
        first=first,
    )


def _to_keep(ms: Ints, grid: Grid, news: Ranges, past: Ranges) -> npt.NDArray[np.bool_]:
    """Which rows to pass on: those for slots that were not answered before, and what conformance has to report.

    Rows outside `past`, the closed part of the window, are dropped; rows without a time that can be right are not.
    """
    seconds = ms // 1000
    off = (ms - grid.anchor_s * 1000) % (grid.step_s * 1000) != 0
    keep: npt.NDArray[np.bool_] = news.contains(seconds) | (ms < _FIRST_MARKET_S * 1000)
    if off.any():
        keep |= off & past.contains(seconds)
    return keep


def _require_something(node: NodeId, window: TimeRange, api: BarApi, inquiry: Inquiry) -> None:
    """Raise when the answers proved nothing about a window and show why."""
    if len(inquiry.answered):
        return
    first = inquiry.first_seen_s
    if first is not None and first >= window.end:
        extent = f"serves only its latest {api.history_bars} bars" if api.history_bars else "does not go back that far"
        raise SourceRejected(
            f"{node.exchange} {extent}, the first is at {format_time(first)}; {window} cannot be had from it.",
            hint="Fetch a later window, a longer timeframe, or from another exchange.",
            node=str(node),
            first=first,
        )
    if inquiry.contradicted:
        raise SourceUnavailable(
            f"{node.exchange} gave no bars for {window} although it has later ones.",
            hint="Try again later; something between here and the exchange may cut its answers short.",
            node=str(node),
        )
