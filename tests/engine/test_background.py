"""Tasks that nobody awaits are kept, told about when they fail, and cancelled whole."""

from __future__ import annotations

import asyncio

from seamless_lab.engine.background import Background


async def test_what_fails_is_told_and_what_is_cancelled_is_not() -> None:
    background, told, cleaned = Background(), [], []

    async def fails() -> None:
        raise ValueError("lost")

    async def hangs() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    background.start(fails, lambda error: told.append(str(error)))
    await background.wait()
    background.start(hangs, lambda error: told.append(str(error)))
    await asyncio.sleep(0.01)
    background.start(hangs, lambda error: told.append(str(error)))  # has not begun when it is cancelled
    await background.cancel()
    await background.wait()
    assert (told, cleaned) == (["lost"], [True])
