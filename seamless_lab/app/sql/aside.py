"""Work of the engine on threads of its own, which no signal reaches: of Ctrl-C it makes errors like any other."""

from __future__ import annotations

import _thread
import functools
import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, ParamSpec, TypeVar

from seamless_lab.app.portal import LOOK_UP_S
from seamless_lab.errors import Interrupted

P = ParamSpec("P")
T = TypeVar("T")


class Step(Generic[T]):
    """One call of `work` on a thread of its own, unless it is given up before it began."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._turn = _thread.allocate_lock()  # never given back: who has it decides whether the work begins
        self._mail: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ended = False
        self._found: list[T] = []
        self._error: BaseException | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs, or ever will."""
        return self._ended

    def start(self) -> None:
        """Begin. Ctrl-C in here leaves open whether it began; `give_up` settles that."""
        # What `threading` has is written in Python, and Ctrl-C in the middle of it leaves locks that stay locked.
        _thread.start_new_thread(self._carry_out, ())

    def wait(self, seconds: float = LOOK_UP_S) -> bool:
        """Wait for its end, so long at most; whether it has ended."""
        if not self._ended:
            with suppress(queue.Empty):
                self._mail.get(timeout=seconds)
        return self._ended

    def give_up(self) -> bool:
        """Whether it had not begun, and never will."""
        if self._turn.acquire(blocking=False):
            self._ended = True
        return self._ended

    def result(self) -> T:
        """What the work returned, once it has ended; what it raised is raised."""
        if self._error is not None:
            raise self._error
        (found,) = self._found
        return found

    def _carry_out(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._found.append(self._work())
        except BaseException as error:  # the thread's outermost boundary: `result` raises it in the caller's thread
            self._error = error
        finally:
            del self._work  # a method of who holds this, with whom it would keep what the work found
            self._ended = True
            self._mail.put(None)


def aside(work: Callable[P, T]) -> Callable[P, T]:
    """Let short work of the engine run aside. Its connection is free again in any case: Ctrl-C waits for its end.

    The function it makes raises `Interrupted` when the user stopped it.
    """

    @functools.wraps(work)
    def waited_for(*args: P.args, **options: P.kwargs) -> T:
        step = Step(lambda: work(*args, **options))
        try:
            step.start()
            while not step.wait():
                pass
        except KeyboardInterrupt as stop:
            step.give_up()
            while not step.ended:
                try:
                    step.wait()
                except KeyboardInterrupt:  # once is enough
                    continue
            raise Interrupted("Stopped.") from stop
        return step.result()

    return waited_for
