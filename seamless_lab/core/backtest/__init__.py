"""Backtests as pure functions: from one symbol's bars and target positions to fills, equity, trades and metrics."""
