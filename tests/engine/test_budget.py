"""Budgets cut the wait and name the phase."""

from __future__ import annotations

import asyncio
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock, SystemClock
from seamless_lab.core.policy import Phase, SLAPolicy, Strategy
from seamless_lab.engine.budget import Budget
from seamless_lab.errors import SeamlessSLAExceeded
from tests.engine.one_day import BEGIN, NODE
from tests.engine.sources import ScriptedSource, scripted_lab
from tests.labs import NOW_MS

HOUR = 3_600


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
    assert (cut.value.phase, cut.value.during) == ("total", "storage")


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


class HurriedClock(ManualClock):
    """A second passes with every look at it."""

    def monotonic_s(self) -> float:
        self.advance(1)
        return super().monotonic_s()


@pytest.mark.parametrize("strategy", Strategy)
def test_stores_that_are_not_read_in_time_leave_nothing_to_answer_with(tmp_path: Path, strategy: Strategy) -> None:
    with scripted_lab(tmp_path, HurriedClock(NOW_MS)) as lab, pytest.raises(SeamlessSLAExceeded) as cut:
        lab.fetch(NODE, BEGIN, BEGIN + HOUR, strategy=strategy, sla=SLAPolicy(total_deadline_ms=1))
    assert (cut.value.phase, cut.value.during) == ("total", "storage")


@pytest.mark.parametrize("strategy", [Strategy.SEAMLESS, Strategy.PARTIAL_FILL])
def test_a_budget_of_the_stores_is_used_up_for_every_strategy(tmp_path: Path, strategy: Strategy) -> None:
    """Also on a later visit, where only what is left of it is waited for."""
    with scripted_lab(tmp_path, HurriedClock(NOW_MS)) as lab, pytest.raises(SeamlessSLAExceeded) as cut:
        lab.fetch(NODE, BEGIN, BEGIN + HOUR, strategy=strategy, sla=SLAPolicy(max_wait_storage_ms=500))
    assert (cut.value.phase, cut.value.during) == ("storage", "storage")


def test_a_total_that_filling_has_used_up_is_named_with_the_phase_it_ran_out_in(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)

    def slowly(frame: pl.DataFrame) -> pl.DataFrame:
        clock.advance(9)
        return frame

    with scripted_lab(tmp_path, clock, ScriptedSource(clock, slowly)) as lab:
        answer = lab.fetch(NODE, BEGIN, BEGIN + HOUR, sla=SLAPolicy(total_deadline_ms=8_000))
    assert [reason.text for reason in answer.reasons] == ["the total budget ran out in the storage phase"]
    assert (answer.verdict, answer.rows) == ("PARTIAL", 60)
