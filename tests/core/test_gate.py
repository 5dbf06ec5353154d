"""What a domain admits, cell by cell."""

from __future__ import annotations

import pytest

from seamless_lab.core.gate import SETTLED_AFTER_MS, Admission, admit
from seamless_lab.core.policy import Domain, Strategy
from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Seq
from seamless_lab.engine.artifacts.publish import SKEW_MS
from seamless_lab.errors import NotSealed

SEALED = Admission(sealed_only=True, fill=False, fill_behind=False, deliver_tail=False)
NOW_MS = 1_700_000_000_000
FIXED = [AsOf(NOW_MS - 5_000), Seq(3), Fingerprint("0123abcd")]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("domain", [Domain.BACKTEST, Domain.RESEARCH])
@pytest.mark.parametrize("selector", [None, Latest(), AsOf(NOW_MS - 4_999), AsOf(NOW_MS), AsOf(2 * NOW_MS)])
def test_sealed_domains_refuse_what_moves_and_show_the_ref_to_use(domain, strategy, selector):
    with pytest.raises(NotSealed, match=str(domain)) as refused:
        admit(domain, strategy, selector, now_ms=NOW_MS, nearest="ohlcv:x:A/B:1m@sha256:0011223344556677")
    assert "ohlcv:x:A/B:1m@sha256:0011223344556677" in refused.value.hint


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("domain", [Domain.BACKTEST, Domain.RESEARCH, Domain.DRYRUN])
@pytest.mark.parametrize("selector", FIXED)
def test_a_fixed_version_is_read_and_nothing_else_is_touched(domain, strategy, selector):
    assert admit(domain, strategy, selector, now_ms=NOW_MS) == SEALED


@pytest.mark.parametrize(
    "strategy, fill, behind",
    [
        (Strategy.FAIL_FAST, False, False),
        (Strategy.AUTO_BACKFILL, True, False),
        (Strategy.PARTIAL_FILL, False, True),
        (Strategy.SEAMLESS, True, False),
    ],
)
@pytest.mark.parametrize("domain", [Domain.DRYRUN, Domain.LIVE])
def test_open_domains_fill_as_the_strategy_says(domain, strategy, fill, behind):
    found = admit(domain, strategy, None, now_ms=NOW_MS)
    assert (found.fill, found.fill_behind) == (fill, behind)
    assert found.deliver_tail is (domain is Domain.LIVE)
    assert not found.sealed_only


@pytest.mark.parametrize("at_ms", [NOW_MS, 2 * NOW_MS])
def test_open_domains_read_a_young_knowledge_time(at_ms):
    assert admit(Domain.DRYRUN, Strategy.SEAMLESS, AsOf(at_ms), now_ms=NOW_MS) == SEALED


def test_a_knowledge_time_is_settled_once_no_publisher_may_be_behind_it():
    assert SETTLED_AFTER_MS == SKEW_MS
