"""What a fetch returns: bars, and everything needed to vouch for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app import views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.core.bars import Bars
from seamless_lab.core.coverage import Cause, Coverage
from seamless_lab.core.identity import NodeId
from seamless_lab.core.judge import Reason, accepted
from seamless_lab.core.policy import Verdict
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.engine.request import Answer, Provenance

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FetchResult(Rendered):
    """Bars, and everything needed to vouch for them.

    `frame` has the columns `ts` (Int64, epoch seconds), `time` (UTC datetime of the open), `open, high, low, close,
    volume` (Float64), sorted by time. Can be handed to anything that reads Arrow (`duckdb`, `polars`, `pyarrow`) as it
    is. `written`: the reference as it was given.
    """

    answer: Answer
    written: str = ""

    @property
    def node(self) -> NodeId:
        """The series."""
        return self.answer.request.header.node

    @property
    def window(self) -> TimeRange:
        """The window answered for, on the grid."""
        return self.answer.request.window

    @property
    def bars(self) -> Bars:
        """The bars in canonical form."""
        return self.answer.bars

    @property
    def rows(self) -> int:
        """Number of bars."""
        return len(self.answer.bars)

    @property
    def coverage(self) -> Coverage:
        """Every slot of the window by cause."""
        return self.answer.coverage

    @property
    def provenance(self) -> Provenance:
        """Digests, commit and sources."""
        return self.answer.provenance

    @property
    def requests(self) -> int:
        """How many requests the exchange was asked for this answer."""
        return self.answer.requests

    @property
    def content(self) -> str:
        """Digest of what was delivered: what "same bytes" means."""
        return self.answer.provenance.content

    @property
    def fingerprint(self) -> str:
        """Digest of the dataset version read; empty when nothing is sealed."""
        return self.answer.provenance.fingerprint

    @property
    def ref(self) -> str:
        """A reference that gives these bars again: `NODE@sha256:…`; empty when nothing of the window is sealed."""
        holds = self.fingerprint and len(self.coverage.answered - self.answer.unsealed)
        return fixed_ref(self.node, self.fingerprint) if holds else ""

    @property
    def as_of(self) -> str:
        """Knowledge time of the version read, ISO-8601 with milliseconds; empty when nothing is sealed."""
        return format_time_ms(self.answer.provenance.as_of_ms) if self.fingerprint else ""

    @property
    def verdict(self) -> Verdict:
        """PASS, PARTIAL or HOLD."""
        return self.answer.verdict

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the verdict is not PASS, and what else to know."""
        return self.answer.reasons

    @property
    def exit_code(self) -> int:
        """0 when the strategy accepts the verdict, else 1."""
        return 0 if accepted(self.verdict, self.answer.request.strategy) else 1

    @property
    def frame(self) -> pl.DataFrame:
        """The bars with a UTC `time` column."""
        return with_time(self.answer.bars.frame)

    def lazy(self) -> pl.LazyFrame:
        """The frame, lazily."""
        return self.frame.lazy()

    def to_arrow(self) -> pa.Table:
        """The frame as an Arrow table."""
        return self.frame.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """The frame as pandas, indexed by `time`. Needs pandas."""
        return self.frame.to_pandas().set_index("time")

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.rows

    def view(self) -> View:
        """What is shown, as a value."""
        return views.fetch(self)

    def to_dict(self) -> Json:
        """The facts of this fetch as JSON values."""
        request, provenance = self.answer.request, self.answer.provenance
        return {
            "node": str(self.node),
            **spelling.window(self.window),
            "rows": self.rows,
            "content": provenance.content,
            "ref": self.ref or None,
            "fingerprint": provenance.fingerprint or None,
            "seq": provenance.seq or None,
            "as_of": self.as_of or None,
            "domain": str(request.context.domain),
            "world": request.context.world_id,
            "strategy": str(request.strategy),
            "coverage": coverage_dict(self.coverage, self.answer.unsealed),
            "flags": self.answer.flags,
            "warnings": self.answer.warnings,
            "sources": list(provenance.sources),
            "requests": self.requests,
            "verdict": str(self.verdict),
            "reasons": [{"code": reason.code, "text": reason.text} for reason in self.reasons],
            "timings_ms": {phase: round(spent, 3) for phase, spent in self.answer.timings_ms.items()},
        }


def coverage_dict(coverage: Coverage, unsealed: Ranges | None = None) -> Json:
    """A coverage as JSON values: for each cause its half-open ranges and its number of bars."""
    causes: Json = {
        str(cause): {"ranges": spelling.spans(coverage.of(cause)), "bars": coverage.slots(cause)} for cause in Cause
    }
    tail: Json = {}
    if unsealed:
        tail["unsealed"] = {"ranges": spelling.spans(unsealed), "bars": unsealed.seconds // coverage.grid.step_s}
    return {"ratio": coverage.ratio, "bars": coverage.total, **causes, **tail}


def with_time(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame of bars with a UTC `time` column after `ts`."""
    time = (frame["ts"] * 1_000_000).cast(pl.Datetime("us", "UTC")).alias("time")  # a query would cost more than this
    return frame.clone().insert_column(frame.get_column_index("ts") + 1, time)
