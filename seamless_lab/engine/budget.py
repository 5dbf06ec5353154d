"""Budgets that cut: a deadline cancels the wait, and says which phase used up what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seamless_lab.core.policy import Phase, SLAPolicy
from seamless_lab.engine.ports import Clock
from seamless_lab.errors import SeamlessSLAExceeded


class Budget:
    """The clockwork of one fetch.

    A phase may be entered several times and at most once at a time; its time adds up. Every wait is cut by the smaller
    of what is left of its phase and of the total. `spent_ms` has the phases entered so far.
    """

    def __init__(self, sla: SLAPolicy, clock: Clock) -> None:
        self._sla = sla
        self._clock = clock
        self._begun_s = clock.monotonic_s()
        self.spent_ms: dict[Phase, float] = {}

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the fetch began."""
        return (self._clock.monotonic_s() - self._begun_s) * 1000

    @asynccontextmanager
    async def phase(self, phase: Phase) -> AsyncIterator[None]:
        """Run the body inside a phase's budget.

        Raises
        ------
        SeamlessSLAExceeded
            When the budget of the phase, or of the whole, ran out: the body was cancelled and has finished its
            clean-up.
        """
        begun_s = self._clock.monotonic_s()
        spent = self.spent_ms.get(phase, 0.0)
        own, total = self._sla.budget(phase), self._sla.total_deadline_ms
        limits = {Phase.TOTAL: total - self.elapsed_ms} if total is not None else {}
        if own is not None:
            limits[phase] = own - spent
        binding = min(limits, key=limits.__getitem__, default=None)
        timeout = asyncio.timeout(None if binding is None else max(0.0, limits[binding]) / 1000)
        try:
            async with timeout:
                yield
        except TimeoutError as error:
            if binding is None or not timeout.expired():
                raise
            budget_ms = self._sla.budget(binding) or 0
            raise SeamlessSLAExceeded(
                f"The {binding} budget of {budget_ms} ms ran out in the {phase} phase, {self.elapsed_ms:.0f} ms into "
                "the fetch.",
                phase=str(binding),
                during=str(phase),
                budget_ms=budget_ms,
                elapsed_ms=round(self.elapsed_ms),
                hint="Raise the budget (the preset notebook has none), fetch a shorter window, or run backfill first.",
            ) from error
        finally:
            self.spent_ms[phase] = spent + (self._clock.monotonic_s() - begun_s) * 1000
