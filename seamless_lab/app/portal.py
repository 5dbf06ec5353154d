"""The engine's own thread and loop, with a blocking door and an awaitable one."""

from __future__ import annotations

import asyncio
import math
import queue
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar

from seamless_lab.engine.events import Emit, Event
from seamless_lab.errors import Interrupted, RequestError

T = TypeVar("T")

CLEAN_UP_S = 10.0
"""How long an interrupted call waits for its connections to close and its leases to go back."""

LOOK_UP_S = 0.1
"""How often a waiting caller looks up. Polars 2 handles SIGINT with SA_RESTART, after which no lock is interrupted."""

_caller: ContextVar[Emit | None] = ContextVar("seamless_caller", default=None)


class EventStream:
    """Fans events out to sinks, and to the call that caused them.

    Any thread may emit. Sinks must not raise; one that does is told of once, as a `RuntimeWarning`, and hears on. Where
    warnings are errors, it is told of on stderr instead. Only Ctrl-C in the main thread is passed on.
    """

    def __init__(self) -> None:
        self._sinks: tuple[Emit, ...] = ()
        self._failed: list[Emit] = []
        self._telling: set[int] = set()

    def require_no_sink(self) -> None:
        """Refuse to wait for the engine in a sink of it.

        Raises
        ------
        RequestError
            This thread is calling one.
        """
        if threading.get_ident() in self._telling:
            raise _waits_for_itself()

    def add(self, sink: Emit) -> Callable[[], None]:
        """Send every event to `sink` from now on; returns the function that ends it."""
        self._sinks = (*self._sinks, sink)

        def remove() -> None:
            self._sinks = tuple(kept for kept in self._sinks if kept is not sink)
            self._failed = [known for known in self._failed if known is not sink]

        return remove

    def emit(self, event: Event) -> None:
        """Pass an event on."""
        me = threading.get_ident()
        nested = me in self._telling
        self._telling.add(me)
        try:
            for sink in self._sinks:
                self._tell(sink, event)
        finally:
            if not nested:
                self._telling.discard(me)
        if (caller := _caller.get()) is not None:
            caller(event)

    def _tell(self, sink: Emit, event: Event) -> None:
        try:
            sink(event)
        except BaseException as error:  # whoever listens must not stop the work, which may be somebody else's
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            self._tell_once(sink, event, error)

    def _tell_once(self, sink: Emit, event: Event, error: BaseException) -> None:
        if any(known is sink for known in self._failed):
            return
        self._failed.append(sink)
        told = f"The sink {_shown(sink)} raised {_shown(error)} at the event {event.name}; the work goes on."
        try:
            warnings.warn(told, RuntimeWarning, stacklevel=3)
        except Exception:  # where warnings are errors, or their hook fails, this one must not stop the work either
            with suppress(Exception):
                print(told, file=sys.stderr or sys.__stderr__)  # the only other place to look


