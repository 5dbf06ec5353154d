"""How a backtest trades."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from seamless_lab.app.results import Json
from seamless_lab.core.backtest.sleeve import Costs
from seamless_lab.core.numbers import require_number
from seamless_lab.errors import RequestError


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
        if not (math.isfinite(self.capital) and self.capital > 0):
            raise RequestError(
                f"The capital is {self.capital}; it is a number above zero.", hint="Leave it out for 1.", value=None
            )

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {
            "fee_bps": float(self.costs.fee_bps),  # 10 and 10.0 are one number, and one digest
            "slippage_bps": float(self.costs.slippage_bps),
            "capital": float(self.capital),
            "allow_gaps": self.allow_gaps,
        }
