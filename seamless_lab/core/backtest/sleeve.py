"""One symbol's sleeve of capital: target positions become fills at the next open, and equity at every close.

Between two fills the number of units is fixed, so equity is `cash + units * close`: everything is one pass of array
arithmetic over fills and one over bars. Only `+ - * /` and running products are used, in one order, so the same inputs
give the same bits on any number of cores.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.numbers import require_number
from seamless_lab.core.ranges import Ints
from seamless_lab.core.time import format_time
from seamless_lab.errors import RequestError

MOST_BPS = 1_000.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs, in basis points (hundredths of a per cent) of what is traded.

    A buy at the price `p` is executed at `p * (1 + slippage)`, a sell at `p * (1 - slippage)`; the fee is taken of the
    executed value. `p` is the open of the bar.
    """

    fee_bps: float = 0.0
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            require_number(name, value, "10 means 0.1 %.")
            if not 0 <= value <= MOST_BPS:
                raise RequestError(
                    f"{name} is {value}; it is a cost in basis points of the traded value, from 0 to {MOST_BPS:g}.",
                    hint="10 means 0.1 %.",
                    value=value,
                )

    @property
    def fee(self) -> float:
        """The fee as a ratio."""
        return self.fee_bps / 10_000

    @property
    def slippage(self) -> float:
        """The slippage as a ratio."""
        return self.slippage_bps / 10_000

    @property
    def buy(self) -> float:
        """What buying costs, per unit of value at the open."""
        return (1 + self.slippage) * (1 + self.fee) - 1

    @property
    def sell(self) -> float:
        """What selling costs, per unit of value at the open."""
        return 1 - (1 - self.slippage) * (1 - self.fee)


