"""Running a sandbox exchange: inside this process on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

import polars as pl
from aiohttp import web

from seamless_lab.sandbox.config import SandboxConfig
from seamless_lab.sandbox.exchange import Exchange
from seamless_lab.sandbox.faults import FaultPlan, FaultState
from seamless_lab.sandbox.journal import RequestRecord
from seamless_lab.sandbox.market import Restatement, Stretch
from seamless_lab.sandbox.server import build_app

HOST = "127.0.0.1"
HIGHEST_PORT = 65_535
Result = TypeVar("Result")


async def start_server(exchange: Exchange, port: int = 0) -> tuple[web.AppRunner, str]:
    """The runner to clean up and the URL of an exchange now served on the loopback; port 0 picks a free one."""
    runner = web.AppRunner(build_app(exchange), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
    except BaseException:  # it does not listen, so nobody gets it to clean up
        await runner.cleanup()
        raise
    return runner, f"http://{HOST}:{runner.addresses[0][1]}"


class SandboxExchange:
    """A sandbox exchange on its own thread and event loop, for tests, notebooks and the demo.

    All methods may be called from any thread; they take effect before the next request is answered.

    Examples
    --------
    >>> with SandboxExchange(SandboxConfig(seed=7, now_ms=1_735_689_600_000)) as exchange:
    ...     exchange.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, config: SandboxConfig | None = None, port: int = 0) -> None:
        self.config = SandboxConfig() if config is None else config
        self._exchange = Exchange(self.config)
        self._port = port
        self._started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="sandbox-exchange", daemon=True)

    def __enter__(self) -> Self:
        """Start, and return once it listens."""
        self._thread.start()
        self._started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: pending answers are cancelled, connections closed."""
        _, loop, stopping = self._started.result()
        loop.call_soon_threadsafe(stopping.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end; a family's API lies below `/<family>`."""
        return self._started.result()[0]

    def log(self) -> list[RequestRecord]:
        """Every request since the start or `clear_log`, in order of arrival."""
        return self._call(self._exchange.journal.records)

    def bars(self, venue: str, symbol: str, timeframe: str, window: Stretch) -> pl.DataFrame:
        """The closed bars that a client should end up with: `ts` in epoch seconds and five columns of floats.

        Exactly what the venue's API serves at this moment, faults aside; compare with equality, not with a tolerance.
        """
        return self._call(lambda: self._exchange.closed_bars(venue, symbol, timeframe, window))

    def clear_log(self) -> None:
        """Forget the requests so far."""
        self._call(self._exchange.journal.clear)

    def set_faults(self, plan: FaultPlan) -> None:
        """Replace the fault plan; attempts are counted anew."""
        self._call(lambda: setattr(self._exchange, "faults", FaultState(plan)))

    def freeze(self, now_ms: int) -> None:
        """Stop the exchange's clock at `now_ms`."""
        self._call(lambda: self._exchange.clock.freeze(now_ms))

    def advance(self, by_ms: int) -> None:
        """Move the exchange's clock; a running clock is frozen first."""
        self._call(lambda: self._exchange.clock.advance(by_ms))

    def restate(self, restatement: Restatement) -> None:
        """Add a restatement."""
        self._call(lambda: self._exchange.market.restate(restatement))

    def _call(self, act: Callable[[], Result]) -> Result:
        """Run `act` on the exchange's loop and wait for it; here, when the exchange is not running."""
        if not self._thread.is_alive():
            return act()

        async def run() -> Result:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._started.result()[1]).result()

    async def _serve(self) -> None:
        stopping = asyncio.Event()
        try:
            runner, url = await start_server(self._exchange, self._port)
        except BaseException as error:  # whatever it is, who starts the exchange waits for it
            self._started.set_exception(error)
            return
        try:
            self._started.set_result((url, asyncio.get_running_loop(), stopping))
            await stopping.wait()
        finally:
            await runner.cleanup()
