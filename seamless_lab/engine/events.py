"""The one stream of events: every step of the engine says what it did; metrics, logs and widgets are sinks of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Field = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    `name` is dotted and stable (`seamless.backfill.attempt`); `at_ms` epoch milliseconds; `fields` JSON scalars with
    the documents' names (`node_id`, `interval`, `start`, `end` in epoch seconds, ...).
    """

    name: str
    at_ms: int
    fields: dict[str, Field] = field(default_factory=dict)


Emit = Callable[[Event], None]
"""A sink. Must not block and must not raise; called on any of the engine's threads."""


def silent(_: Event) -> None:
    """A sink that keeps nothing."""
