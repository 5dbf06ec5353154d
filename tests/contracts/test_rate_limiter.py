"""What every rate limiter must do."""

import asyncio
from dataclasses import dataclass

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.adapters.limiter_local import LocalRateLimiter
from seamless_lab.core.bucket import BucketShape
from seamless_lab.engine.ports import Closed, RateLimiter

SHAPE = BucketShape(tokens_per_interval=100, interval_ms=1_000, burst_tokens=10)


@dataclass
class Arena:
    """A limiter whose keys hold 10 tokens and refill 100 a second, and its clock."""

    limiter: RateLimiter
    clock: ManualClock


class YieldingClock(ManualClock):
    """Lets everybody else run before a sleep ends, as a real loop does."""

    async def sleep(self, seconds: float) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        await super().sleep(seconds)


@pytest.fixture(params=["local"])
def arena(request: pytest.FixtureRequest) -> Arena:
    assert request.param == "local"
    clock = YieldingClock()
    return Arena(LocalRateLimiter(lambda _: SHAPE, clock, sleep=clock.sleep), clock)


async def test_tokens_at_hand_are_given_without_a_wait(arena: Arena) -> None:
    assert await arena.limiter.acquire("k", 10) == 0
    assert await arena.limiter.tokens_available("k") == pytest.approx(0, abs=0.5)


async def test_what_is_not_at_hand_is_waited_for(arena: Arena) -> None:
    await arena.limiter.acquire("k", 10)
    assert await arena.limiter.acquire("k", 5) == pytest.approx(0.05, abs=0.002)


async def test_keys_do_not_share(arena: Arena) -> None:
    await arena.limiter.acquire("k", 10)
    assert await arena.limiter.acquire("other", 10) == 0


async def test_waiters_are_served_in_the_order_they_came(arena: Arena) -> None:
    served: list[int] = []

    async def ask(number: int, weight: float) -> None:
        await arena.limiter.acquire("k", weight)
        served.append(number)

    async with asyncio.TaskGroup() as group:
        for number, weight in enumerate([10, 9, 1, 8, 1, 1]):
            group.create_task(ask(number, weight))
    assert served == list(range(6))


async def test_nobody_gets_a_token_during_a_penalty(arena: Arena) -> None:
    await arena.limiter.penalise("k", 2.0)
    assert await arena.limiter.tokens_available("k") == 0
    assert await arena.limiter.acquire("k", 1) == pytest.approx(2.0, abs=0.01)


async def test_a_penalty_also_holds_up_those_who_wait(arena: Arena) -> None:
    await arena.limiter.acquire("k", 10)
    waiting = asyncio.ensure_future(arena.limiter.acquire("k", 5))
    for _ in range(3):
        await asyncio.sleep(0)
    await arena.limiter.penalise("k", 3.0)
    assert await waiting == pytest.approx(3.0, abs=0.06)


async def test_a_cancelled_wait_takes_nothing(arena: Arena) -> None:
    await arena.limiter.acquire("k", 10)
    waiting = asyncio.ensure_future(arena.limiter.acquire("k", 10))
    for _ in range(3):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    arena.clock.advance(0.1)
    assert await arena.limiter.acquire("k", 10) == 0


async def test_a_crowd_is_never_granted_more_than_the_burst_and_the_refill(arena: Arena) -> None:
    start = arena.clock.monotonic_s()
    await asyncio.gather(*(arena.limiter.acquire("k", 3) for _ in range(40)))
    assert arena.clock.monotonic_s() - start >= (40 * 3 - 10) / 100 - 1e-6


async def test_a_closure_that_is_too_long_is_told_and_not_waited_for(arena: Arena) -> None:
    await arena.limiter.penalise("k", 300)
    before = arena.clock.monotonic_s()
    with pytest.raises(Closed) as told:
        await arena.limiter.acquire("k", 1, longest_closure_s=120)
    assert (told.value.seconds, arena.clock.monotonic_s()) == (300, before)
    await arena.clock.sleep(200)
    assert await arena.limiter.acquire("k", 1, longest_closure_s=120) == pytest.approx(100)


async def test_a_long_closure_ends_the_wait_of_those_who_wait_already(arena: Arena) -> None:
    await arena.limiter.acquire("k", 10)
    waiting = asyncio.create_task(arena.limiter.acquire("k", 5, longest_closure_s=120))
    await asyncio.sleep(0)
    await arena.limiter.penalise("k", 300)
    with pytest.raises(Closed):
        await waiting


async def test_a_slow_pace_is_no_closure(arena: Arena) -> None:
    await arena.limiter.acquire("k", 100)
    assert await arena.limiter.acquire("k", 1, longest_closure_s=0.1) == pytest.approx(0.91)
