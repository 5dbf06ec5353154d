"""The blocking door and the awaitable one into the engine's loop."""

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from seamless_lab.app.portal import EventStream, Portal
from seamless_lab.engine.events import Event
from seamless_lab.engine.uncancelled import to_the_end
from seamless_lab.errors import Interrupted, RequestError
from tests.waiting import until


@pytest.fixture
def portal():
    made = Portal()
    yield made
    made.close()


class Hanging:
    """Work that never ends by itself and notes its clean-up."""

    def __init__(self) -> None:
        self.begun, self.cleaned_up = threading.Event(), threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up.set()


def test_results_and_errors_come_back(portal: Portal) -> None:
    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise KeyError("mine")

    assert portal.call(answer) == 42
    with pytest.raises(KeyError, match="mine"):
        portal.call(fail)


def test_work_that_cannot_even_begin_fails_the_call_and_hangs_nobody(portal: Portal) -> None:
    async def answer() -> int:
        return 42

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(portal.call, lambda: {}["missing"])
        with pytest.raises(KeyError, match="missing"):
            waiting.result(timeout=10)
    assert portal.call(answer) == 42


async def test_awaited_work_that_cannot_even_begin_fails_the_call(portal: Portal) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(KeyError, match="missing"):
            await portal.acall(lambda: {}["missing"])


def test_events_arrive_in_order_in_the_thread_that_called(portal: Portal) -> None:
    stream, got = EventStream(), []

    async def work() -> None:
        for number in range(100):
            stream.emit(Event(str(number), 0))
            await asyncio.sleep(0)
        await asyncio.to_thread(stream.emit, Event("from a worker", 0))

    portal.call(work, lambda event: got.append((event.name, threading.get_ident())))
    assert got == [(name, threading.get_ident()) for name in [*map(str, range(100)), "from a worker"]]


def test_a_call_gets_its_own_events_only_and_a_sink_gets_all(portal: Portal) -> None:
    stream, all_of_them, lock = EventStream(), [], threading.Lock()

    def sink(event: Event) -> None:
        with lock:
            all_of_them.append(event.name)

    remove = stream.add(sink)
    both = threading.Barrier(2)

    def run(name: str) -> list[str]:
        mine: list[str] = []

        async def work() -> None:
            await asyncio.to_thread(both.wait)
            for _ in range(50):
                stream.emit(Event(name, 0))
                await asyncio.sleep(0)

        portal.call(work, lambda event: mine.append(event.name))
        return mine

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, ["a", "b"]))
    assert found == [["a"] * 50, ["b"] * 50]
    assert sorted(all_of_them) == ["a"] * 50 + ["b"] * 50
    remove()
    portal.call(lambda: asyncio.to_thread(stream.emit, Event("late", 0)))
    assert len(all_of_them) == 100


def test_a_callback_that_raises_stops_the_work(portal: Portal) -> None:
    stream, hanging = EventStream(), Hanging()

    async def work() -> None:
        stream.emit(Event("first", 0))
        await hanging()

    def broken(event: Event) -> None:
        raise ZeroDivisionError(event.name)

    with pytest.raises(ZeroDivisionError, match="first"):
        portal.call(work, broken)
    assert hanging.cleaned_up.is_set()


async def test_a_callback_that_raises_stops_awaited_work_too(portal: Portal) -> None:
    stream, hanging = EventStream(), Hanging()

    async def work() -> None:
        stream.emit(Event("first", 0))
        await hanging()

    def broken(event: Event) -> None:
        raise ZeroDivisionError(event.name)

    with pytest.raises(ZeroDivisionError, match="first"):
        await portal.acall(work, broken)
    assert hanging.cleaned_up.is_set()


async def test_cancelling_the_caller_cancels_the_work_and_waits_for_its_clean_up(portal: Portal) -> None:
    hanging = Hanging()
    caller = asyncio.create_task(portal.acall(hanging))
    await asyncio.to_thread(hanging.begun.wait)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert hanging.cleaned_up.is_set()


