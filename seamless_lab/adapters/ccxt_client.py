"""One ccxt exchange, guarded: what is no answer raises, rows are kept as they came, markets are loaded once."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

import polars as pl

from seamless_lab.adapters.ccxt_errors import BadAnswer, Wire, judged
from seamless_lab.adapters.ccxt_paging import Ask
from seamless_lab.adapters.ccxt_rows import to_frame
from seamless_lab.core.identity import NodeId
from seamless_lab.errors import ConfigError, SeamlessError, SourceRejected, SourceUnavailable, UnknownMarket

Result = TypeVar("Result")
_JSON_STARTS = ("{", "[", '"')
_TEST_NETWORK = ("sandbox", "testnet")  # options that ccxt's constructor follows
Repeat = Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]
"""Makes a request, and makes it again while it may succeed."""


@dataclass(slots=True)
class Call:
    """One call of ccxt's: the rows that came, and the requests it made, maybe several at once.

    `last` is the request that began last; `failed` those that ended in an exception, with it. `each` makes every
    request where it is not None; `tasks` are those in which it does.
    """

    rows: list[object] = field(default_factory=list)
    last: Wire = field(default_factory=Wire)
    failed: list[tuple[Exception, Wire]] = field(default_factory=list)
    each: Repeat | None = None
    tasks: set[asyncio.Task[object]] = field(default_factory=set)

    def wire_of(self, error: Exception) -> Wire:
        """The request that an exception ended, the last one where it was none of them."""
        return next((wire for failure, wire in self.failed if failure is error), self.last)


_call: ContextVar[Call | None] = ContextVar("ccxt_call", default=None)
_wire: ContextVar[Wire | None] = ContextVar("ccxt_wire", default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Rows of one request as columns, times in milliseconds, and the exchange's used weight if it tells."""

    frame: pl.DataFrame
    used_weight: int | None


def _on_rest_response(
    self: Any, code: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str, *_: Any
) -> str:
    wire, text = _wire.get(), body.strip()
    documented = text.startswith(_JSON_STARTS)
    if wire is not None:
        wire.status, wire.documented = code, documented
        wire.headers = {name.lower(): value for name, value in headers.items()}
    if code in (418, 429, 451):
        raise BadAnswer(f"{code} {reason} {body[:200]}")
    if code < 400 and documented:
        self.answers += 1
    elif code < 400:
        kind = "a web page" if text[:1] == "<" else "an empty body" if not text else "no JSON"
        raise BadAnswer(f"the answer is {kind} instead of data: {text[:80]!r}")
    return text


def _parse_json(self: Any, body: str) -> Any:
    try:
        return self.on_json_response(body)
    except ValueError as error:
        wire = _wire.get()
        if wire is None or wire.status < 400:
            raise BadAnswer(f"the answer is broken JSON of {len(body)} characters: {error}") from error
        return None  # an error page: ccxt judges it by its status


def _parse_ohlcvs(self: Any, rows: Any, *_: Any, **__: Any) -> list[object]:
    call = _call.get()
    # ccxt makes a list of an object's values where a list belongs
    if rows and not (isinstance(rows, list) and any(isinstance(row, list | dict) and row for row in rows)):
        raise BadAnswer(f"the answer has no list of bars: {str(rows)[:80]}")
    if call is not None and rows:
        call.rows.extend(rows)
    return []  # whatever ccxt does afterwards, it has nothing to do


async def _made(call: Call, request: Callable[[], Awaitable[object]], exchange: str) -> object:
    """The result of one of a call's requests; each has a `Wire` of its own, for ccxt may make several at once."""

    async def once() -> object:
        call.last = wire = Wire()
        token = _wire.set(wire)
        try:
            return await request()
        except Exception as error:  # whatever ccxt raises is noted, and goes on
            call.failed.append((error, wire))
            if call.each is not None and isinstance(verdict := judged(error, wire, exchange), SourceUnavailable):
                raise verdict from error
            raise  # as it is: ccxt may know what to do about it
        finally:
            _wire.reset(token)

    if call.each is None:
        return await once()
    task = asyncio.current_task()
    assert task is not None  # a coroutine runs in one
    call.tasks.add(task)
    return await call.each(once)


