import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.sandbox.rows import Either, Fixed, Whole, fixed_text, rendered

NUMBERS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=30)


@given(NUMBERS)
def test_integers_print_as_python_prints_them(values: list[int]) -> None:
    lines = rendered(len(values), ["<", Whole(np.array(values)), ">"])
    assert lines.decode().split("\n") == [f"<{value}>" for value in values]


@given(st.integers(0, 8), st.data())
def test_decimals_print_exactly(decimals: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=30))
    places = data.draw(st.integers(decimals, 8))
    lines = rendered(len(values), [Fixed(np.array(values), decimals, places)]).decode().split("\n")
    for value, line in zip(values, lines, strict=True):
        whole, _, fraction = line.partition(".")
        assert int(whole) == value // 10**decimals
        assert str(int(whole)) == whole
        assert len(fraction) == places
        assert int(fraction or "0") == value % 10**decimals * 10 ** (places - decimals)


def test_rows_mix_literals_and_columns() -> None:
    parts = ["[", Whole(np.array([1, 20])), ",", Either(np.array([True, False]), "true", "false"), "]"]
    assert rendered(2, parts) == b"[1,true]\n[20,false]"
    assert rendered(0, []) == b""
    assert fixed_text(1, 2) == "0.01000000"
    assert fixed_text(5, 0, 0) == "5"
