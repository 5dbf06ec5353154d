"""The token bucket against its promise: in no stretch of time more than the burst and what refills."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seamless_lab.core.bucket import Bucket, BucketShape, Taken, Wait, penalised, take, tokens_available

PER_MINUTE = BucketShape(tokens_per_interval=1200, interval_ms=60_000, burst_tokens=200)  # 20 a second


def taken(shape: BucketShape, bucket: Bucket, weight: float, now_us: int) -> Bucket:
    decided = take(shape, bucket, weight, now_us)
    assert isinstance(decided, Taken)
    return decided.bucket


def test_a_new_bucket_is_full() -> None:
    assert tokens_available(PER_MINUTE, Bucket(), 0) == 200
    assert tokens_available(PER_MINUTE, Bucket(), 10**15) == 200


def test_the_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    left = taken(PER_MINUTE, Bucket(), 200, 0)
    assert tokens_available(PER_MINUTE, left, 0) == 0
    assert take(PER_MINUTE, left, 2, 0) == Wait(100_000)
    assert isinstance(take(PER_MINUTE, left, 2, 100_000), Taken)
    assert tokens_available(PER_MINUTE, left, 5_000_000) == pytest.approx(100)


def test_grants_keep_the_minimum_interval() -> None:
    shape = BucketShape(1200, 60_000, 200, min_interval_ms=25)
    left = taken(shape, Bucket(), 1, 1_000)
    assert take(shape, left, 1, 1_000) == Wait(25_000)


def test_a_penalty_closes_the_bucket_and_a_shorter_one_does_not_open_it() -> None:
    closed = penalised(penalised(Bucket(), 0, 5_000_000), 1_000_000, 1_000_000)
    assert take(PER_MINUTE, closed, 1, 2_000_000) == Wait(3_000_000)
    assert tokens_available(PER_MINUTE, closed, 4_999_999) == 0
    assert tokens_available(PER_MINUTE, closed, 5_000_000) == 200


def test_a_weight_above_the_burst_is_slow_rather_than_impossible() -> None:
    shape = BucketShape(10, 1_000, burst_tokens=5)
    left = taken(shape, Bucket(), 20, 0)
    assert take(shape, left, 20, 0) == Wait(2_000_000)
    assert take(shape, left, 5, 0) == Wait(2_000_000)


@pytest.mark.parametrize("numbers", [(0, 1, 1, 0), (1, 0, 1, 0), (1, 1, 0, 0), (1, 1, 1, -1)])
def test_a_shape_that_makes_no_sense_is_refused(numbers: tuple[float, int, float, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        BucketShape(*numbers)


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        take(PER_MINUTE, Bucket(), 0, 0)


SHAPES = st.builds(
    BucketShape,
    st.floats(0.1, 5_000, allow_nan=False),
    st.integers(1, 120_000),
    st.floats(0.1, 500, allow_nan=False),
    st.sampled_from([0, 0, 7, 250]),
)
ASKS = st.lists(st.tuples(st.integers(0, 3_000_000), st.sampled_from([0.4, 1, 2, 5, 40])), min_size=1, max_size=30)


@given(shape=SHAPES, asks=ASKS, patient=st.booleans(), penalty_us=st.integers(0, 2_000_000))
def test_no_stretch_of_time_grants_more_than_the_burst_and_its_refill(
    shape: BucketShape, asks: list[tuple[int, float]], patient: bool, penalty_us: int
) -> None:
    bucket, now, grants, closed = Bucket(), 0, [], (0, 0)
    for place, (pause_us, weight) in enumerate(asks):
        now += pause_us
        if place == len(asks) // 2:
            bucket, closed = penalised(bucket, now, penalty_us), (now, now + penalty_us)
        decided = take(shape, bucket, weight, now)
        if isinstance(decided, Wait):
            assert take(shape, bucket, weight, now + decided.us - 1) == Wait(1), "never earlier"
            if not patient:
                continue
            now += decided.us
            decided = take(shape, bucket, weight, now)
        assert isinstance(decided, Taken), "the wait told is enough"
        bucket = decided.bucket
        grants.append((now, shape.cost_us(weight)))
    burst = max([shape.capacity_us, *(cost for _, cost in grants)])
    for first in range(len(grants)):
        spent = 0
        for at, cost in grants[first:]:
            spent += cost
            assert spent <= burst + at - grants[first][0]
    assert all(later - earlier >= shape.min_interval_ms * 1000 for (earlier, _), (later, _) in pairwise(grants))
    assert not any(closed[0] <= at < closed[1] for at, _ in grants[len(asks) // 2 :] if at > closed[0])


@given(shape=SHAPES, asks=ASKS, back_us=st.integers(0, 10_000_000))
def test_a_clock_that_goes_back_grants_nothing(shape: BucketShape, asks: list[tuple[int, float]], back_us: int) -> None:
    bucket, now = Bucket(), 0
    for pause_us, weight in asks:
        now += pause_us
        decided = take(shape, bucket, weight, now)
        if isinstance(decided, Taken):
            bucket = decided.bucket
    assert tokens_available(shape, bucket, now - back_us) <= tokens_available(shape, bucket, now)


@given(shape=SHAPES, asks=ASKS)
@example(shape=BucketShape(3.0, 1, 1.0), asks=[(0, 0.4), (2, 0.4)])
def test_the_tokens_told_can_be_taken(shape: BucketShape, asks: list[tuple[int, float]]) -> None:
    bucket, now = Bucket(), 0
    for pause_us, weight in asks:
        now += pause_us
        free = tokens_available(shape, bucket, now)
        assert 0 <= free <= shape.burst_tokens
        if free > 0:
            assert isinstance(take(shape, bucket, free, now), Taken)
        decided = take(shape, bucket, weight, now)
        bucket = decided.bucket if isinstance(decided, Taken) else bucket
