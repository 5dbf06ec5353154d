from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.sandbox.weights import WeightBudget


def test_weight_within_the_limit_passes_and_is_counted() -> None:
    budget = WeightBudget(limit=10)
    assert [budget.charge(4, 0.0).used_weight for _ in range(2)] == [4, 8]
    assert budget.charge(2, 59.9).outcome == "pass"


def test_weight_beyond_the_limit_is_refused_until_the_window_ends() -> None:
    budget = WeightBudget(limit=10)
    budget.charge(10, 0.0)
    refused = budget.charge(1, 42.5)
    assert (refused.outcome, refused.retry_after_s) == ("refuse", 18)
    assert budget.charge(1, 42.5 + refused.retry_after_s).outcome == "pass"


def test_going_on_after_refusals_ends_in_a_ban() -> None:
    budget = WeightBudget(limit=1, tolerance=3, ban_s=120)
    outcomes = [budget.charge(1, second).outcome for second in (0, 1, 2, 3, 4, 61, 122.9, 123.1)]
    assert outcomes == ["pass", "refuse", "refuse", "ban", "ban", "ban", "ban", "pass"]


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(1, 5), st.floats(0, 30)), max_size=60))
def test_no_window_ever_serves_more_than_its_limit(limit: int, requests: list[tuple[int, float]]) -> None:
    budget, now_s, served = WeightBudget(limit, window_s=10, tolerance=2, ban_s=15), 0.0, {}
    for weight, wait_s in requests:
        now_s += wait_s
        verdict = budget.charge(weight, now_s)
        if verdict.outcome == "pass":
            served[now_s // 10] = served.get(now_s // 10, 0) + weight
        else:
            assert verdict.retry_after_s >= 1
    assert all(total <= limit for total in served.values())
