"""What filling returns: a plan, or what was done."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.app import views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.app.results.fetching import coverage_dict
from seamless_lab.core.coverage import Coverage
from seamless_lab.core.identity import NodeId
from seamless_lab.core.plan import Prediction
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BackfillPlan(Rendered):
    """What a backfill would ask for; nothing was asked for bars.

    `lost` are gaps that the source serves no longer. The prediction is exact where the exchange has a bar for every
    slot; holes cost more. `listed`: the market surely had bars by the first gap; otherwise it may also cost less.
    """

    node: NodeId
    window: TimeRange
    gaps: Ranges
    lost: Ranges
    prediction: Prediction
    listed: bool = True
    refresh: bool = False

    def view(self) -> View:
        """What is shown, as a value."""
        return views.backfill_plan(self)

    def to_dict(self) -> Json:
        """The plan as JSON values."""
        return {
            "node": str(self.node),
            **spelling.window(self.window),
            "gaps": spelling.spans(self.gaps),
            "bars": self.prediction.slots,
            "blocks": self.prediction.blocks,
            "requests": self.prediction.requests,
            "requests_bound": "at least" if self.listed else "about",
            "startup_requests": self.prediction.pace.startup_requests,
            "weight": self.prediction.weight,
            "seconds": round(self.prediction.seconds, 3),
            "rate_wait_seconds": round(self.prediction.rate_wait_s, 3),
            "latency_seconds": round(self.prediction.latency_s, 4),
            "latency_measured": self.prediction.pace.latency_s is not None,
            "concurrent_requests": self.prediction.pace.concurrent,
            "not_served": spelling.spans(self.lost),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BackfillResult(Rendered):
    """What a backfill did, and the coverage afterwards.

    `errors` are the distinct messages of blocks that got nothing.
    """

    node: NodeId
    coverage: Coverage
    requests: int
    rows: int
    errors: tuple[str, ...]
    version: Version | None
    restated: Ranges

    @property
    def exit_code(self) -> int:
        """0 when nothing is missing or failed, and everything asked for was answered (a refresh may fail as well)."""
        return 0 if self.coverage.complete and not self.errors else 1

    def view(self) -> View:
        """What is shown, as a value."""
        return views.backfill(self)

    def to_dict(self) -> Json:
        """The outcome as JSON values."""
        return {
            "node": str(self.node),
            **spelling.window(self.coverage.window),
            "requests": self.requests,
            "rows": self.rows,
            "errors": list(self.errors),
            "coverage": coverage_dict(self.coverage),
            "fingerprint": self.version.tree.fingerprint if self.version else None,
            "seq": self.version.commit.seq if self.version else None,
            "restated": spelling.spans(self.restated),
        }
