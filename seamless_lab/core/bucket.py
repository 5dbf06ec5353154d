"""A token bucket as a state machine over integers, so that no rounding ever grants a token too many.

The state says when the bucket will be full again, in microseconds of a clock that never goes back; a token is the
time it takes to refill. In any stretch of time the weights granted are at most `burst_tokens` (or one larger weight)
plus what the stretch refills.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, nextafter


@dataclass(frozen=True, slots=True)
class BucketShape:
    """`tokens_per_interval` refill in `interval_ms`; `burst_tokens` are saved; grants are `min_interval_ms` apart."""

    tokens_per_interval: float
    interval_ms: int
    burst_tokens: float
    min_interval_ms: int = 0

    def __post_init__(self) -> None:
        if self.tokens_per_interval <= 0 or self.interval_ms <= 0 or self.burst_tokens <= 0 or self.min_interval_ms < 0:
            raise ValueError(f"a bucket needs positive numbers (min_interval_ms may be 0), not {self}")

    @property
    def capacity_us(self) -> int:
        """Time in which an empty bucket fills up."""
        return floor(self.token_us * Fraction(self.burst_tokens))

    def cost_us(self, weight: float) -> int:
        """Time in which `weight` tokens refill, rounded up."""
        if weight <= 0:
            raise ValueError(f"a request weighs more than nothing, not {weight}")
        return ceil(self.token_us * Fraction(weight))

    @property
    def token_us(self) -> Fraction:
        """Time in which one token refills."""
        return Fraction(self.interval_ms * 1000) / Fraction(self.tokens_per_interval)

    def wait_s(self, requests: int, weight: float) -> float:
        """How long a full bucket makes so many requests of so much weight together wait."""
        refill_s = max(0.0, weight - self.burst_tokens) * self.interval_ms / 1000 / self.tokens_per_interval
        return max(refill_s, requests * self.min_interval_ms / 1000)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Full from `full_at_us` on; grants nothing before `open_at_us` (minimum interval, penalty). A new one is full."""

    full_at_us: int = 0
    open_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """The tokens are the caller's; `bucket` is what is left."""

    bucket: Bucket


@dataclass(frozen=True, slots=True)
class Wait:
    """Not enough tokens; there will be after `us` microseconds, never earlier, if nobody else takes any."""

    us: int


def take(shape: BucketShape, bucket: Bucket, weight: float, now_us: int) -> Taken | Wait:
    """What comes of asking for `weight` tokens now.

    A weight above `burst_tokens` waits for a full bucket and leaves it in debt, so that it is slow rather than
    impossible.
    """
    cost = shape.cost_us(weight)
    refilled_at = bucket.full_at_us + cost - max(shape.capacity_us, cost)
    ready_at = max(refilled_at, bucket.open_at_us)
    if now_us < ready_at:
        return Wait(ready_at - now_us)
    full_at = max(bucket.full_at_us, now_us) + cost
    return Taken(Bucket(full_at, now_us + shape.min_interval_ms * 1000))


def penalised(bucket: Bucket, now_us: int, penalty_us: int) -> Bucket:
    """The bucket closed for the next `penalty_us`; a longer closure stands."""
    return Bucket(bucket.full_at_us, max(bucket.open_at_us, now_us + penalty_us))


def tokens_available(shape: BucketShape, bucket: Bucket, now_us: int) -> float:
    """Tokens that could be taken now; 0.0 while the bucket is closed."""
    if now_us < bucket.open_at_us:
        return 0.0
    refilled_us = shape.capacity_us - max(0, bucket.full_at_us - now_us)
    if refilled_us == shape.capacity_us:
        return shape.burst_tokens
    # A hair less than what has refilled, so that rounding never tells of tokens that `take` would not give.
    return nextafter(max(0, refilled_us) / shape.token_us, 0.0)
