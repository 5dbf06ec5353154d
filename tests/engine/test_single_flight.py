"""One at a time per key."""

from __future__ import annotations

import asyncio

import pytest

from seamless_lab.engine.single_flight import SingleFlight


async def test_only_one_is_inside_per_key_and_keys_do_not_disturb_each_other():
    flights, inside, most = SingleFlight(), {"a": 0, "b": 0}, {"a": 0, "b": 0}

    async def fly(key: str) -> None:
        async with flights.hold(key):
            inside[key] += 1
            most[key] = max(most[key], inside[key])
            for _ in range(3):
                await asyncio.sleep(0)
            inside[key] -= 1

    await asyncio.gather(*(fly(key) for key in "ababab"))
    assert most == {"a": 1, "b": 1}
    assert len(flights) == 0


async def test_a_cancelled_waiter_leaves_nothing_behind():
    flights, entered = SingleFlight(), asyncio.Event()

    async def hold() -> None:
        async with flights.hold("a"):
            entered.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiter = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert len(flights) == 1
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder
    assert len(flights) == 0
