import pytest

from seamless_lab.sandbox.recently_used import RecentlyUsed


def test_what_was_used_last_stays() -> None:
    kept: RecentlyUsed[str, int] = RecentlyUsed(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]


def test_sizes_count_against_the_capacity() -> None:
    kept: RecentlyUsed[str, bytes] = RecentlyUsed(10, len)
    kept.put("a", b"12345678")
    kept.put("b", b"123")
    assert kept.get("a") is None
    kept.put("too big for any room", b"12345678901")
    assert kept.get("too big for any room") is None


def test_a_kept_value_is_not_replaced() -> None:
    kept: RecentlyUsed[str, int] = RecentlyUsed(2)
    kept.put("a", 1)
    with pytest.raises(KeyError, match="kept already"):
        kept.put("a", 2)
