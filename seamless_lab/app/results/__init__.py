"""What commands return: values with the same facts as a table, as JSON, as text and as HTML."""

from __future__ import annotations

from seamless_lab.app.results.base import Json, Rendered, Result
from seamless_lab.app.results.fetching import FetchResult, with_time
from seamless_lab.app.results.filling import BackfillPlan, BackfillResult
from seamless_lab.app.results.looking import CoverageResult, GapTable, OneVersion, SlaReport
from seamless_lab.app.results.sealed import ArtifactList, CompactReport, Folded, Manifest, VerifyReport

__all__ = [
    "ArtifactList",
    "BackfillPlan",
    "BackfillResult",
    "CompactReport",
    "CoverageResult",
    "FetchResult",
    "Folded",
    "GapTable",
    "Json",
    "Manifest",
    "OneVersion",
    "Rendered",
    "Result",
    "SlaReport",
    "VerifyReport",
    "with_time",
]
