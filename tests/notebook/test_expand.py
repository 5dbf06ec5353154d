"""Python values in command lines."""

from __future__ import annotations

import datetime as dt
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.errors import RequestError
from seamless_lab.notebook.expand import NotExpanded, words

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


@given(TEXTS)
def test_a_value_is_one_word_whatever_it_contains(text: str) -> None:
    assert words("a $x b", {"x": text}) == ["a", text, "b"]
    assert words('"$x"', {"x": text}) == [text]


@given(st.lists(TEXTS.map(lambda text: text.replace("$", "").replace("{", ""))))
def test_without_values_a_line_splits_as_in_a_shell(given: list[str]) -> None:
    assert words(shlex.join(given), {}) == given


def test_a_list_gives_a_word_for_each_item_also_inside_a_word() -> None:
    names = {"symbols": ["BTC/USDT", "ETH/USDT"]}
    assert words("$symbols", names) == ["BTC/USDT", "ETH/USDT"]
    assert words("ohlcv:binance:{{symbols}}:1m", names) == ["ohlcv:binance:BTC/USDT:1m", "ohlcv:binance:ETH/USDT:1m"]
    assert words("x $none y", {"none": []}) == ["x", "y"]


def test_times_are_iso_and_numbers_plain() -> None:
    names = {"t": dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC), "d": dt.date(2024, 3, 1), "n": 0.5}
    assert words("$t $d $n $$d", names) == ["2024-03-01T12:00:00+00:00", "2024-03-01", "0.5", "$d"]


@pytest.mark.parametrize("value", [None, {"a": 1}, {1, 2}, (x for x in "ab")])
def test_what_no_command_takes_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(NotExpanded, match=type(value).__name__):
        words("$x", {"x": value})


def test_open_quotes_and_unknown_names_say_so() -> None:
    with pytest.raises(RequestError, match="quotation"):
        words("fetch 'x", {})
    with pytest.raises(NotExpanded) as caught:
        words("$strat", {"start": 1})
    assert "$start" in caught.value.hint
