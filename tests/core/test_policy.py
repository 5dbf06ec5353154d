from __future__ import annotations

import dataclasses

import pytest

from seamless_lab.core.policy import (
    NOTEBOOK,
    BackfillMode,
    BackfillPolicy,
    ComputeContext,
    Domain,
    OnViolation,
    Phase,
    SLAPolicy,
    Strategy,
)
from seamless_lab.errors import ConfigError, RequestError


def test_choices_are_read_in_any_case() -> None:
    assert Strategy("seamless") is Strategy.SEAMLESS
    assert Strategy("auto-backfill") is Strategy.AUTO_BACKFILL
    assert Domain("LIVE") is Domain.LIVE
    assert OnViolation("fail_fast") is OnViolation.FAIL_FAST
    assert BackfillMode("Sync") is BackfillMode.SYNC


def test_an_unknown_choice_names_those_allowed_and_the_nearest() -> None:
    with pytest.raises(RequestError, match="'liev' is not one of backtest, research, dryrun, live") as caught:
        Domain("liev")
    assert caught.value.hint == "Did you mean live?"
    with pytest.raises(RequestError):
        Strategy("perhaps")


def test_sealed_domains_are_backtest_and_research() -> None:
    assert [domain for domain in Domain if domain.sealed] == [Domain.BACKTEST, Domain.RESEARCH]


def test_notebook_has_no_total_deadline() -> None:
    assert NOTEBOOK.total_deadline_ms is None
    assert NOTEBOOK.budget(Phase.BACKFILL) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"max_wait_storage_ms": 0},
        {"max_wait_backfill_ms": -5},
        {"total_deadline_ms": 0},
        {"max_sync_gap_bars": -1},
    ],
)
def test_an_impossible_budget_is_refused_with_its_value(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        SLAPolicy(**bad)
    name, value = next(iter(bad.items()))
    assert name in caught.value.message
    assert str(value) in caught.value.message
    assert caught.value.facts["key"] == name


@pytest.mark.parametrize(
    "bad",
    [
        {"window_bars": 0},
        {"window_bars": 100_001},
        {"max_concurrent_requests": 0},
        {"max_attempts": 0},
        {"retry_backoff_ms": -1},
        {"jitter_ratio": 1.5},
        {"jitter_ratio": float("nan")},
        {"embedded_lease_ttl_ms": 5_000},
    ],
)
def test_an_impossible_backfill_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        BackfillPolicy(**bad)


@pytest.mark.parametrize("bad", [{"world_id": " "}, {"max_lag_s": -1}, {"min_coverage": 98.0}, {"min_coverage": -0.1}])
def test_an_impossible_context_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        ComputeContext(**bad)


def test_choices_may_be_given_to_a_policy_as_text() -> None:
    assert SLAPolicy(on_violation="fail_fast").on_violation is OnViolation.FAIL_FAST
    assert BackfillPolicy(mode="Sync").mode is BackfillMode.SYNC
    assert ComputeContext(domain="live").domain is Domain.LIVE
    assert dataclasses.replace(NOTEBOOK, on_violation="FAIL_FAST").on_violation is OnViolation.FAIL_FAST


@pytest.mark.parametrize(
    "kind, bad, allowed",
    [
        (SLAPolicy, {"on_violation": "x"}, "PARTIAL_FILL, FAIL_FAST"),
        (SLAPolicy, {"on_violation": None}, "PARTIAL_FILL, FAIL_FAST"),
        (SLAPolicy, {"max_wait_backfill_ms": "50"}, "whole number"),
        (SLAPolicy, {"total_deadline_ms": 1.5}, "whole number"),
        (SLAPolicy, {"max_sync_gap_bars": True}, "whole number"),
        (BackfillPolicy, {"mode": "x"}, "background, sync"),
        (BackfillPolicy, {"window_bars": 900.0}, "whole number"),
        (BackfillPolicy, {"max_attempts": None}, "whole number"),
        (BackfillPolicy, {"retry_backoff_ms": "500"}, "whole number"),
        (BackfillPolicy, {"jitter_ratio": "0.25"}, "number"),
        (ComputeContext, {"domain": "x"}, "backtest, research, dryrun, live"),
        (ComputeContext, {"world_id": 5}, "no text"),
        (ComputeContext, {"max_lag_s": 1.5}, "whole number"),
    ],
)
def test_a_policy_refuses_what_is_of_another_kind(kind: type, bad: dict[str, object], allowed: str) -> None:
    with pytest.raises(RequestError, match=allowed):
        kind(**bad)


@pytest.mark.parametrize("world", ["default", "desk-1", "Alpha:2024.q1_x", "müller"])
def test_a_world_is_named_in_letters_digits_and_a_few_signs(world: str) -> None:
    assert ComputeContext(world_id=world).world_id == world


@pytest.mark.parametrize("world", ["a b", "a\n", "a\0", "a/b", "{x}", "$HOME"])
def test_a_world_is_named_in_nothing_else(world: str) -> None:
    with pytest.raises(RequestError, match="is no world_id"):
        ComputeContext(world_id=world)


def test_policies_are_values() -> None:
    assert ComputeContext() == ComputeContext("default", Domain.DRYRUN)
    assert dataclasses.replace(NOTEBOOK, total_deadline_ms=60_000).total_deadline_ms == 60_000
    with pytest.raises(dataclasses.FrozenInstanceError):
        NOTEBOOK.total_deadline_ms = 1
