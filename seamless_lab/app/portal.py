"""The engine's own thread and loop, with a blocking door and an awaitable one."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

from seamless_lab.engine.events import Emit, Event
from seamless_lab.errors import Interrupted

T = TypeVar("T")

CLEAN_UP_S = 10.0
"""How long an interrupted call waits for its connections to close and its leases to go back."""

_caller: ContextVar[Emit | None] = ContextVar("seamless_caller", default=None)


class EventStream:
    """Fans events out to sinks, and to the call that caused them.

    Any thread may emit. A sink that raises would stop the engine's work: sinks must not.
    """

    def __init__(self) -> None:
        self._sinks: tuple[Emit, ...] = ()

    def add(self, sink: Emit) -> Callable[[], None]:
        """Send every event to `sink` from now on; returns the function that ends it."""
        self._sinks = (*self._sinks, sink)

        def remove() -> None:
            self._sinks = tuple(kept for kept in self._sinks if kept is not sink)

        return remove

    def emit(self, event: Event) -> None:
        """Pass an event on."""
        for sink in self._sinks:
            sink(event)
        if (caller := _caller.get()) is not None:
            caller(event)


class _Call(Generic[T]):
    """One call into the loop: its task, its events, its result."""

    def __init__(self) -> None:
        self.mail: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.task: asyncio.Task[T] | None = None
        self.cancelled = False

    def start(self, work: Callable[[], Coroutine[None, None, T]], loop: asyncio.AbstractEventLoop) -> None:
        context = copy_context()
        context.run(_caller.set, self.mail.put)
        self.task = loop.create_task(work(), context=context)
        self.task.add_done_callback(lambda _: self.mail.put(None))
        if self.cancelled:
            self.task.cancel()

    def cancel(self) -> None:
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def result(self) -> T:
        assert self.task is not None  # the last mail comes from its callback
        if self.task.cancelled():
            raise Interrupted(
                "Stopped; what had been acknowledged is kept.", hint="Run the same command again to go on from there."
            )
        return self.task.result()


class Portal:
    """Owns a daemon thread with an event loop, started at the first call. Thread-safe."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The engine's loop, running."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=loop.run_forever, name="seamless-engine", daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop

    def call(self, work: Callable[[], Coroutine[None, None, T]], on_event: Emit | None = None) -> T:
        """Run `work()` on the loop and wait; its events are delivered here, in the caller's thread, while it waits.

        Raises
        ------
        Interrupted
            After Ctrl-C or the stop button: the work was cancelled and has cleaned up.
        """
        loop, call = self.loop, _Call[T]()
        loop.call_soon_threadsafe(call.start, work, loop)
        try:
            while (event := call.mail.get()) is not None:
                if on_event is not None:
                    on_event(event)
        except KeyboardInterrupt as error:
            self._stop(loop, call)
            raise Interrupted(
                "Stopped; what had been acknowledged is kept.", hint="Run the same command again to go on from there."
            ) from error
        except BaseException:  # on_event raised: don't leave the work running behind the caller's back
            self._stop(loop, call)
            raise
        return call.result()

    async def acall(self, work: Callable[[], Coroutine[None, None, T]], on_event: Emit | None = None) -> T:
        """Like `call` from a running loop: awaits instead of blocking; cancelling the caller cancels the work."""
        call, here = _Call[T](), asyncio.get_running_loop()
        mail: asyncio.Queue[Event | None] = asyncio.Queue()

        async def run() -> T:
            _caller.set(lambda event: _post(here, mail, event))
            try:
                return await work()
            finally:
                _post(here, mail, None)

        loop = self.loop
        loop.call_soon_threadsafe(call.start, run, loop)
        try:
            while (event := await mail.get()) is not None:
                if on_event is not None:
                    on_event(event)
            await asyncio.to_thread(self._drain, call, CLEAN_UP_S)
        except BaseException:  # cancelled, or on_event raised
            loop.call_soon_threadsafe(call.cancel)
            await asyncio.shield(asyncio.to_thread(self._drain, call, CLEAN_UP_S))
            raise
        return call.result()

    def close(self) -> None:
        """Stop the loop and its thread; the portal can be called again afterwards."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(CLEAN_UP_S)
            if not thread.is_alive():
                loop.close()

    def _stop(self, loop: asyncio.AbstractEventLoop, call: _Call[T]) -> None:
        loop.call_soon_threadsafe(call.cancel)
        self._drain(call, CLEAN_UP_S)

    @staticmethod
    def _drain(call: _Call[T], timeout_s: float) -> None:
        try:
            while call.mail.get(timeout=timeout_s) is not None:
                pass
        except queue.Empty:
            return


def _post(loop: asyncio.AbstractEventLoop, mail: asyncio.Queue[Event | None], event: Event | None) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(mail.put_nowait, event)
