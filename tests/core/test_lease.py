"""Leases against a model that remembers everything that ever happened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.lease import (
    CLOCK_STEP_MS,
    Granted,
    Lease,
    Lost,
    Refused,
    claim,
    is_live,
    is_newest,
    release,
    renew,
)

TTL_MS = 10_000


def granted(held: Lease | None, owner: str, now_ms: int, last_token: int = 0) -> Granted:
    decided = claim(held, last_token=last_token, owner=owner, now_ms=now_ms, ttl_ms=TTL_MS)
    assert isinstance(decided, Granted)
    return decided


def test_a_free_key_is_granted_under_the_next_token() -> None:
    assert granted(None, "a", 1_000, last_token=7).lease == Lease("a", 8, 1_000, 11_000)


def test_a_live_lease_refuses_others_and_names_its_holder() -> None:
    held = granted(None, "a", 1_000).lease
    assert claim(held, last_token=1, owner="b", now_ms=10_999, ttl_ms=TTL_MS) == Refused(held)


def test_claiming_again_keeps_the_token_and_extends() -> None:
    held = granted(None, "a", 1_000).lease
    assert granted(held, "a", 2_000, last_token=1).lease == Lease("a", 1, 1_000, 12_000)


def test_an_expired_lease_is_taken_over_under_a_new_token() -> None:
    held = granted(None, "a", 1_000).lease
    taken = granted(held, "b", 11_000, last_token=1)
    assert taken == Granted(Lease("b", 2, 11_000, 21_000))
    assert not is_newest(taken.lease, owner="a", token=1)


def test_ones_own_expired_lease_comes_back_under_a_new_token() -> None:
    assert granted(granted(None, "a", 1_000).lease, "a", 11_000, last_token=1).lease.token == 2


def test_an_expired_lease_cannot_be_renewed_but_still_fences_nobody() -> None:
    held = granted(None, "a", 1_000).lease
    assert renew(held, owner="a", token=1, now_ms=11_000, ttl_ms=TTL_MS) == Lost()
    assert is_newest(held, owner="a", token=1)


@pytest.mark.parametrize("owner, token", [("b", 1), ("a", 2)])
def test_only_the_holder_with_its_token_renews_or_releases(owner: str, token: int) -> None:
    held = granted(None, "a", 1_000).lease
    assert renew(held, owner=owner, token=token, now_ms=2_000, ttl_ms=TTL_MS) == Lost()
    assert release(held, owner=owner, token=token) == held
    assert not is_newest(held, owner=owner, token=token)


def test_a_released_lease_fences_late_writes() -> None:
    free = release(granted(None, "a", 1_000).lease, owner="a", token=1)
    assert free is None
    assert not is_newest(free, owner="a", token=1)
    assert renew(free, owner="a", token=1, now_ms=1_001, ttl_ms=TTL_MS) == Lost()


def test_a_lease_from_a_clock_that_was_set_back_does_not_last_for_ever() -> None:
    held = granted(None, "a", 1_000_000).lease
    assert is_live(held, 1_000_000 - CLOCK_STEP_MS)
    assert not is_live(held, 1_000_000 - CLOCK_STEP_MS - 1)


def test_a_shorter_renewal_never_shortens_a_lease() -> None:
    held = granted(None, "a", 1_000).lease
    assert renew(held, owner="a", token=1, now_ms=2_000, ttl_ms=10) == held


@pytest.mark.parametrize("token, granted_at_ms, expires_at_ms", [(0, 1, 2), (1, 2, 2)])
def test_a_lease_that_makes_no_sense_is_refused(token: int, granted_at_ms: int, expires_at_ms: int) -> None:
    with pytest.raises(ValueError, match="a lease needs"):
        Lease("a", token, granted_at_ms, expires_at_ms)


STEPS = st.lists(
    st.tuples(st.sampled_from(["claim", "renew", "release"]), st.sampled_from("abc"), st.integers(0, 6_000)),
    max_size=40,
)


@given(steps=STEPS)
def test_at_most_one_holder_and_tokens_only_grow(steps: list[tuple[str, str, int]]) -> None:
    held: Lease | None = None
    now, last = 1_000, 0
    mine: dict[str, Lease] = {}  # what each owner believes to hold
    until: dict[str, int] = {}  # when each owner must stop believing, unless told otherwise
    for action, owner, wait_ms in steps:
        now += wait_ms
        believers = {name for name in mine if until[name] > now}
        assert len(believers) <= 1
        if action == "claim":
            decided = claim(held, last_token=last, owner=owner, now_ms=now, ttl_ms=TTL_MS)
            if isinstance(decided, Refused):
                assert believers == {decided.lease.owner}
                assert decided.lease.owner != owner
                continue
            assert believers <= {owner}
            assert decided.lease.token == (mine[owner].token if owner in believers else last + 1)
            held, last = decided.lease, max(last, decided.lease.token)
            mine[owner], until[owner] = held, held.expires_at_ms
        elif action == "renew" and owner in mine:
            renewed = renew(held, owner=owner, token=mine[owner].token, now_ms=now, ttl_ms=TTL_MS)
            assert isinstance(renewed, Lease) == (owner in believers)
            if isinstance(renewed, Lease):
                held = mine[owner] = renewed
                until[owner] = renewed.expires_at_ms
            else:
                del mine[owner]
        elif action == "release" and owner in mine:
            held = release(held, owner=owner, token=mine.pop(owner).token)
        newest = [name for name, lease in mine.items() if is_newest(held, owner=name, token=lease.token)]
        assert len(newest) <= 1, "at most one can write"
        assert all(mine[name].token == last for name in newest)
