"""The exchange's clock, as a source carries it on."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from seamless_lab.adapters.ccxt_client import CcxtClient
from seamless_lab.adapters.ccxt_errors import RateLimited, Wire
from seamless_lab.adapters.ccxt_settings import CcxtSettings
from seamless_lab.adapters.ccxt_source import CcxtSource, Surroundings
from seamless_lab.adapters.clock_system import FixedClock, ManualClock
from seamless_lab.adapters.limiter_local import LocalRateLimiter
from seamless_lab.core.bucket import BucketShape
from seamless_lab.engine.events import silent
from seamless_lab.engine.ports import Clock
from tests.adapters.exchanges import OpenGate

T0_MS = 1_735_689_600_000


class TellsTime:
    """The part of a client that tells the exchange's time: `ahead_ms` of time as it really passes."""

    tells_time = True

    def __init__(self, clock: Clock, ahead_ms: int = 0) -> None:
        self._clock, self._ahead_ms, self.asked = clock, ahead_ms, 0

    async def time_ms(self) -> int:
        self.asked += 1
        return T0_MS + self._ahead_ms + int(self._clock.monotonic_s() * 1000)


def source_of(clock: Clock, client: object) -> CcxtSource:
    around = Surroundings(OpenGate(), clock, silent)
    return CcxtSource("x", cast(CcxtClient, client), CcxtSettings(), around, "k", asyncio.Semaphore(1))


@pytest.mark.parametrize("ahead_ms", [-600_000, 0, 600_000])
async def test_a_step_of_the_wall_clock_never_puts_the_exchange_ahead(ahead_ms: int) -> None:
    for step_s in (-3600, 3600):
        clock = ManualClock(T0_MS)
        client = TellsTime(clock, ahead_ms)
        source = source_of(clock, client)
        assert await source.read_clock() == 1
        clock.advance(100)
        clock.set_back(-step_s)
        true_ms = T0_MS + 100_000 + ahead_ms
        assert source.exchange_now_ms <= true_ms
        assert source.earlier_now_s == min(source.exchange_now_ms, clock.now_ms()) // 1000
        await source.read_clock()
        assert client.asked == 2, "a wall clock that leapt is a reason to ask again"
        assert source.exchange_now_ms == true_ms


async def test_the_clock_is_carried_on_while_time_passes_evenly() -> None:
    clock = ManualClock(T0_MS)
    client = TellsTime(clock, -5_000)
    source = source_of(clock, client)
    await source.read_clock()
    clock.advance(599)
    assert await source.read_clock() == 0
    assert source.exchange_now_ms == T0_MS + 599_000 - 5_000
    assert source.earlier_now_s == T0_MS // 1000 + 594
    clock.advance(1)
    assert await source.read_clock() == 1


async def test_under_a_clock_that_stands_still_so_does_the_exchange() -> None:
    clock = FixedClock(T0_MS)
    source = source_of(clock, TellsTime(ManualClock(), -5_000))
    await source.read_clock()
    await asyncio.sleep(0)
    assert source.exchange_now_ms == T0_MS - 5_000


async def test_a_ban_for_days_fails_at_once_until_it_is_over() -> None:
    clock, three_days_s = ManualClock(T0_MS), 259_200.0
    limiter = LocalRateLimiter(lambda _: BucketShape(1_000, 60_000, 1_000), clock, sleep=clock.sleep)
    around = Surroundings(limiter, clock, silent, clock.sleep)
    source = CcxtSource("x", cast(CcxtClient, None), CcxtSettings(), around, "k", asyncio.Semaphore(1))
    asked = 0

    async def banned() -> None:
        nonlocal asked
        asked += 1
        raise RateLimited("banned", retry_after_s=three_days_s)

    for _ in range(2):
        with pytest.raises(RateLimited) as told:
            await source.retrying(2.0, banned)
        assert told.value.retry_after_s == three_days_s
    assert (asked, clock.now_ms()) == (1, T0_MS), "who is banned neither asks nor waits"
    clock.advance(int(three_days_s) - 100)

    async def bars() -> str:
        return "bars"

    assert await source.retrying(2.0, bars) == ("bars", 1)
    assert clock.now_ms() == T0_MS + 1_000 * three_days_s


async def test_a_pause_that_the_settings_ask_for_is_waited_out_however_long() -> None:
    clock, settings = ManualClock(T0_MS), CcxtSettings(penalty_backoff_ms=130_000, max_attempts=1)
    limiter = LocalRateLimiter(lambda _: BucketShape(1_000, 60_000, 1_000), clock, sleep=clock.sleep)
    around = Surroundings(limiter, clock, silent, clock.sleep)
    source = CcxtSource("x", cast(CcxtClient, None), settings, around, "k", asyncio.Semaphore(1))
    answers = [RateLimited("too many", retry_after_s=None), None]

    async def bars() -> str:
        if refusal := answers.pop(0):
            raise refusal
        return "bars"

    with pytest.raises(RateLimited, match="too many"):
        await source.retrying(2.0, bars)
    assert await source.retrying(2.0, bars) == ("bars", 1)
    assert clock.now_ms() >= T0_MS + 130_000


@pytest.mark.parametrize("sent, read", [("7", 7.0), ("1.5", 1.5), ("²", None), ("1.²", None), ("Wed, 21 Oct", None)])
def test_a_wish_to_wait_is_read_where_it_is_a_number(sent: str, read: float | None) -> None:
    assert Wire(headers={"retry-after": sent}).retry_after_s == read
