"""Round trips: what was held on one side, from the fill that opened it to the fill that closed it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from seamless_lab.core.backtest.sleeve import Costs, Fills, Sleeve
from seamless_lab.core.backtest.ticks import Floats
from seamless_lab.core.ranges import Ints

SIDES = pl.Series("side", ["long", "short"], dtype=pl.Enum(["long", "short"]))
ENDED = pl.Series("ended", ["signal", "open", "ruin"], dtype=pl.Enum(["signal", "open", "ruin"]))


def trades_of(sleeve: Sleeve, ts: Ints, closes: Floats, costs: Costs) -> pl.DataFrame:
    """The sleeve's round trips in the order in which they began.

    A trade lasts as long as the position has one sign; a change of its size is part of it, a change of sides ends it
    and begins the next, with each side's share of the costs.

    Columns: `side`; `entry_ts`, `exit_ts` (Int64, opens of the bars in which the fills happened; `exit_ts` null while
    open); `entry_price`, `exit_price` (executed, slippage included; for a trade that no signal ended the close of its
    last bar); `position` (target at entry, fraction of equity); `bars` held; `fills`; `costs` (fees and
    slippage) and `pnl` (after costs) in units of capital; `return` (`pnl` over the equity at entry); `ended` (`signal`,
    `open`: still held at the end, or `ruin`).
    """
    fills = sleeve.fills
    side = np.sign(fills.target).astype(np.int8)
    before = np.concatenate((np.zeros(min(1, side.size), dtype=np.int8), side[:-1]))
    turns = np.flatnonzero(side != before)
    opening = side[turns] != 0
    entry = turns[opening]
    exit_ = np.append(turns[1:], len(fills))[opening]  # the fill that ends it, or one past the last
    closed = exit_ < len(fills)

    end = sleeve.equity.size if sleeve.ruined is None else sleeve.ruined
    last = min(end, sleeve.equity.size - 1)
    exit_fill = np.where(closed, exit_, 0)
    exit_bar = np.where(closed, fills.bar[exit_fill], end) if len(fills) else fills.bar
    equity_in = fills.between[entry]
    equity_out = np.where(closed, fills.between[exit_fill], sleeve.equity[last]) if len(fills) else equity_in
    ruined = sleeve.ruined is not None
    executed = np.where(fills.traded > 0, 1 + costs.slippage, 1 - costs.slippage) * fills.price
    marked = closes[last] if closes.size else np.nan
    return pl.DataFrame(
        {
            "side": SIDES.gather(np.where(side[entry] > 0, 0, 1)),
            "entry_ts": ts[fills.bar[entry]],
            "exit_ts": pl.Series(ts[np.minimum(exit_bar, last)]).set(pl.Series(~closed & (not ruined)), None),
            "entry_price": executed[entry],
            "exit_price": np.where(closed, executed[exit_fill], marked) if len(fills) else executed,
            "position": fills.target[entry],
            "bars": exit_bar - fills.bar[entry],
            "fills": exit_ - entry + closed,
            "costs": _costs(fills, turns, opening),
            "pnl": equity_out - equity_in,
            "return": equity_out / equity_in - 1,
            "ended": ENDED.gather(np.where(closed, 0, 2 if ruined else 1)),
        }
    )


def _costs(fills: Fills, turns: Ints, opening: npt.NDArray[np.bool_]) -> Floats:
    """What each trade paid: its opening, what changed its size, and its closing."""
    if not turns.size:
        return np.empty(0)
    own: Floats = np.add.reduceat(fills.between - fills.after, turns)
    closing = np.append((fills.before - fills.between)[turns[1:]], 0.0)
    paid: Floats = own + closing
    return paid[opening]
