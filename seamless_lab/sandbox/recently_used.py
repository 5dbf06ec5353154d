"""A mapping that keeps what was used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """Values by key up to a total `capacity`; the least recently used leave first.

    `size` says how much of the capacity a value takes: one, unless told otherwise.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._capacity = capacity
        self._size = size
        self._used = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value kept under `key`, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value under a key that is not kept yet."""
        if key in self._values:
            raise KeyError(f"{key!r} is kept already")
        self._values[key] = value
        self._used += self._size(value)
        while self._used > self._capacity:
            _, dropped = self._values.popitem(last=False)
            self._used -= self._size(dropped)
