"""Token buckets of one process: first come, first served per key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

from seamless_lab.core.bucket import Bucket, BucketShape, Taken, penalised, take, tokens_available
from seamless_lab.engine.ports import Clock, Closed


@dataclass(slots=True)
class _Queue:
    """The bucket of one key and those who wait for it; the lock serves them in the order they came."""

    shape: BucketShape
    bucket: Bucket = field(default_factory=Bucket)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class LocalRateLimiter:
    """Buckets shared by everyone in the process who uses this limiter. Lives on one event loop.

    Parameters
    ----------
    shape_of
        The shape of a key's bucket, asked once per key.
    clock
        Its monotonic side is used, so that setting the wall clock grants nothing.
    sleep
        Waits some seconds.
    """

    def __init__(
        self,
        shape_of: Callable[[str], BucketShape],
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.shape_of = shape_of
        self._clock = clock
        self._sleep = sleep
        self._queues: dict[str, _Queue] = {}

    async def acquire(self, key: str, weight: float, *, longest_closure_s: float = inf) -> float:
        """Wait for `weight` tokens; returns the seconds waited. A cancelled wait takes nothing."""
        queue, asked_us = self._queue(key), self._now_us()
        async with queue.turn:
            while True:
                now_us = self._now_us()
                decided = take(queue.shape, queue.bucket, weight, now_us)
                if isinstance(decided, Taken):
                    queue.bucket = decided.bucket
                    return (now_us - asked_us) / 1e6
                closed_s = (queue.bucket.open_at_us - now_us) / 1e6
                if closed_s > max(longest_closure_s, queue.shape.min_interval_ms / 1000):  # the latter is no penalty
                    raise Closed(closed_s)
                await self._sleep(decided.us / 1e6)

    async def penalise(self, key: str, seconds: float) -> None:
        """Nobody gets a token for `key` during the next `seconds`, those who wait already included."""
        queue = self._queue(key)
        queue.bucket = penalised(queue.bucket, self._now_us(), int(seconds * 1e6))

    async def tokens_available(self, key: str) -> float:
        """Tokens that could be taken now without waiting."""
        queue = self._queue(key)
        return tokens_available(queue.shape, queue.bucket, self._now_us())

    def _queue(self, key: str) -> _Queue:
        if key not in self._queues:
            self._queues[key] = _Queue(self.shape_of(key))
        return self._queues[key]

    def _now_us(self) -> int:
        return int(self._clock.monotonic_s() * 1e6)