class _Call(Generic[T]):
    """One call into the loop: its task, where its events go if anybody wants them (None after the last), its result."""

    def __init__(self, deliver: Callable[[Event | None], None], *, wants_events: bool) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[T] | None = None
        self.done = threading.Event()
        self._deliver = deliver
        self._wants_events = wants_events

    def start(self, work: Callable[[], Coroutine[None, None, T]], loop: asyncio.AbstractEventLoop) -> asyncio.Task[T]:
        context = copy_context()
        # Each event would wake the caller's thread, which takes turns with the loop's.
        context.run(_caller.set, self._deliver if self._wants_events else None)

        async def run() -> T:
            return await work()  # also an exception of making the coroutine belongs to the call, not to the loop

        self.task = loop.create_task(run(), context=context)
        self.task.add_done_callback(self._finish)
        return self.task

    def cancel(self) -> None:
        """End the work; on the loop, in turn behind the start."""
        if self.task is None:  # Ctrl-C came before the loop was told to start
            self.abandon()
        else:
            self.task.cancel()

    def abandon(self) -> None:
        """Let the caller go: nothing will end the work any more, or it never began."""
        if not self.done.is_set():
            self.done.set()
            self._deliver(None)

    def result(self) -> T:
        if self.task is None or not self.task.done() or self.task.cancelled():
            raise stopped()
        return self.task.result()

    def _finish(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # seen, also when nobody asks for the result any more
        self.done.set()
        self._deliver(None)


class Portal:
    """Owns a daemon thread with an event loop, started at the first call. Thread-safe.

    Parameters
    ----------
    clean_up_s
        How long what was stopped may take to end.
    """

    def __init__(self, clean_up_s: float = CLEAN_UP_S) -> None:
        self._clean_up_s = clean_up_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._calls: set[_Call[Any]] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The engine's loop, running."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                try:
                    self._thread = threading.Thread(target=_run, args=(loop,), name="seamless-engine", daemon=True)
                    self._thread.start()
                except BaseException:  # Ctrl-C: the thread may run already, or be about to
                    loop.call_soon_threadsafe(loop.stop)
                    raise
                self._loop = loop
            return self._loop

    def call(self, work: Callable[[], Coroutine[None, None, T]], on_event: Emit | None = None) -> T:
        """Run `work()` on the loop and wait; its events are delivered here, in the caller's thread, while it waits.

        Raises
        ------
        Interrupted
            After Ctrl-C, the stop button or `close`: the work was cancelled and has cleaned up. While another thread
            closes, none begins.
        RequestError
            See `require_other_thread`.
        """
        self.require_other_thread()
        mail: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        call = _Call[T](mail.put, wants_events=on_event is not None)
        try:
            self._submit(call, work)
            while (event := _next(mail)) is not None:
                if on_event is not None:
                    on_event(event)
        except KeyboardInterrupt as error:
            self._stop(call)
            raise stopped() from error
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

        The portal can be called again afterwards. Of a portal that was never called there is nothing to close. A call
        whose clean-up outlasts all patience ends as `Interrupted`, its clean-up undone.

        Raises
        ------
        Exception
            What `last` raised; the thread has ended all the same.
        RequestError
            See `require_other_thread`; nothing was closed.
        """
        self.require_other_thread()
        closing: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        try:
            with self._lock:
                if self._loop is None or self._thread is None or self._ending:
                    return
                closing, self._ending = (self._loop, self._thread), True
            self._end(*closing, last)
        finally:
            if closing is not None:
                try:
                    self._let_go(closing[0])
                finally:
                    with self._lock:
                        self._loop = self._thread = None
                        self._ending = False

    def require_other_thread(self) -> None:
        """Refuse to call or to close on the engine's thread, which would wait for itself.

        Raises
        ------
        RequestError
            This is the engine's thread.
        """
        if threading.current_thread() is self._thread:
            raise _waits_for_itself()

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        thread: threading.Thread,
        last: Callable[[], Coroutine[None, None, None]] | None,
    ) -> None:
        # A queue, not a future: after Ctrl-C in the wait for one, its lock may stay taken, which stops the engine.
        mail: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        ending = _Call[None](mail.put, wants_events=False)
        try:
            loop.call_soon_threadsafe(ending.start, lambda: self._end_calls(loop, last), loop)
            with suppress(queue.Empty):
                _next(mail, 2 * self._clean_up_s)  # for the calls, and for `last`
            if ending.done.is_set():
                ending.result()
        finally:
            _ask_to_stop(loop)
            thread.join(self._clean_up_s + LOOK_UP_S)

    def _let_go(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what `_end` may have left: also after Ctrl-C the loop must not go on, and nobody wait for it."""
        _ask_to_stop(loop)
        for call in self._calls_of(loop):
            call.abandon()
            self._calls.discard(call)

    def _submit(self, call: _Call[T], work: Callable[[], Coroutine[None, None, T]]) -> None:
        """Start a call; never on a loop that is being closed, where it would wait for ever."""
        with self._lock:
            if self._ending:
                raise stopped()
            loop = call.loop = self.loop  # known before it starts, so that Ctrl-C in between finds what to cancel
            self._calls.add(call)
            loop.call_soon_threadsafe(self._start, call, work, loop)

    def _start(
        self, call: _Call[T], work: Callable[[], Coroutine[None, None, T]], loop: asyncio.AbstractEventLoop
    ) -> None:
        task = call.start(work, loop)
        task.add_done_callback(lambda _: self._calls.discard(call))

    def _calls_of(self, loop: asyncio.AbstractEventLoop) -> list[_Call[Any]]:
        return [call for call in tuple(self._calls) if call.loop is loop]

    async def _end_calls(
        self, loop: asyncio.AbstractEventLoop, last: Callable[[], Coroutine[None, None, None]] | None
    ) -> None:
        """Cancel the calls and nothing else: what they began for their clean-up must come to its end."""
        running = [call.task for call in self._calls_of(loop) if call.task is not None]
        for task in running:
            task.cancel()
        if running:  # what outlasts all patience must not keep the connections open
            await asyncio.wait(running, timeout=self._clean_up_s)
        if last is not None:
            await last()

    def _stop(self, call: _Call[T]) -> None:
        if (loop := call.loop) is None:  # interrupted before it began
            return
        with suppress(RuntimeError):  # the loop was closed meanwhile: then the call has ended
            loop.call_soon_threadsafe(call.cancel)
        call.done.wait(self._clean_up_s)


def _waits_for_itself() -> RequestError:
    return RequestError(
        "A sink cannot call or close its lab, whose engine waits for the sink.",
        hint="Do it in the thread that made the call, once it returned.",
    )


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """What the engine's thread does. It closes its loop itself: who stopped it may have gone, after Ctrl-C."""
    try:
        loop.run_forever()
    finally:
        loop.close()


def _ask_to_stop(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # it has stopped, and is closed
        loop.call_soon_threadsafe(_stop_soon, loop)


def _stop_soon(loop: asyncio.AbstractEventLoop) -> None:
    """Stop the loop, after a moment for what is left on it to end; what then remains outlasts all patience."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.set_exception_handler(lambda *_: None)
    loop.call_later(LOOK_UP_S if left else 0, loop.stop)


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # what raises here would stop the work
        return object.__repr__(value)


def stopped() -> Interrupted:
    """What a call ends with that is stopped."""
    return Interrupted(
        "Stopped; what had been acknowledged is kept.", hint="Run the same command again to go on from there."
    )


def _next(mail: queue.SimpleQueue[Event | None], patience_s: float = math.inf) -> Event | None:
    """The next piece of mail, waiting so that Ctrl-C is noticed soon; `queue.Empty` when all patience has ended."""
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return mail.get(timeout=LOOK_UP_S)
        except queue.Empty:
            if time.monotonic() >= give_up:
                raise


def _post(loop: asyncio.AbstractEventLoop, mail: asyncio.Queue[Event | None], event: Event | None) -> None:
    with suppress(RuntimeError):  # the caller's loop was closed: nobody is left to tell
        loop.call_soon_threadsafe(mail.put_nowait, event)
