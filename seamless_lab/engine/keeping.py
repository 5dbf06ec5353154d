"""Keeping an answer of a source: what of it is final, conformed to bars, and written under the lease of its block."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.core.conformance import Conformed, conform
from seamless_lab.core.coverage import stable_until
from seamless_lab.core.digest import Header
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.report import ConformancePolicy
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.ports import Attempt, Claimed, Fetched, HotStore, HotWrite


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask: for which slots, under which lease, and when (epoch milliseconds).

    A `provisional` one keeps closed bars that are too young to be final as well.
    """

    header: Header
    gap: TimeRange
    lease: Claimed
    at_ms: int
    provisional: bool

    def attempt(self, outcome: str, *, rows: int = 0, requests: int = 0, error: str = "") -> Attempt:
        """The record of what came of it."""
        node = self.header.node
        return Attempt(node, self.gap, self.at_ms, outcome, rows, requests, error, node.exchange)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where answers are kept, and by which rules."""

    hot: HotStore
    conformance: ConformancePolicy
    stabilization_bars: int

    def keep(self, asked: Asked, fetched: Fetched) -> Conformed:
        """Conform and write one answer; *blocking*.

        Raises
        ------
        ConformancePipelineError
            The policy blocks what was found; nothing was written.
        LeaseLost
            Another holds the block by now; nothing was written.
        """
        header, gap = asked.header, asked.gap
        by_both = stable_until(
            asked.at_ms // 1000,
            header.grid,
            stabilization_bars=self.stabilization_bars,
            exchange_s=fetched.server_time_ms // 1000,
        )
        end = gap.end if asked.provisional else min(gap.end, by_both)
        final = TimeRange(gap.start, end) if end > gap.start else gap
        answered = fetched.answered & Ranges.normalised([gap.start], [end])
        conformed = conform(fetched.rows, header, final, answered=answered, policy=self.conformance)
        answered = answered - conformed.unpriced
        self.hot.write(
            HotWrite(
                header=header,
                window=gap,
                bars=conformed.bars.within(answered),
                answered=answered,
                observed_at_ms=min(asked.at_ms, fetched.server_time_ms) if asked.provisional else asked.at_ms,
                attempt=asked.attempt(
                    "answered", rows=len(conformed.bars), requests=fetched.requests, error=_unpriced_error(conformed)
                ),
                before_listing=fetched.before_listing & answered,
                unpriced=conformed.unpriced,
                lease=asked.lease,
            )
        )
        return conformed


def _unpriced_error(conformed: Conformed) -> str:
    """What the attempt says about rows that were no bars; empty when there were none."""
    rows = conformed.report.count("unpriced")
    return f"{rows} rows came without a price" if rows else ""
