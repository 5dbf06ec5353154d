"""How a backtest trades."""

from __future__ import annotations

from dataclasses import dataclass, field

from seamless_lab.app.results import Json
from seamless_lab.core.backtest.sleeve import Costs
from seamless_lab.core.numbers import require_number
from seamless_lab.errors import RequestError

LEAST_CAPITAL, MOST_CAPITAL = 1e-12, 1e18
"""Sums and products of equity, and what a part of it buys, stay numbers that a float holds with all its digits."""


@dataclass(frozen=True, slots=True)
class Trading:
    """Costs, capital and what is allowed; everything here but `check_lookahead` is part of the digest.

    `capital`: of all symbols together, in units of the quote; each symbol gets an equal part and keeps to it.
    """

    costs: Costs = field(default_factory=Costs)
    capital: float = 1.0
    allow_gaps: bool = False
    check_lookahead: bool = True

    def __post_init__(self) -> None:
        require_number("capital", self.capital, "Leave it out for 1.")
        if not LEAST_CAPITAL <= self.capital <= MOST_CAPITAL:
            raise RequestError(
                f"The capital is {self.capital:g}; it is a number from {LEAST_CAPITAL:g} to {MOST_CAPITAL:g}.",
                hint="Leave it out for 1.",
                value=None,
            )

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {
            "fee_bps": float(self.costs.fee_bps),  # 10 and 10.0 are one number, and one digest
            "slippage_bps": float(self.costs.slippage_bps),
            "capital": float(self.capital),
            "allow_gaps": self.allow_gaps,
        }
