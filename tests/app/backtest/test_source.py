"""Which text of a function stands for its code."""

from __future__ import annotations

import functools

import pytest

from seamless_lab.app.backtest.source import name_of, source_of


def momentum(bars, back=24):
    return bars["close"] > bars["close"].shift(back)


class Rule:
    def __call__(self, bars):
        return bars["close"] > 0


def first(function, *_, **__):
    return function


def test_of_a_function_it_is_its_definition():
    assert source_of(momentum).startswith("def momentum(bars, back=24):\n    return")
    assert name_of(momentum) == "momentum"


def test_of_a_lambda_it_is_the_lambda_alone():
    here = first(lambda bars: bars["close"] > 1, 1)
    there = first(3 and (lambda bars: bars["close"] > 1), 2, fee_bps=9)
    assert source_of(here) == source_of(there) == name_of(here) == 'lambda bars: bars["close"] > 1'


def test_lambdas_on_one_line_are_told_apart():
    one, two = (lambda bars: bars["open"]), (lambda bars: bars["close"])
    assert (source_of(one), source_of(two)) == ('lambda bars: bars["open"]', 'lambda bars: bars["close"]')
    outer = [lambda bars: 1, lambda bars: lambda more: more][1]
    assert source_of(outer) == "lambda bars: lambda more: more"
    assert source_of(outer(1)) == "lambda more: more"


def test_a_lambda_over_several_lines_is_whole():
    found = first(
        lambda bars: (
            bars["close"]  # of the bar
            > bars["open"]
        )
    )
    assert source_of(found).count("\n") == 3
    assert name_of(found) == 'lambda bars: ( bars["close"] # of the bar > bars["open"] )'


def test_bound_arguments_come_first_in_one_order():
    one = functools.partial(momentum, back=3)
    assert source_of(one) == f"() [('back', 3)]\n{source_of(momentum)}"
    assert name_of(one) == "momentum"


def test_of_an_object_it_is_its_class():
    assert source_of(Rule()).startswith("class Rule:")
    assert name_of(Rule()) == "Rule"


@pytest.mark.parametrize("text", ["lambda bars: 1", "exec"])
def test_what_has_no_source_has_none(text):
    assert source_of(eval(text)) == ""
    assert name_of(eval(text)) in ("lambda", "exec")


def test_where_a_bound_object_lies_is_no_part_of_the_source() -> None:
    class Model:
        pass

    assert source_of(functools.partial(momentum, back=Model())) == source_of(functools.partial(momentum, back=Model()))