@dataclass(frozen=True, slots=True, eq=False)
class Fills:
    """The fills of a sleeve in time order, one array element each.

    `bar`: its bar's place; `price`: that bar's open; `target`: the position after it, as a fraction of equity;
    `drifted`: the position before it; `before`, `between`, `after`: equity before it, after the old position's closing
    (when the side changes), and after all its costs.
    """

    bar: Ints
    price: Floats
    target: Floats
    drifted: Floats
    before: Floats
    between: Floats
    after: Floats

    def __len__(self) -> int:
        return self.bar.size

    @property
    def traded(self) -> Floats:
        """Value bought (positive) or sold (negative), at the open."""
        return self.target * self.after - self.drifted * self.before

    def first(self, count: int) -> Fills:
        """The first `count` fills."""
        return Fills(*(getattr(self, column.name)[:count] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class Account:
    """A sleeve's fills added up in their order: value traded, fees and slippage, in units of capital."""

    traded: float
    fees: float
    slippage: float

    @classmethod
    def of(cls, fills: Fills, costs: Costs) -> Account:
        """Add up."""
        traded = fills.traded
        bought, sold = _sum(np.maximum(traded, 0)), _sum(np.maximum(-traded, 0))
        return cls(
            bought + sold,
            costs.fee * ((1 + costs.slippage) * bought + (1 - costs.slippage) * sold),
            costs.slippage * (bought + sold),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sleeve:
    """What became of one symbol's capital.

    `equity` at the close of each bar; `ruined`: the place of the bar in which a short position had lost everything, or
    None; `waiting`: the last bar's target when no later bar could execute it, or None.
    """

    fills: Fills
    equity: Floats
    ruined: int | None
    waiting: float | None


def targets_of(positions: pl.Series, ts: pl.Series, symbol: str) -> Floats:
    """Target positions as numbers: a null keeps what was there before, which is flat at the beginning.

    Raises
    ------
    RequestError
        With the first bar whose position is no number or outside [-1, 1].
    """
    if not (positions.dtype.is_numeric() or positions.dtype in (pl.Boolean, pl.Null)):
        raise RequestError(
            f"The strategy gave positions of type {positions.dtype}; they are numbers from -1 (short) to 1 (long).",
            hint="Cast them: .cast(pl.Float64).",
        )
    warm_up = positions.null_count()  # most often, the nulls are those of the first bars
    if positions.slice(warm_up).null_count():
        positions, warm_up = positions.fill_null(strategy="forward").fill_null(0), 0
    targets = np.zeros(positions.len())
    targets[warm_up:] = positions.slice(warm_up).cast(pl.Float64).to_numpy()
    if targets.size and not (targets.min() >= -1 and targets.max() <= 1):  # NaN fails as well
        place = int(np.argmin((targets >= -1) & (targets <= 1)))
        raise RequestError(
            f"The strategy's position for {symbol} at {format_time(int(ts[place]))} is {float(targets[place])!r}; a "
            "position is a fraction of equity from -1 (short) to 1 (long), without leverage.",
            hint="Clip it: .clip(-1, 1); give null where there is no signal.",
            value=float(targets[place]),
        )
    return targets


def simulate(opens: Floats, closes: Floats, targets: Floats, costs: Costs, capital: float) -> Sleeve:
    """Execute each bar's target at the open of the next bar there is, and mark the sleeve at every close.

    A fill happens where the target differs from the one before; between fills the units stay as they are, so the
    position drifts with the price. Costs are taken at the fill such that the position is exactly the target afterwards.
    A sleeve whose equity reaches zero (only a short can) ends there.
    """
    changed = np.flatnonzero(targets[1:] != targets[:-1]) + 1
    if targets.size and targets[0] != 0:
        changed = np.concatenate((np.zeros(1, dtype=np.int64), changed))
    waiting = None
    if changed.size and changed[-1] == targets.size - 1:
        waiting, changed = float(targets[-1]), changed[:-1]
    with np.errstate(all="ignore"):  # what comes after ruin may be any number, and is cut off
        fills = _fill(changed + 1, opens, targets[changed], costs, capital)
        equity = _marked(fills, closes, capital)
    ruined = _ruin(fills, equity) if changed.size and fills.target.min() < 0 else None
    if ruined is not None:
        equity[ruined:] = 0.0
        sound = np.minimum(fills.before, np.minimum(fills.between, fills.after)) > 0
        fills = fills.first(int(((fills.bar < ruined) | ((fills.bar == ruined) & sound)).sum()))
        waiting = None
    return Sleeve(fills, equity, ruined, waiting)


def _fill(bar: Ints, opens: Floats, target: Floats, costs: Costs, capital: float) -> Fills:
    price = opens[bar]
    held = np.empty_like(target)
    held[:1], held[1:] = 0.0, target[:-1]
    moved = np.empty_like(price)
    moved[:1], moved[1:] = 1.0, price[1:] / price[:-1]
    grown = 1 + held * (moved - 1)
    drifted = held * moved / grown
    # A buy of value v costs buy * v, a sell sell * v. Solved for equity afterwards, with the target exactly reached.
    cost = np.where(target > drifted, costs.buy, -costs.sell)
    kept = (1 + cost * drifted) / (1 + cost * target)
    chain = np.column_stack((grown, kept)).ravel()
    chain[:1] = capital
    equity = np.cumprod(chain, dtype=np.float64)
    before, after = equity[0::2], equity[1::2]
    between = np.where(np.sign(target) != np.sign(held), before * (1 + cost * drifted), before)
    return Fills(bar, price, target, drifted, before, between, after)


def _marked(fills: Fills, closes: Floats, capital: float) -> Floats:
    lengths = np.diff(np.concatenate((np.zeros(1, dtype=np.int64), fills.bar, np.array([closes.size]))))
    cash = np.concatenate((np.array([capital]), fills.after * (1 - fills.target)))
    units = np.concatenate((np.zeros(1), fills.after * fills.target / fills.price))
    equity = np.repeat(units, lengths)
    equity *= closes
    equity += np.repeat(cash, lengths)
    return equity


def _ruin(fills: Fills, equity: Floats) -> int | None:
    """The first bar at whose fill or close nothing was left; what the arrays hold after it means nothing."""
    places = []
    if not equity.min() > 0:
        places.append(int(np.argmin(equity > 0)))
    sound = np.minimum(fills.before, np.minimum(fills.between, fills.after)) > 0
    if not sound.all():
        places.append(int(fills.bar[np.argmin(sound)]))
    return min(places, default=None)


def _sum(values: Floats) -> float:
    return float(np.cumsum(values)[-1]) if values.size else 0.0
