"""The engine's own thread and loop, with a blocking door and an awaitable one."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

from seamless_lab.engine.events import Emit, Event
from seamless_lab.errors import Interrupted

T = TypeVar("T")

CLEAN_UP_S = 10.0
"""How long an interrupted call waits for its connections to close and its leases to go back."""

LOOK_UP_S = 0.1
"""How often a waiting caller looks up. Polars 2 handles SIGINT with SA_RESTART, after which no lock is interrupted."""

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
    """One call into the loop: its task, where its events go if anybody wants them (None after the last), its result."""

    def __init__(self, deliver: Callable[[Event | None], None], *, wants_events: bool) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[T] | None = None
        self.done = threading.Event()
        self._deliver = deliver
        self._wants_events = wants_events
        self._cancelled = False

    def start(self, work: Callable[[], Coroutine[None, None, T]], loop: asyncio.AbstractEventLoop) -> asyncio.Task[T]:
        context = copy_context()
        # Each event would wake the caller's thread, which takes turns with the loop's.
        context.run(_caller.set, self._deliver if self._wants_events else None)

        async def run() -> T:
            return await work()  # also an exception of making the coroutine belongs to the call, not to the loop

        self.task = loop.create_task(run(), context=context)
        self.task.add_done_callback(self._finish)
        if self._cancelled:
            self.task.cancel()
        return self.task

    def cancel(self) -> None:
        self._cancelled = True
        if self.task is not None:
            self.task.cancel()

    def result(self) -> T:
        assert self.task is not None  # it has delivered its last
        if self.task.cancelled():
            raise _stopped()
        return self.task.result()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # seen, also when nobody asks for the result any more
        self.done.set()
        self._deliver(None)


class Portal:
    """Owns a daemon thread with an event loop, started at the first call. Thread-safe."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._running: set[asyncio.Task[object]] = set()

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
            After Ctrl-C, the stop button or `close`: the work was cancelled and has cleaned up.
        """
        mail: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        call = _Call[T](mail.put, wants_events=on_event is not None)
        try:
            self._submit(call, work)
            while (event := _next(mail)) is not None:
                if on_event is not None:
                    on_event(event)
        except KeyboardInterrupt as error:
            self._stop(call)
            raise _stopped() from error
        except BaseException:  # on_event raised: don't leave the work running behind the caller's back
            self._stop(call)
            raise
        return call.result()

    async def acall(self, work: Callable[[], Coroutine[None, None, T]], on_event: Emit | None = None) -> T:
        """Like `call` from a running loop: awaits instead of blocking; cancelling the caller cancels the work."""
        here, mail = asyncio.get_running_loop(), asyncio.Queue[Event | None]()
        call = _Call[T](lambda event: _post(here, mail, event), wants_events=on_event is not None)
        try:
            self._submit(call, work)
            while (event := await mail.get()) is not None:
                if on_event is not None:
                    on_event(event)
        except BaseException:  # cancelled, or on_event raised
            await asyncio.shield(asyncio.to_thread(self._stop, call))
            raise
        return call.result()

    def close(self, last: Callable[[], Coroutine[None, None, None]] | None = None) -> None:
        """Cancel what runs, wait for its clean-up, do `last`, and end the thread.

        The portal can be called again afterwards. Of a portal that was never called there is nothing to close.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            ending = asyncio.run_coroutine_threadsafe(self._end_calls(last), loop)
            with suppress(TimeoutError):
                ending.result(CLEAN_UP_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(CLEAN_UP_S)
            if not thread.is_alive():
                loop.close()

    def _submit(self, call: _Call[T], work: Callable[[], Coroutine[None, None, T]]) -> None:
        """Start a call; never on a loop that is being closed, where it would wait for ever."""
        with self._lock:
            loop = self.loop
            loop.call_soon_threadsafe(self._start, call, work, loop)
            call.loop = loop

    def _start(
        self, call: _Call[T], work: Callable[[], Coroutine[None, None, T]], loop: asyncio.AbstractEventLoop
    ) -> None:
        task = call.start(work, loop)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _end_calls(self, last: Callable[[], Coroutine[None, None, None]] | None) -> None:
        """Cancel the calls and nothing else: what they began for their clean-up must come to its end."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if last is not None:
            await last()

    @staticmethod
    def _stop(call: _Call[T]) -> None:
        if (loop := call.loop) is None:  # interrupted before it began
            return
        with suppress(RuntimeError):  # the loop was closed meanwhile: then the call has ended
            loop.call_soon_threadsafe(call.cancel)
        call.done.wait(CLEAN_UP_S)


def _stopped() -> Interrupted:
    return Interrupted(
        "Stopped; what had been acknowledged is kept.", hint="Run the same command again to go on from there."
    )


def _next(mail: queue.SimpleQueue[Event | None]) -> Event | None:
    """The next piece of mail, waiting so that Ctrl-C is noticed soon."""
    while True:
        try:
            return mail.get(timeout=LOOK_UP_S)
        except queue.Empty:
            continue


def _post(loop: asyncio.AbstractEventLoop, mail: asyncio.Queue[Event | None], event: Event | None) -> None:
    with suppress(RuntimeError):  # the caller's loop was closed: nobody is left to tell
        loop.call_soon_threadsafe(mail.put_nowait, event)
