"""What the exchange really has, compared with what a lab delivered."""

from __future__ import annotations

import polars as pl

from seamless_lab.app.results import FetchResult
from seamless_lab.sandbox import SandboxExchange
from seamless_lab.sandbox.market import Stretch


def truth(exchange: SandboxExchange, result: FetchResult) -> pl.DataFrame:
    """The exchange's closed bars in the window of a result, in the columns of `Bars`."""
    node, window = result.node, result.window
    return exchange.bars(node.exchange, node.symbol, node.timeframe, Stretch(window.start, window.end))


def check_honest(exchange: SandboxExchange, result: FetchResult) -> None:
    """Every delivered bar is the exchange's, digit by digit, and no slot is called quiet in which it has one."""
    expected, got, coverage = truth(exchange, result), result.bars.frame, result.coverage
    assert got.equals(expected.filter(pl.Series(coverage.answered.contains(expected["ts"].to_numpy()))))
    assert not coverage.quiet.contains(expected["ts"].to_numpy()).any(), "a bar was called quiet"
    parts = (coverage.present, coverage.quiet, coverage.missing, coverage.failed, coverage.pending)
    assert sum(part.seconds for part in parts) == result.window.seconds, "causes overlap or leave slots out"
