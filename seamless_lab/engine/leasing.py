"""Holding a coordinator's lease while something is done: waited for, renewed, and given back however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from seamless_lab.engine.ports import Claimed, Coordinator, HeldElsewhere, LeaseKey
from seamless_lab.engine.uncancelled import ended, to_the_end
from seamless_lab.errors import CoordinatorUnavailable, LeaseLost

WAIT_POLL_S = 0.1
"""How often a lease that another process holds is tried again."""


class Leases:
    """The leases of one owner; bound to one loop."""

    def __init__(self, coordinator: Coordinator, owner: str, *, renew_ms: int) -> None:
        self._coordinator, self._owner, self._renew_ms = coordinator, owner, renew_ms

    @asynccontextmanager
    async def hold(
        self, key: LeaseKey, waiting: Callable[[HeldElsewhere], None]
    ) -> AsyncIterator[Callable[[], Claimed]]:
        """Hold a lease, renewed in the background; yields the function that gives it as it is now.

        `waiting` is called once when another process holds it.

        Raises
        ------
        LeaseLost
            Another process has taken it meanwhile.
        """
        held = await self._claimed(key, waiting)

        async def keep() -> None:
            nonlocal held
            while True:
                await asyncio.sleep(self._renew_ms / 1000)
                with suppress(CoordinatorUnavailable):  # tried again next turn; a lease outlives one missed renewal
                    held = await self._coordinator.renew(held)

        keeper = asyncio.create_task(keep())
        try:
            yield lambda: held
        except BaseException as error:  # also a cancellation: the lease goes back at once, whatever happened
            await self._give_back(held, type(error).__name__)
            raise
        else:
            await to_the_end(self._coordinator.complete(held))
        finally:
            keeper.cancel()
            await ended(keeper)
            if not keeper.cancelled() and not isinstance(keeper.exception(), LeaseLost | None):
                keeper.result()

    async def _claimed(self, key: LeaseKey, waiting: Callable[[HeldElsewhere], None]) -> Claimed:
        announced = False
        while True:
            answer = await self._answer_to_claim(key)
            if isinstance(answer, Claimed):
                return answer
            if not announced:
                waiting(answer)
                announced = True
            await asyncio.sleep(WAIT_POLL_S)

    async def _answer_to_claim(self, key: LeaseKey) -> Claimed | HeldElsewhere:
        """Claim once. A lease that is granted after this was cancelled goes back, or it would block others for long."""
        claiming = asyncio.ensure_future(self._coordinator.claim(key, self._owner))
        try:
            await ended(claiming)
        except asyncio.CancelledError:
            granted = None if claiming.cancelled() or claiming.exception() is not None else claiming.result()
            if isinstance(granted, Claimed):
                await self._give_back(granted, "CancelledError")
            raise
        return claiming.result()

    async def _give_back(self, held: Claimed, why: str) -> None:
        with suppress(CoordinatorUnavailable, LeaseLost):  # it runs out by itself, or is another's already
            await to_the_end(self._coordinator.fail(held, why))
