"""Every event and field that the metrics catalogue names is really emitted."""

from __future__ import annotations

import pytest

from seamless_lab.core.policy import SLAPolicy
from seamless_lab.engine.metrics import METRICS
from seamless_lab.errors import Corrupted, SeamlessError
from seamless_lab.sandbox import FaultPlan, SandboxConfig, SandboxExchange
from tests.engine.sources import Heard
from tests.labs import NODE, NOW_MS, NOW_S, open_lab

START, HOUR = 1_704_067_200, 3_600
MINUTE = NOW_S // 60 * 60
HANG = FaultPlan(rates={"hang": 1.0}, routes=frozenset({"klines"}), max_consecutive=None)
SPOILT = FaultPlan(seed=3, rates={"duplicates": 0.5, "out_of_order": 0.5}, routes=frozenset({"klines"}))

# The table "Metrics Catalog" of the reference; its eighteen entries name nineteen metrics.
CATALOGUE = """
seamless_storage_wait_ms seamless_backfill_wait_ms seamless_live_wait_ms seamless_total_ms seamless_sla_deadline_seconds
seamless_conformance_flag_total seamless_conformance_warning_total backfill_completion_ratio coverage_ratio
gap_repair_latency_ms seamless_rl_tokens_available seamless_rl_dropped_total artifact_publish_latency_ms
artifact_bytes_written fingerprint_collisions as_of_advancement_events domain_gate_holds partial_fill_returns
live_staleness_seconds
"""


@pytest.fixture(scope="module")
def heard(tmp_path_factory) -> Heard:
    """The events of a day in the life of a lab."""
    heard, home = Heard(), tmp_path_factory.mktemp("metrics")
    with (
        SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={}, faults=SPOILT)) as exchange,
        open_lab(home, exchange.url) as lab,
    ):
        lab.add_sink(heard)
        lab.fetch(NODE, START, START + 20 * HOUR, sla="baseline")
        lab.wait()
        exchange.set_faults(FaultPlan())
        lab.fetch(NODE, MINUTE - HOUR, MINUTE, domain="live")
        lab.fetch(NODE, MINUTE - 2 * HOUR, MINUTE - HOUR, domain="live", max_lag_s=1)
        exchange.set_faults(HANG)
        lab.fetch(NODE, START, START + 30 * HOUR, sla=SLAPolicy(total_deadline_ms=100))
        for request in ({"strategy": "FAIL_FAST"}, {"domain": "research"}):
            with pytest.raises(SeamlessError):
                lab.fetch(NODE, START, START + 40 * HOUR, **request)
        # nobody gets tokens for long, so the wait for them is given up
        lab._portal.call(lambda: lab.wiring.limiter.penalise("ccxt:binance", 60))
        lab.fetch(NODE, START, START + 50 * HOUR, sla=SLAPolicy(total_deadline_ms=100))
    with (
        SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=20, weight_limits={})) as exchange,
        open_lab(home / "collision", exchange.url) as lab,
    ):
        lab.add_sink(heard)
        tree = lab.backfill(NODE, START, START + HOUR).version.tree
        document = next((home / "collision").rglob(f"{tree.fingerprint}.json"))
        folder = document.parents[1]
        for commit in (folder / "commits").iterdir():
            commit.unlink()
        document.chmod(0o644)
        document.write_bytes(document.read_bytes().replace(b'"rows":60', b'"rows":61'))
        with open_lab(home / "collision", exchange.url) as other:
            other.add_sink(heard)
            with pytest.raises(Corrupted, match="holds another document"):
                other.publish(NODE)
    return heard


def test_the_metrics_are_those_of_the_catalogue() -> None:
    assert [metric.name for metric in METRICS] == CATALOGUE.split()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_is_fed(heard, metric) -> None:
    events = heard.of(metric.event)
    assert events, f"nobody emits {metric.event}"
    labelled = [event for event in events if all(label in event.fields for label in metric.labels)]
    assert labelled == events, f"{metric.event} lacks one of {metric.labels}"
    if metric.field:
        values = [event.fields.get(metric.field) for event in events]
        numbers = [value for value in values if value is not None]
        assert numbers, f"{metric.event} has no {metric.field}"
        assert all(isinstance(value, int | float) for value in numbers)


def test_metrics_have_names_of_their_own_and_values_that_make_sense(heard) -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(0 <= event.fields["ratio"] <= 1 for event in heard.of("seamless.backfill.progress"))
    assert all(0 <= event.fields["ratio"] <= 1 for event in heard.of("seamless.fetch.done"))
    assert all(event.fields["bytes"] > 0 for event in heard.of("seamless.artifact.published"))
    assert all(event.fields["latency_ms"] > 0 for event in heard.of("seamless.backfill.complete"))


def test_events_are_about_something_and_hold_plain_values(heard) -> None:
    series = [event for event in heard.events if event.name.startswith(("seamless.backfill.", "seamless.fetch."))]
    assert series
    for event in series:
        assert {"node_id", "interval", "start", "end"} <= event.fields.keys(), event
    for event in heard.events:
        assert all(value is None or isinstance(value, str | int | float | bool) for value in event.fields.values())


def test_what_begins_also_ends(heard) -> None:
    names = heard.names()
    begun = names.count("seamless.fetch.start")
    assert begun == names.count("seamless.fetch.done") + names.count("seamless.fetch.error")
