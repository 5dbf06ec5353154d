"""Leases with fencing tokens, as a state machine over plain values.

Whoever keeps the state (SQLite, Redis) applies these functions inside one transaction or script. The state of a key
is the lease held, or None; the last token given out is kept apart and never goes back, so that a forgotten key cannot
repeat a token.
"""

from __future__ import annotations

from dataclasses import dataclass

CLOCK_STEP_MS = 2_000
"""A lease granted this much in the future was granted by a clock that has since been set back; it counts as expired."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by `owner` from `granted_at_ms` up to, not including, `expires_at_ms` (epoch milliseconds)."""

    owner: str
    token: int
    granted_at_ms: int
    expires_at_ms: int

    def __post_init__(self) -> None:
        if self.token < 1 or self.granted_at_ms >= self.expires_at_ms:
            raise ValueError(f"a lease needs token >= 1 and granted_at_ms < expires_at_ms, not {self}")


@dataclass(frozen=True, slots=True)
class Granted:
    """The claimer holds `lease`."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody else holds `lease`."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is not the caller's (any more): expired, taken over or given back."""


def is_live(lease: Lease, now_ms: int) -> bool:
    """Whether the lease still keeps others out."""
    return lease.granted_at_ms - CLOCK_STEP_MS <= now_ms < lease.expires_at_ms


def claim(held: Lease | None, *, last_token: int, owner: str, now_ms: int, ttl_ms: int) -> Granted | Refused:
    """What comes of `owner` claiming a key.

    Parameters
    ----------
    held
        The lease on the key, or None when it is free.
    last_token
        The greatest token ever given out; a new holder gets the next one.

    Returns
    -------
    Granted or Refused
        The holder of a live lease keeps the token and extends it; an expired lease, one's own included, is replaced
        under a new token.
    """
    if held is None or not is_live(held, now_ms):
        return Granted(Lease(owner, last_token + 1, now_ms, now_ms + ttl_ms))
    if held.owner != owner:
        return Refused(held)
    return Granted(_extended(held, now_ms, ttl_ms))


def renew(held: Lease | None, *, owner: str, token: int, now_ms: int, ttl_ms: int) -> Lease | Lost:
    """The lease extended, if it is still live and the caller's."""
    if held is None or not is_newest(held, owner=owner, token=token) or not is_live(held, now_ms):
        return Lost()
    return _extended(held, now_ms, ttl_ms)


def release(held: Lease | None, *, owner: str, token: int) -> Lease | None:
    """The state after `owner` gives the lease back: free if it was theirs, unchanged otherwise."""
    return None if held is not None and is_newest(held, owner=owner, token=token) else held


def is_newest(held: Lease | None, *, owner: str, token: int) -> bool:
    """Whether a write under this token may go through: nobody has held the key since, and it was not given back.

    An expired lease that nobody took over still passes: no other writer can exist.
    """
    return held is not None and held.owner == owner and held.token == token


def _extended(held: Lease, now_ms: int, ttl_ms: int) -> Lease:
    return Lease(held.owner, held.token, min(held.granted_at_ms, now_ms), max(held.expires_at_ms, now_ms + ttl_ms))
