"""A backtest as one would write it on paper: bar by bar, in fractions, with every cost taken by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Trip:
    """A round trip."""

    side: int
    entry: int
    equity_in: Fraction
    costs: Fraction = Fraction(0)
    fills: int = 1
    exit: int | None = None
    equity_out: Fraction = Fraction(0)
    ended: str = "open"


@dataclass
class Paper:
    """What the paper says in the end."""

    equity: list[Fraction] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    traded: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    slippage: Fraction = Fraction(0)
    ruined: int | None = None
    waiting: float | None = None


@dataclass
class Account:
    """Cash and units of one symbol."""

    cash: Fraction
    fee: Fraction
    slip: Fraction
    units: Fraction = Fraction(0)

    def worth(self, price: Fraction) -> Fraction:
        return self.cash + self.units * price

    def trade(self, units: Fraction, price: Fraction, paper: Paper) -> None:
        """Buy (or sell, when negative) at the adverse price, and pay the fee on the executed value."""
        executed = price * (1 + self.slip) if units > 0 else price * (1 - self.slip)
        fee = abs(units) * executed * self.fee
        self.cash -= units * executed + fee
        self.units += units
        paper.traded += abs(units) * price
        paper.fees += fee
        paper.slippage += abs(units) * price * self.slip


def on_paper(
    opens: list[float],
    closes: list[float],
    positions: list[float | None],
    *,
    fee_bps: float = 0.0,
    slippage_bps: float = 0.0,
    capital: float = 1.0,
) -> Paper:
    paper = Paper()
    account = Account(Fraction(capital), Fraction(fee_bps) / 10_000, Fraction(slippage_bps) / 10_000)
    wanted = ordered = Fraction(0)
    trip: Trip | None = None
    for bar, (opened, closed) in enumerate(zip(map(Fraction, opens), map(Fraction, closes), strict=True)):
        if paper.ruined is not None:
            paper.equity.append(Fraction(0))
            continue
        if wanted != ordered:
            ordered = wanted
            trip = _fill(paper, account, trip, bar, opened, wanted)
        if paper.ruined is None and account.worth(closed) <= 0:
            paper.ruined = bar
        if paper.ruined is not None:
            if trip is not None:
                trip.exit, trip.equity_out, trip.ended = bar, Fraction(0), "ruin"
            paper.equity.append(Fraction(0))
            continue
        paper.equity.append(account.worth(closed))
        if positions[bar] is not None:
            wanted = Fraction(positions[bar])
    if paper.ruined is None:
        paper.waiting = float(wanted) if wanted != ordered else None
        if trip is not None:
            trip.equity_out = paper.equity[-1]
    return paper


def _fill(
    paper: Paper, account: Account, trip: Trip | None, bar: int, price: Fraction, target: Fraction
) -> Trip | None:
    """Bring the position to the target, solving for the units by trying both directions."""
    if account.worth(price) <= 0:
        paper.ruined = bar
        return trip
    side = (target > 0) - (target < 0)
    if trip is not None and side != trip.side:  # close first, completely
        worth, before_it = account.worth(price), (paper.traded, paper.fees, paper.slippage)
        account.trade(-account.units, price, paper)
        if account.cash <= 0:  # it cannot pay for the trade, and ends without
            paper.traded, paper.fees, paper.slippage = before_it
            paper.ruined = bar
            return trip
        trip.costs += worth - account.cash
        trip.exit, trip.equity_out, trip.ended = bar, account.cash, "signal"
        trip = None
    if side == 0:
        return None
    before = account.worth(price)
    units = _units_for(account, price, target)
    if units:
        before_it = (paper.traded, paper.fees, paper.slippage)
        account.trade(units, price, paper)
        if account.worth(price) <= 0:
            paper.traded, paper.fees, paper.slippage = before_it
            paper.ruined = bar
            return trip
    if trip is None:
        trip = Trip(side, bar, before)
        paper.trips.append(trip)
    else:
        trip.fills += 1
    trip.costs += before - account.worth(price)
    return trip


def _units_for(account: Account, price: Fraction, target: Fraction) -> Fraction:
    """Units to trade so that afterwards `units * price == target * worth`, exactly."""
    worth = account.worth(price)
    for direction in (1, -1):
        # after trading n units: worth' = worth - cost * |n| * price
        cost = (
            (1 + account.slip) * (1 + account.fee) - 1 if direction > 0 else 1 - (1 - account.slip) * (1 - account.fee)
        )
        # (held + n) * price = target * (worth - direction * cost * n * price)
        n = (target * worth - account.units * price) / (price * (1 + direction * target * cost))
        if n * direction >= 0:
            return n
    raise AssertionError("one direction reaches the target")
