"""Tasks that nobody awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Background:
    """Tasks that go on after their starter: kept until they end, and told about when they fail. Bound to one loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Callable[[], Awaitable[None]], failed: Callable[[Exception], None]) -> None:
        """Do `work`; what it raises goes to `failed`."""

        async def run() -> None:
            try:
                await work()
            except Exception as error:  # top of a background task: nobody awaits it, so it says what happened
                failed(error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until all have ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cancel(self) -> None:
        """Cancel all, and wait for their clean-up."""
        for task in self._tasks:
            task.cancel()
        await self.wait()
