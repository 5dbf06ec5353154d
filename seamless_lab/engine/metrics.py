"""The catalogue of metrics, and the events that each is made of: all that a metrics sink needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How values of a metric add up."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: fed by `field` of `event` (an empty field counts events), labelled by the event's fields `labels`.

    A counter adds the field's value, a gauge takes it, a histogram observes it; `scale` multiplies it first. Source:
    the metrics catalogue of `004_d65afb18c797fccc.txt`.
    """

    name: str
    kind: MetricKind
    event: str
    field: str
    labels: tuple[str, ...]
    help: str
    scale: float = 1.0


_SERIES = ("node_id", "interval")
_WORLD = ("node_id", "interval", "world_id")
_C, _G, _H = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

METRICS: tuple[Metric, ...] = (
    Metric("seamless_storage_wait_ms", _H, "seamless.fetch.done", "storage_ms", _SERIES, "Storage wait per request."),
    Metric("seamless_backfill_wait_ms", _H, "seamless.fetch.done", "backfill_ms", _SERIES, "Filling per request."),
    Metric("seamless_live_wait_ms", _H, "seamless.fetch.done", "live_ms", _SERIES, "Live wait per request."),
    Metric("seamless_total_ms", _H, "seamless.fetch.done", "total_ms", _SERIES, "Whole request."),
    Metric(
        "seamless_sla_deadline_seconds", _H, "seamless.sla.phase", "elapsed_ms", ("node_id", "phase"),
        "Time of each phase that has a deadline.", 0.001,
    ),
    Metric(
        "seamless_conformance_flag_total", _C, "seamless.conformance.flag", "count", (*_WORLD, "flag_type"),
        "Conformance corrections.",
    ),
    Metric(
        "seamless_conformance_warning_total", _C, "seamless.conformance.warning", "count", _WORLD,
        "Conformance warnings.",
    ),
    Metric(
        "backfill_completion_ratio", _G, "seamless.backfill.progress", "ratio", (*_SERIES, "lease_key"),
        "Completed blocks out of scheduled ones.",
    ),
    Metric("coverage_ratio", _G, "seamless.fetch.done", "ratio", _WORLD, "Answered bars out of final ones."),
    Metric("gap_repair_latency_ms", _H, "seamless.backfill.complete", "latency_ms", _SERIES, "From asking to written."),
    Metric("seamless_rl_tokens_available", _G, "seamless.ratelimit.tokens", "tokens", ("key",), "Tokens left."),
    Metric("seamless_rl_dropped_total", _C, "seamless.ratelimit.dropped", "", ("key",), "Requests given up waiting."),
    Metric(
        "artifact_publish_latency_ms", _H, "seamless.artifact.published", "latency_ms", _SERIES,
        "From stable to sealed.",
    ),
    Metric("artifact_bytes_written", _C, "seamless.artifact.published", "bytes", _SERIES, "Bytes written by sealing."),
    Metric(
        "fingerprint_collisions", _C, "seamless.artifact.collision", "", ("node_id",),
        "One fingerprint with different content.",
    ),
    Metric(
        "as_of_advancement_events", _C, "seamless.world.as_of_advanced", "", ("node_id", "world_id"),
        "Promotions of as_of.",
    ),
    Metric("domain_gate_holds", _C, "seamless.domain.hold", "", _WORLD, "Answers on HOLD."),
    Metric("partial_fill_returns", _C, "seamless.domain.partial", "", _WORLD, "Partial answers."),
    Metric("live_staleness_seconds", _G, "seamless.fetch.done", "staleness_s", _WORLD, "How far live data lag."),
)  # fmt: skip
"""The nineteen metrics of the catalogue, and no others: one of its eighteen entries, that of conformance, names two."""
