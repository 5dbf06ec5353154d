"""Reading JSON that this package wrote and anybody may have changed: each value is what it must be, or named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seamless_lab.core.time import TimeRange, parse_time, parse_time_ms
from seamless_lab.errors import RequestError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


class WrongValue(ValueError):
    """A value that is not what it must be; says where it stands."""


@dataclass(frozen=True, slots=True)
class JsonFacts:
    """One JSON object; `where` it stands, for messages. Every method raises `WrongValue`."""

    values: Mapping[str, object]
    where: str

    @classmethod
    def of(cls, found: object, where: str) -> JsonFacts:
        """A JSON value that must be an object."""
        if not isinstance(found, dict):
            raise WrongValue(f"{where} is no object")
        return cls(found, where)

    def text(self, name: str) -> str:
        """A text."""
        value = self._of(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def text_or_none(self, name: str) -> str:
        """A text, empty for null."""
        return "" if self._of(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._of(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def whole(self, name: str) -> int:
        """A whole number, not negative."""
        value = self._of(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(name, "a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """A whole number or null."""
        return None if self._of(name) is None else self.whole(name)

    def digest(self, name: str) -> str:
        """64 hexadecimal digits."""
        value = self.text(name)
        if not _DIGEST.fullmatch(value):
            raise self._wrong(name, "64 hexadecimal digits")
        return value

    def digests(self, name: str) -> tuple[str, ...]:
        """A list of them."""
        value = self._of(name)
        if not isinstance(value, list) or not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in value):
            raise self._wrong(name, "a list of 64 hexadecimal digits each")
        return tuple(value)

    def window(self) -> TimeRange:
        """`start` and `end`."""
        try:
            return TimeRange(*(parse_time(self._moment(name), now_s=0) for name in ("start", "end")))
        except RequestError as error:
            raise WrongValue(f"{self.where}: {error.message}") from error

    def moment_ms(self, name: str) -> int:
        """A moment in epoch milliseconds."""
        try:
            return parse_time_ms(self._moment(name), now_ms=0)
        except RequestError as error:
            raise WrongValue(f"{self.where}: {error.message}") from error

    def inner(self, name: str) -> JsonFacts:
        """An object."""
        return JsonFacts.of(self._of(name), f"{self.where}.{name}")

    def objects(self, name: str) -> list[JsonFacts]:
        """A list of objects."""
        value = self._of(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return [JsonFacts.of(item, f"{self.where}.{name}[{at}]") for at, item in enumerate(value)]

    def texts(self, name: str) -> dict[str, str]:
        """Texts by name."""
        facts = self.inner(name)
        return {key: facts.text(key) for key in facts.values}

    def only(self, *names: str) -> JsonFacts:
        """These facts, refused if there are others than these."""
        if more := sorted(self.values.keys() - set(names)):
            raise WrongValue(f"{self.where} has the unknown {more[0]!r}")
        return self

    def _of(self, name: str) -> object:
        if name not in self.values:
            raise WrongValue(f"{self.where} has no {name}")
        return self.values[name]

    def _moment(self, name: str) -> str:
        value = self.text(name)
        if not _MOMENT.fullmatch(value):
            raise self._wrong(name, "a moment such as 2024-01-01T00:00:00Z")
        return value

    def _wrong(self, name: str, what: str) -> WrongValue:
        return WrongValue(f"{self.where}: {name} is {self.values[name]!r:.60}, not {what}")
