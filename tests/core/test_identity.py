"""Node ids: written, read, and turned into folders that stay in the store."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.core.identity import NodeId, parse_node, require_bars
from seamless_lab.errors import InvalidNode, NotAvailableYet

symbols = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=12).filter(
    lambda text: not set(text) & set("@{}$") and not text.startswith(".") and not any(c.isspace() for c in text)
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("ohlcv:binance:BTC/USDT:1m", NodeId("ohlcv", "binance", "BTC/USDT", "1m")),
        ("ohlcv:binanceusdm:BTC/USDT:USDT:1h", NodeId("ohlcv", "binanceusdm", "BTC/USDT:USDT", "1h")),
        ("ohlcv:deribit:BTC/USD:BTC-240329-60000-C:1d", NodeId("ohlcv", "deribit", "BTC/USD:BTC-240329-60000-C", "1d")),
        ("trades:kraken:BTC/USD", NodeId("trades", "kraken", "BTC/USD", "")),
        ("trades:binanceusdm:BTC/USDT:USDT", NodeId("trades", "binanceusdm", "BTC/USDT:USDT", "")),
        ("  ohlcv:okx:ETH/BTC:1w ", NodeId("ohlcv", "okx", "ETH/BTC", "1w")),
    ],
)
def test_kind_and_exchange_are_read_from_the_left_and_the_timeframe_from_the_right(text: str, expected: NodeId) -> None:
    node = parse_node(text)
    assert node == expected
    assert str(node) == text.strip()
    assert parse_node(str(node)) == node
    assert NodeId.from_path(node.path) == node


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ohlcv",
        "ohlcv:binance",
        "ohlcv:binance:BTC/USDT",
        "ohlcv:binance:1m",
        "ohlcv:binance::1m",
        "ohlcv::BTC/USDT:1m",
        "ohlcv:Binance:BTC/USDT:1m",
        "ohlcv:bin/ance:BTC/USDT:1m",
        "ohlcv:..:BTC/USDT:1m",
        "candles:binance:BTC/USDT:1m",
        "ohlcv:binance:BTC/USDT:1M",
        "ohlcv:binance:BTC USDT:1m",
        "ohlcv:binance:..:1m",
        "ohlcv:binance:.hidden:1m",
        "ohlcv:binance:BTC/USDT@latest:1m",
        "ohlcv:binance:$HOME:1m",
        "ohlcv:binance:{x}:1m",
        "trades:binance:",
        "ohlcv:binance:BTC\0:1m",
        "ohlcv:binance:BTC\x1b[31m:1m",
        "ohlcv:binance:BTC\x7f:1m",
        "ohlcv:binance:BTC\x9b:1m",
        "ohlcv:binance:\ud800:1m",
        None,
        5,
        b"ohlcv:binance:BTC/USDT:1m",
    ],
)
def test_what_is_no_node_is_refused(text: str) -> None:
    with pytest.raises(InvalidNode):
        parse_node(text)


@pytest.mark.parametrize("letter, most", [("A", 200), ("/", 66), ("\N{SNOWMAN}", 22)])
def test_a_symbol_is_as_long_as_a_folder_may_be_named(tmp_path: Path, letter: str, most: int) -> None:
    longest = parse_node(f"ohlcv:binance:{letter * most}:1m")
    (tmp_path / longest.path).mkdir(parents=True)
    assert NodeId.from_path(longest.path) == longest
    with pytest.raises(InvalidNode, match="may take 200") as caught:
        parse_node(f"ohlcv:binance:{letter * (most + 1)}:1m")
    assert len(caught.value.message) < 200


@given(symbols, st.sampled_from(["1s", "1m", "4h", "1d", "1w"]))
def test_any_symbol_survives_text_and_path(symbol: str, timeframe: str) -> None:
    node = parse_node(f"ohlcv:binance:{symbol}:{timeframe}")
    assert node.symbol == symbol
    assert parse_node(str(node)) == node
    assert NodeId.from_path(node.path) == node


@given(st.text(min_size=1, max_size=20))
def test_no_symbol_leaves_the_store(symbol: str) -> None:
    try:
        node = parse_node(f"ohlcv:binance:{symbol}:1m")
    except InvalidNode:
        return
    path = node.path
    assert path.count("/") == 3
    assert posixpath.normpath(path) == path
    assert path.isascii()
    assert path.startswith("ohlcv/exchange=binance/symbol=")


@pytest.mark.parametrize(
    "symbol", ["../../etc/passwd", "..%2f..", "a\\b", "C:", "CON", "a\x00b", "a%00b", "symbol=x", "é/ü"]
)
def test_evil_symbols_become_one_folder_or_are_refused(symbol: str) -> None:
    try:
        node = parse_node(f"ohlcv:binance:{symbol}:1m")
    except InvalidNode:
        return
    folder = node.path.split("/")[2]
    assert folder.startswith("symbol=")
    assert not set(folder) & set('\\:\x00*?"<>|')
    assert NodeId.from_path(node.path) == node


def test_trades_parse_and_are_not_available_yet() -> None:
    node = parse_node("trades:binance:BTC/USDT")
    with pytest.raises(NotAvailableYet, match="not available yet") as error:
        require_bars(node)
    assert "ohlcv:binance:BTC/USDT:1m" in error.value.hint
    bars = parse_node("ohlcv:binance:BTC/USDT:1m")
    assert require_bars(bars) is bars


def test_the_bars_offered_instead_of_trades_have_one_timeframe() -> None:
    for symbol, bars in (
        ("BTC/USDT", "BTC/USDT:1m"),
        ("BTC/USDT:5m", "BTC/USDT:5m"),
        ("A/B:C", "A/B:C:1m"),
        ("BTC/USDT:5x", "BTC/USDT:5x:1m"),
        ("BTC/USDT:0m", "BTC/USDT:0m:1m"),
        ("5m", "5m:1m"),
    ):
        with pytest.raises(NotAvailableYet) as error:
            require_bars(parse_node(f"trades:binance:{symbol}"))
        assert error.value.hint.endswith(f" ohlcv:binance:{bars}")
        assert parse_node(f"ohlcv:binance:{bars}").kind == "ohlcv"
