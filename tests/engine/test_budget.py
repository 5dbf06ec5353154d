"""Budgets cut the wait and name the phase."""

from __future__ import annotations

import asyncio

import pytest

from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.core.policy import Phase, SLAPolicy
from seamless_lab.engine.budget import Budget
from seamless_lab.errors import SeamlessSLAExceeded


async def test_a_phase_that_hangs_is_cancelled_and_named():
    budget = Budget(SLAPolicy(max_wait_backfill_ms=20), SystemClock())
    cleaned_up = False

    async def hang() -> None:
        nonlocal cleaned_up
        async with budget.phase(Phase.BACKFILL):
            try:
                await asyncio.Event().wait()
            finally:
                cleaned_up = True

    with pytest.raises(SeamlessSLAExceeded) as cut:
        await hang()
    assert cleaned_up
    assert (cut.value.phase, cut.value.budget_ms) == ("backfill", 20)
    assert cut.value.elapsed_ms >= 20


async def test_the_total_cuts_a_phase_that_has_no_budget_of_its_own():
    budget = Budget(SLAPolicy(total_deadline_ms=20), SystemClock())
    with pytest.raises(SeamlessSLAExceeded) as cut:
        async with budget.phase(Phase.STORAGE):
            await asyncio.Event().wait()
    assert cut.value.phase == "total"


async def test_the_time_of_a_phase_adds_up_over_its_visits():
    budget = Budget(SLAPolicy(max_wait_storage_ms=60_000), SystemClock())
    for _ in range(2):
        async with budget.phase(Phase.STORAGE):
            await asyncio.sleep(0)
    spent = budget.spent_ms[Phase.STORAGE]
    assert spent > 0
    async with budget.phase(Phase.STORAGE):
        await asyncio.sleep(0)
    assert budget.spent_ms[Phase.STORAGE] > spent
    assert set(budget.spent_ms) == {Phase.STORAGE}


async def test_a_timeout_of_the_body_itself_is_not_taken_for_the_budget():
    budget = Budget(SLAPolicy(max_wait_storage_ms=60_000), SystemClock())
    with pytest.raises(TimeoutError, match="my own"):
        async with budget.phase(Phase.STORAGE):
            raise TimeoutError("my own")


async def test_without_budgets_nothing_is_cut():
    budget = Budget(SLAPolicy(), SystemClock())
    async with budget.phase(Phase.LIVE):
        await asyncio.sleep(0)
    assert Phase.LIVE in budget.spent_ms
