"""References."""

from __future__ import annotations

import pytest

from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Locked, PinName, Seq, parse_reference, parse_selector
from seamless_lab.errors import InvalidNode, InvalidReference, SeamlessError

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    "text, selector",
    [
        ("ohlcv:binance:BTC/USDT:1m", None),
        ("ohlcv:binance:BTC/USDT:1m@latest", Latest()),
        ("ohlcv:binance:BTC/USDT:1m@seq:12", Seq(12)),
        ("ohlcv:binance:BTC/USDT:1m@sha256:00112233", Fingerprint("00112233")),
        ("ohlcv:binance:BTC/USDT:USDT:1m@2024-01-01T00:00:00.250Z", AsOf(1_704_067_200_250)),
        ("ohlcv:binance:BTC/USDT:1m@2024-01-01", AsOf(1_704_067_200_000)),
        ("ohlcv:binance:BTC/USDT:1m@lock", Locked()),
        ("ohlcv:binance:BTC/USDT:1m@-1d", AsOf(NOW_MS - 86_400_000)),
    ],
)
def test_a_reference_splits_at_the_last_at(text, selector):
    found = parse_reference(text, now_ms=NOW_MS)
    assert found.selector == selector
    assert str(found.node) == text.split("@", maxsplit=1)[0]


@pytest.mark.parametrize(
    "text, error",
    [
        ("ohlcv:binance:BTC/USDT:1m@", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@sha256:0011", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@sha256:XYZ", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@seq:-1", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@seq:²", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@seq:" + "9" * 5_000, InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@²²²²²²", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@yesterday", InvalidReference),
        ("ohlcv:binance:BTC/USDT:1m@Lock", InvalidReference),
        ("pin:", InvalidReference),
        ("pin:BTC", InvalidReference),
        ("pin:.btc", InvalidReference),
        ("pin:a/b", InvalidReference),
        ("pin:" + "a" * 65, InvalidReference),
        ("btc@latest", InvalidNode),
        (None, InvalidNode),
        (5, InvalidNode),
    ],
)
def test_a_bad_reference_says_what_is_allowed(text, error):
    with pytest.raises(error) as refused:
        parse_reference(text, now_ms=NOW_MS)
    assert isinstance(refused.value, SeamlessError)
    assert refused.value.hint


def test_a_selector_may_be_a_number_of_epoch_seconds():
    assert parse_selector(1_704_067_200, now_ms=NOW_MS) == AsOf(1_704_067_200_000)


@pytest.mark.parametrize("name", ["btc", "9", "btc_1m.2024-q1", "a" * 64])
def test_a_pin_is_named_behind_pin(name):
    found = parse_reference(f"pin:{name}", now_ms=NOW_MS)
    assert found == PinName(name)
    assert str(found) == f"pin:{name}"


def test_a_selector_may_be_the_lock():
    assert parse_selector("lock", now_ms=NOW_MS) == Locked()
