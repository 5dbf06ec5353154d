"""What filling returns: a plan, or what was done."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.app import views
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.app.results.fetching import coverage_dict
from seamless_lab.app.view import View
from seamless_lab.core.coverage import Coverage
from seamless_lab.core.identity import NodeId
from seamless_lab.core.plan import Prediction
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Version


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BackfillPlan(Rendered):
    """What a backfill would ask for; nothing was asked for bars."""

    node: NodeId
    window: TimeRange
    gaps: Ranges
    prediction: Prediction
    refresh: bool = False
    exit_code: int = 0

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
            "weight": self.prediction.weight,
            "seconds": round(self.prediction.seconds, 3),
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