def _guarded(exchange_class: type) -> type:
    """A subclass of a ccxt exchange that notes what came over the wire and lets nothing pass that is no answer."""

    async def fetch2(self: Any, *asked: Any, **named: Any) -> object:
        call = _call.get()

        def request() -> Awaitable[object]:
            made: Awaitable[object] = exchange_class.fetch2(self, *asked, **named)  # type: ignore[attr-defined]  # ccxt is untyped
            return made

        return await (request() if call is None else _made(call, request, self.id))

    overrides = {
        "fetch2": fetch2,
        "on_rest_response": _on_rest_response,
        "parse_json": _parse_json,
        "parse_ohlcvs": _parse_ohlcvs,
    }
    return type(exchange_class.__name__, (exchange_class,), {**overrides, "timeout_on_exit": 0, "answers": 0})


async def known_exchanges() -> list[str]:
    """The ids that ccxt knows. The first call imports ccxt, in a thread: it takes half a second."""
    ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    return list(ccxt.exchanges)


class CcxtClient:
    """One ccxt instance for one exchange and market family, bound to the loop it is made on.

    Build with `open_client`, end with `close`.
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self.exchange_id: str = exchange.id
        self.loop = asyncio.get_running_loop()

    async def load_markets(self, each: Repeat | None = None) -> None:
        """Load the exchange's markets, every request made by `each`; a no-op once they are there. Errors as `page`."""
        call = Call(each=each)
        try:
            await self._guard(self._exchange.load_markets, call)
        finally:  # ccxt lets the other requests go on when one fails
            if under_way := [task for task in call.tasks if not task.done() and task is not asyncio.current_task()]:
                for task in under_way:
                    task.cancel()
                await asyncio.wait(under_way)

    def require(self, node: NodeId) -> None:
        """Raise `UnknownMarket` with near matches unless the loaded exchange has the node's symbol and timeframe."""
        exchange = self._exchange
        if not exchange.has.get("fetchOHLCV") or exchange.has["fetchOHLCV"] == "emulated":
            raise SourceRejected(
                f"{exchange.id} serves no bars.", hint="Choose another exchange.", exchange=exchange.id
            )
        if node.symbol not in exchange.markets:
            near = near_symbols(node.symbol, list(exchange.markets))
            others = f"It lists {len(exchange.markets)} others." if exchange.markets else "It lists none of this kind."
            raise UnknownMarket(
                f"{exchange.id} has no market {node.symbol!r}.",
                hint=f"Did you mean {', '.join(near)}?" if near else others,
                exchange=exchange.id,
                symbol=node.symbol,
            )
        if node.timeframe not in self.timeframes:
            raise UnknownMarket(
                f"{exchange.id} has no {node.timeframe!r} bars of {node.symbol}.",
                hint=f"Its timeframes are {', '.join(self.timeframes)}.",
                exchange=exchange.id,
                timeframe=node.timeframe,
            )

    @property
    def timeframes(self) -> list[str]:
        """The timeframes of the exchange, as ccxt writes them."""
        return list(self._exchange.timeframes or {})

    def page_bars(self, symbol: str) -> int | None:
        """How many bars a request gives at most according to ccxt, None if it does not say."""
        limit = self._exchange.feature_value(symbol, "fetchOHLCV", "limit")
        return int(limit) if limit else None

    @property
    def answers(self) -> int:
        """How many requests were answered so far."""
        return int(self._exchange.answers)

    def created_s(self, symbol: str) -> int | None:
        """When the market opened, if the exchange says so."""
        told = self._exchange.markets[symbol].get("created")
        return int(told) // 1000 if told else None

    @property
    def tells_time(self) -> bool:
        """Whether the exchange has an endpoint for its time."""
        return bool(self._exchange.has.get("fetchTime"))

    async def time_ms(self) -> int | None:
        """The exchange's clock, epoch milliseconds."""
        told = await self._guard(self._exchange.fetch_time)
        return int(told) if told is not None else None

    async def page(self, symbol: str, timeframe: str, ask: Ask) -> Answer:
        """The rows of one request, in the order of receipt, nothing dropped.

        Raises
        ------
        SourceUnavailable, SourceRejected
            See `ccxt_errors.judged`.
        """
        call = Call()
        since = None if ask.since_s is None else ask.since_s * 1000
        params = {} if ask.until_s is None else {"until": ask.until_s * 1000 - 1}
        await self._guard(lambda: self._exchange.fetch_ohlcv(symbol, timeframe, since, ask.limit, params), call)
        market = self._exchange.market(symbol)
        rows, call.rows = call.rows, []  # a cancelled timer of the loop keeps the call for seconds
        frame = to_frame(rows, lambda row: self._exchange.parse_ohlcv(row, market))
        used = call.last.headers.get("x-mbx-used-weight-1m", "")
        return Answer(frame, int(used) if used.isdecimal() else None)

    async def close(self) -> None:
        """Close all connections."""
        await self._exchange.close()

    async def _guard(self, act: Callable[[], Awaitable[Result]], call: Call | None = None) -> Result:
        call = Call() if call is None else call
        token = _call.set(call)
        try:
            return await act()
        except SeamlessError:  # judged already
            raise
        except Exception as error:  # whatever ccxt raises is judged; a cancellation is no Exception and passes
            raise judged(error, call.wire_of(error), self.exchange_id) from error
        finally:
            _call.reset(token)