async def test_a_caller_that_is_cancelled_before_the_work_began_leaves_nothing_running(portal: Portal) -> None:
    hanging = Hanging()
    caller = asyncio.create_task(portal.acall(hanging))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not [task for task in asyncio.all_tasks(portal.loop) if not task.done()]


async def test_awaited_events_arrive_on_the_callers_loop(portal: Portal) -> None:
    stream, got = EventStream(), []

    async def work() -> str:
        stream.emit(Event("one", 0))
        await asyncio.to_thread(stream.emit, Event("two", 0))
        return "done"

    def note(event: Event) -> None:
        got.append((event.name, asyncio.get_running_loop()))

    assert await portal.acall(work, note) == "done"
    assert got == [("one", asyncio.get_running_loop()), ("two", asyncio.get_running_loop())]


async def test_the_blocking_door_works_inside_a_running_loop(portal: Portal) -> None:
    async def answer() -> int:
        return 42

    assert portal.call(answer) == 42


def test_closing_ends_what_another_thread_waits_for(portal: Portal) -> None:
    hanging = Hanging()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(portal.call, hanging)
        hanging.begun.wait()
        portal.close()
        with pytest.raises(Interrupted):
            waiting.result(timeout=10)
    assert hanging.cleaned_up.is_set()


async def test_closing_ends_what_another_loop_awaits(portal: Portal) -> None:
    hanging = Hanging()
    caller = asyncio.create_task(portal.acall(hanging))
    await asyncio.to_thread(hanging.begun.wait)
    await asyncio.to_thread(portal.close)
    async with asyncio.timeout(10):
        with pytest.raises(Interrupted):
            await caller


@pytest.fixture
def outlasting():
    """Work whose clean-up outlasts any patience."""
    begun, may_end = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        await to_the_end(asyncio.to_thread(may_end.wait))

    yield work, begun
    may_end.set()


def test_closing_lets_a_caller_go_whose_clean_up_does_not_end(outlasting) -> None:
    portal, (work, begun), closed = Portal(clean_up_s=0.05), outlasting, threading.Event()

    async def last() -> None:
        closed.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(portal.call, work)
        begun.wait()
        portal.close(last)
        with pytest.raises(Interrupted):
            waiting.result(timeout=10)
    assert closed.is_set(), "the connections are closed all the same"


async def test_closing_lets_an_awaiting_caller_go_whose_clean_up_does_not_end(outlasting) -> None:
    portal, (work, begun) = Portal(clean_up_s=0.05), outlasting
    caller = asyncio.create_task(portal.acall(work))
    await asyncio.to_thread(begun.wait)
    await asyncio.to_thread(portal.close)
    async with asyncio.timeout(10):
        with pytest.raises(Interrupted):
            await caller


def test_a_last_act_that_fails_is_told_and_the_thread_ends(portal: Portal) -> None:
    async def engine() -> threading.Thread:
        return threading.current_thread()

    async def fail() -> None:
        raise OSError("the last")

    thread = portal.call(engine)
    with pytest.raises(OSError, match="the last"):
        portal.close(fail)
    assert not thread.is_alive()


def test_a_last_act_whose_own_patience_ended_is_told_too(portal: Portal) -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise TimeoutError("a connection did not close")

    portal.call(answer)
    with pytest.raises(TimeoutError, match="did not close"):
        portal.close(fail)


def test_closing_on_the_engines_thread_is_refused_and_ends_no_call(portal: Portal) -> None:
    async def close() -> str:
        with pytest.raises(RequestError, match="A sink cannot call or close"):
            portal.close()
        return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(portal.call, close).result(timeout=10) == "done"


def test_calling_on_the_engines_thread_is_refused_and_hangs_nobody(portal: Portal) -> None:
    async def call_again() -> str:
        with pytest.raises(RequestError, match="A sink cannot call or close"):
            portal.call(call_again)
        return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(portal.call, call_again).result(timeout=10) == "done"


