"""The clocks."""

import time

import pytest

from seamless_lab.adapters.clock_system import FixedClock, ManualClock, SystemClock


def test_the_system_clock_is_the_systems() -> None:
    clock, before = SystemClock(), time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
    assert clock.monotonic_s() <= clock.monotonic_s()


def test_a_fixed_clock_shows_one_moment_while_durations_pass() -> None:
    clock = FixedClock(1_704_067_200_000)
    first = clock.monotonic_s()
    assert clock.now_ms() == clock.now_ms() == 1_704_067_200_000
    assert clock.monotonic_s() >= first


async def test_a_manual_clock_moves_when_told() -> None:
    clock = ManualClock(1_000)
    clock.advance(1.5)
    await clock.sleep(0.25)
    await clock.sleep(-1)
    assert (clock.now_ms(), clock.monotonic_s()) == (2_750, 1.75)
    clock.set_back(2)
    assert (clock.now_ms(), clock.monotonic_s()) == (750, 1.75)
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(-1)