async def open_client(
    exchange_id: str, family: str, options: Mapping[str, object], timeout_ms: int, *, test_network: bool = False
) -> CcxtClient:
    """A client of a known exchange; ours is the rate limit, ours are the retries.

    `options` go to ccxt's constructor as they are; `family` narrows the markets that are loaded, where it is not empty.

    Raises
    ------
    ConfigError
        For options that ccxt does not take, and a test network of an exchange without one, also by ccxt's own options.
    """
    ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    exchange_class = getattr(ccxt, exchange_id)
    defaults: dict[str, object] = {"enableRateLimit": False, "timeout": timeout_ms}
    quiet: dict[str, object] = dict.fromkeys(("enableLastHttpResponse", "enableLastJsonResponse"), False)
    own = {name: value for name, value in options.items() if name not in _TEST_NETWORK}
    try:
        exchange = _guarded(exchange_class)({**defaults, **own, **quiet})
    except Exception as error:  # ccxt checks no option, and falls over what it finds
        raise ConfigError(
            f"ccxt's {exchange_id} cannot be made with exchanges.{exchange_id}.ccxt, which has {', '.join(own)}.",
            hint="Leave out what ccxt's manual has with another kind of value; --debug shows what ccxt said.",
            exchange=exchange_id,
        ) from error
    wanted = ["sandbox"] * test_network + [f"ccxt.{name}" for name in _TEST_NETWORK if options.get(name) is True]
    if wanted:
        try:
            exchange.set_sandbox_mode(True)
        except (TypeError, ccxt.NotSupported) as error:  # ccxt 4 copies the test URLs without looking for any
            raise ConfigError(
                f"exchanges.{exchange_id}.{wanted[0]} is true; ccxt knows no test network of {exchange_id}.",
                hint=f"Leave exchanges.{exchange_id}.{wanted[0]} out.",
                exchange=exchange_id,
            ) from error
    chosen = options.get("options")
    if family and not (isinstance(chosen, Mapping) and "fetchMarkets" in chosen):
        exchange.options["fetchMarkets"] = {"types": [family]}
    return CcxtClient(exchange)


def near_symbols(symbol: str, listed: list[str]) -> list[str]:
    """At most three listed symbols that may be meant, the same pair the other way round first."""
    wanted = symbol.upper()
    pair, mark, settled = wanted.partition(":")
    base, slash, quote = pair.partition("/")
    swapped = f"{quote}{slash}{base}{mark}{settled}"
    turned = [swapped] if swapped != wanted and swapped in listed else []
    return [*turned, *(near for near in get_close_matches(wanted, listed, n=3, cutoff=0.5) if near not in turned)][:3]
