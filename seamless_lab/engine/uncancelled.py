"""Waiting for work that must not stop half way, whatever happens to the one who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[None, None, T]) -> T:
    """Do `work`, however often this is cancelled meanwhile: cancelling it may leave it undone without a trace."""
    task = asyncio.create_task(work)
    await ended(task)
    return task.result()


async def ended(task: asyncio.Future[T]) -> None:
    """Wait until `task` has ended, however often this is cancelled meanwhile.

    A cancellation is passed on afterwards, whatever became of the task: swallowed, it would let the caller go on.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled():
        task.exception()  # seen, also when the cancellation goes before it
    if cancelled is not None:
        raise cancelled
