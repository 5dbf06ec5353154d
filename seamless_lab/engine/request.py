"""What a fetch is asked and what it answers: values, kept nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Coverage
from seamless_lab.core.digest import Header
from seamless_lab.core.judge import Reason
from seamless_lab.core.policy import ComputeContext, SLAPolicy, Strategy, Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import Selector
from seamless_lab.core.time import TimeRange


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One parsed request. `window` is on the grid; `selector` names a version, or None for what is known now."""

    header: Header
    window: TimeRange
    context: ComputeContext
    strategy: Strategy
    sla: SLAPolicy
    selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from.

    `fingerprint`, `seq`, `as_of_ms` name the commit it was read from (empty and 0 when there is none yet); `content` is
    the digest of what was delivered; `sources` what was touched, in order: cache, artifact, hot, the exchange.
    """

    content: str
    fingerprint: str = ""
    seq: int = 0
    as_of_ms: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a fetch delivers.

    `unsealed` are delivered slots that no commit holds (live domain only); `evidence` the attempts behind missing and
    failed slots, columns as in `HotState.attempts`; `flags` and `warnings` what conformance found in what was received
    for this answer; `timings_ms` by phase, with `total`; `lag_s` how far the data end behind now, live only.
    """

    request: FetchRequest
    bars: Bars
    coverage: Coverage
    unsealed: Ranges
    provenance: Provenance
    verdict: Verdict
    reasons: tuple[Reason, ...]
    evidence: pl.DataFrame
    requests: int = 0
    flags: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    violated: str = ""
    lag_s: int | None = None
    before_listing: Ranges = field(default_factory=Ranges.empty)
