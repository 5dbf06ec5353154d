"""What this process used last, within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Immutable values by key; beyond `limit` (in units of their weights) those used longest ago go. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """The value, or None when it is not held."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, weight: int = 1) -> Value:
        """Hold a value; returns it."""
        with self._lock:
            before = self._held.pop(key, None)
            self._weight += weight - (0 if before is None else before[1])
            self._held[key] = (value, weight)
            while self._weight > self._limit and len(self._held) > 1:
                _, (_, freed) = self._held.popitem(last=False)
                self._weight -= freed
        return value

    def clear(self) -> None:
        """Hold nothing."""
        with self._lock:
            self._held.clear()
            self._weight = 0
