"""What each result shows: title, verdict, coverage, evidence, and the command to run next."""

from __future__ import annotations

from seamless_lab.app.views.fetching import fetch
from seamless_lab.app.views.filling import backfill, backfill_plan
from seamless_lab.app.views.looking import coverage, gaps, sla
from seamless_lab.app.views.sealed import artifacts, compact, manifest, verify

__all__ = [
    "artifacts",
    "backfill",
    "backfill_plan",
    "compact",
    "coverage",
    "fetch",
    "gaps",
    "manifest",
    "sla",
    "verify",
]
