"""What a domain admits, cell by cell."""

from __future__ import annotations

import pytest

from seamless_lab.core.gate import Admission, admit
from seamless_lab.core.policy import Domain, Strategy
from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Seq
from seamless_lab.errors import NotSealed

SEALED = Admission(sealed_only=True, fill=False, fill_behind=False, publish=False, deliver_tail=False)
FIXED = [AsOf(1_700_000_000_000), Seq(3), Fingerprint("0123abcd")]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("domain", [Domain.BACKTEST, Domain.RESEARCH])
@pytest.mark.parametrize("selector", [None, Latest()])
def test_sealed_domains_refuse_what_moves_and_show_the_ref_to_use(domain, strategy, selector):
    with pytest.raises(NotSealed, match=str(domain)) as refused:
        admit(domain, strategy, selector, nearest="ohlcv:x:A/B:1m@sha256:0011223344556677")
    assert "ohlcv:x:A/B:1m@sha256:0011223344556677" in refused.value.hint


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("domain", [Domain.BACKTEST, Domain.RESEARCH, Domain.DRYRUN])
@pytest.mark.parametrize("selector", FIXED)
def test_a_fixed_version_is_read_and_nothing_else_is_touched(domain, strategy, selector):
    assert admit(domain, strategy, selector) == SEALED


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
def test_open_domains_fill_as_the_strategy_says_and_publish(domain, strategy, fill, behind):
    found = admit(domain, strategy, None)
    assert (found.fill, found.fill_behind, found.publish) == (fill, behind, True)
    assert found.deliver_tail is (domain is Domain.LIVE)
    assert not found.sealed_only