def test_while_one_thread_closes_no_call_begins_and_the_engines_thread_is_refused(portal: Portal) -> None:
    closing, may_end, refused = threading.Event(), threading.Event(), []

    async def answer() -> int:
        return 42

    async def last() -> None:
        try:
            portal.close()
        except RequestError as error:
            refused.append(error)
        closing.set()
        await asyncio.to_thread(may_end.wait)

    portal.call(answer)
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(portal.close, last)
        closing.wait()
        with pytest.raises(Interrupted):
            portal.call(answer)
        may_end.set()
        closed.result(timeout=10)
    assert len(refused) == 1
    assert portal.call(answer) == 42


def test_closing_that_is_interrupted_lets_callers_go(outlasting) -> None:
    portal, (work, begun) = Portal(clean_up_s=0.05), outlasting

    class Impatient(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(portal.call, work)
        begun.wait()
        loop, thread = portal.loop, portal._thread
        assert thread is not None
        thread.__class__ = Impatient  # Ctrl-C comes while it waits for the thread
        with pytest.raises(KeyboardInterrupt):
            portal.close()
        with pytest.raises(Interrupted):
            waiting.result(timeout=10)
    threading.Thread.join(thread)
    loop.close()


def test_where_warnings_are_errors_a_sink_that_raises_stops_no_work_either(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream, heard = EventStream(), []

    def broken(event: Event) -> None:
        raise ValueError(event.name)

    stream.add(broken)
    stream.add(lambda event: heard.append(event.name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream.emit(Event("one", 0))
        stream.emit(Event("two", 0))
    assert heard == ["one", "two"]
    assert capsys.readouterr().err.count("the work goes on") == 1


def test_a_sink_that_raises_is_told_of_once_and_stops_neither_the_work_nor_other_sinks(portal: Portal) -> None:
    stream, heard = EventStream(), []

    def broken(event: Event) -> None:
        raise ValueError(event.name)

    stream.add(broken)
    stream.add(lambda event: heard.append(event.name))

    async def work() -> str:
        stream.emit(Event("one", 0))
        stream.emit(Event("two", 0))
        return "done"

    with pytest.warns(RuntimeWarning, match=r"broken.*ValueError\('one'\).* at the event one") as warned:
        assert portal.call(work) == "done"
    assert len(warned) == 1
    assert heard == ["one", "two"]


class Nameless:
    """A sink that fails, and whose name fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, event: Event) -> None:
        raise self.error

    def __repr__(self) -> str:
        raise ValueError("no name")


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_whatever_a_sink_raises_on_the_engines_threads_the_work_goes_on(portal: Portal, error: BaseException) -> None:
    stream = EventStream()
    stream.add(Nameless(error))

    async def work() -> str:
        stream.emit(Event("one", 0))
        return "done"

    with pytest.warns(RuntimeWarning, match="Nameless object at .* the work goes on"):
        assert portal.call(work) == "done"


def test_a_hook_of_warnings_that_fails_stops_no_work(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*told: object, **more: object) -> None:
        raise OSError("the hook")

    stream = EventStream()
    stream.add(Nameless(KeyError("x")))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", broken)
        stream.emit(Event("one", 0))
    assert "the work goes on" in capsys.readouterr().err


def test_a_sink_may_still_be_interrupted() -> None:
    stream = EventStream()

    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    stream.add(interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.emit(Event("one", 0))


def test_a_closed_portal_opens_again_and_leaves_no_thread(portal: Portal) -> None:
    async def where() -> int:
        return threading.get_ident()

    def threads() -> int:
        return sum(thread.name == "seamless-engine" for thread in threading.enumerate())

    before = threads()
    first = portal.call(where)
    assert threads() == before + 1
    portal.close()
    portal.close()
    until(lambda: threads() == before)
    assert portal.call(where) != threading.get_ident()
    assert first
