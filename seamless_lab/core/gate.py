"""What a domain allows: which sources a fetch may touch, and whether its answer must be sealed."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.core.policy import Domain, Strategy
from seamless_lab.core.reference import AsOf, Latest, Selector
from seamless_lab.core.time import format_time_ms
from seamless_lab.errors import NotSealed

SETTLED_AFTER_MS = 5_000
"""Publishers' clocks may differ by this much, so that a younger knowledge time may still get another version."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What one fetch may do.

    `sealed_only`: read one commit and nothing else. `fill`: ask the source for what is missing before answering.
    `fill_behind`: answer first and ask afterwards. `deliver_tail`: add closed bars that are too young to be sealed.
    """

    sealed_only: bool
    fill: bool
    fill_behind: bool
    deliver_tail: bool


def moves(selector: Selector | None, *, now_ms: int) -> str:
    """Why the answer to a selector may be another version tomorrow, or "" when it is fixed."""
    match selector:
        case None:
            return "without a version"
        case Latest():
            return "as `latest`, which moves"
        case AsOf(at_ms=at_ms) if at_ms > now_ms - SETTLED_AFTER_MS:
            return f"as of {format_time_ms(at_ms)}, when versions may still be made"
    return ""


def admit(
    domain: Domain, strategy: Strategy, selector: Selector | None, *, now_ms: int, nearest: str = ""
) -> Admission:
    """Decide what a fetch may touch.

    Parameters
    ----------
    selector
        The version wanted, None when the request names none.
    now_ms
        The local clock.
    nearest
        A reference that would be accepted, for the error.

    Raises
    ------
    NotSealed
        In a sealed domain (backtest, research) without a fixed version: none named, `latest`, which moves, or a
        knowledge time in the future or younger than `SETTLED_AFTER_MS`.
    """
    what = moves(selector, now_ms=now_ms)
    if domain.sealed and what:
        raise NotSealed(
            f"The {domain} domain reads sealed data only, and was asked {what}.",
            hint=f"Name a version: {nearest}"
            if nearest
            else "Seal it first: fetch the window in the default domain, then use the ref it prints.",
            domain=str(domain),
        )
    if selector is not None and domain is not Domain.LIVE:
        return Admission(sealed_only=True, fill=False, fill_behind=False, deliver_tail=False)
    return Admission(
        sealed_only=False,
        fill=strategy in (Strategy.AUTO_BACKFILL, Strategy.SEAMLESS),
        fill_behind=strategy is Strategy.PARTIAL_FILL,
        deliver_tail=domain is Domain.LIVE,
    )
