"""Which series: `ohlcv:{exchange}:{symbol}:{timeframe}` and `trades:{exchange}:{symbol}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from seamless_lab.core.grid import parse_timeframe
from seamless_lab.core.numbers import seen
from seamless_lab.errors import InvalidNode, NotAvailableYet

_FORM = "ohlcv:EXCHANGE:SYMBOL:TIMEFRAME, such as ohlcv:binance:BTC/USDT:1m"
_EXCHANGE = re.compile(r"[a-z0-9_]+")
_SYMBOL = re.compile(r"[^\s@{}$\x00-\x1f\x7f-\x9f]+")

LONGEST_SYMBOL = 200
"""Bytes of a percent-encoded symbol, which names a folder: file systems take 255 with what stands around it."""


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """The identity of one series; equal ids are the same series everywhere.

    `timeframe` is empty for trades. Symbols may contain `:` (`BTC/USDT:USDT` is a swap).
    """

    kind: str
    exchange: str
    symbol: str
    timeframe: str

    def __str__(self) -> str:
        head = f"{self.kind}:{self.exchange}:{self.symbol}"
        return f"{head}:{self.timeframe}" if self.timeframe else head

    @property
    def path(self) -> str:
        """Relative folder of the series in a store; the symbol is percent-encoded, so no symbol can leave the store."""
        return f"{self.kind}/exchange={self.exchange}/symbol={quote(self.symbol, safe='')}/timeframe={self.timeframe}"

    @classmethod
    def from_path(cls, path: str) -> NodeId:
        """Inverse of `path`."""
        kind, exchange, symbol, timeframe = path.strip("/").split("/")
        return cls(kind, exchange.partition("=")[2], unquote(symbol.partition("=")[2]), timeframe.partition("=")[2])


def parse_node(text: str) -> NodeId:
    """The id that a user wrote; kind and exchange are read from the left, the timeframe from the right.

    Raises
    ------
    InvalidNode
        If the text does not have the form, with the part that is wrong.
    """
    if not isinstance(text, str):
        raise no_text(text)
    kind, _, rest = text.strip().partition(":")
    exchange, _, rest = rest.partition(":")
    if kind not in ("ohlcv", "trades"):
        raise InvalidNode(
            f"{seen(text)} is no node: its kind is {seen(kind)}, not ohlcv or trades.",
            hint=f"Write {_FORM}.",
            value=text,
        )
    if not _EXCHANGE.fullmatch(exchange):
        raise InvalidNode(
            f"{seen(text)} is no node: {seen(exchange)} is no exchange id (lower-case letters, digits, _).",
            hint=f"Did you mean {kind}:{exchange.lower()}:{rest}?"
            if _EXCHANGE.fullmatch(exchange.lower())
            else f"Write {_FORM}.",
            value=text,
        )
    symbol, _, timeframe = rest.rpartition(":") if kind == "ohlcv" else (rest, "", "")
    if kind == "ohlcv" and not symbol:
        raise InvalidNode(
            f"{seen(text)} is no node: it lacks a symbol or a timeframe.", hint=f"Write {_FORM}.", value=text
        )
    if not _SYMBOL.fullmatch(symbol) or symbol.startswith("."):
        raise InvalidNode(f"{seen(text)} is no node: {seen(symbol)} is no symbol.", hint=f"Write {_FORM}.", value=text)
    if (length := _encoded_length(symbol)) > LONGEST_SYMBOL:
        raise InvalidNode(
            f"{symbol[:20]!r}… is no symbol: it takes {length} bytes, percent-encoded, and may take {LONGEST_SYMBOL}.",
            hint=f"Write {_FORM}.",
            bytes=length,
        )
    if kind == "ohlcv":
        parse_timeframe(timeframe)
    return NodeId(kind, exchange, symbol, timeframe)


def no_text(value: object) -> InvalidNode:
    """What to raise where a node is wanted and something else than text came."""
    return InvalidNode(f"{seen(value)} is no node: it is no text.", hint=f"Write {_FORM}.", value=seen(value))


def _encoded_length(symbol: str) -> int:
    try:
        return len(quote(symbol, safe=""))
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise InvalidNode(f"{seen(symbol)} is no symbol: it is no Unicode text.", hint=f"Write {_FORM}.") from error


def require_bars(node: NodeId) -> NodeId:
    """`node` if it names bars.

    Raises
    ------
    NotAvailableYet
        For trades.
    """
    if node.kind != "ohlcv":
        bars = f"ohlcv:{node.exchange}:{node.symbol}"
        raise NotAvailableYet(
            f"{node} names trades, which are not available yet; this version fetches bars.",
            hint=f"Fetch bars instead: {bars if _is_node(bars) else f'{bars}:1m'}",
            node=str(node),
        )
    return node


def _is_node(text: str) -> bool:
    try:
        parse_node(text)
    except InvalidNode:
        return False
    return True
