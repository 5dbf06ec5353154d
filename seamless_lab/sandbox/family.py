"""What an API family is to the server: routes that turn a request into a page of rows, a document, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import orjson

from seamless_lab.sandbox.randomness import Integers


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed request: the path's variable part (empty where the route has none), the query, the exchange's time."""

    subject: str
    query: Mapping[str, str]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in wire order inside their envelope.

    `lines` holds one row of JSON a line, `ts` each row's time in epoch seconds. [window_start, window_end) is the
    stretch this page answers for. A final page says the same whenever it is asked again, but for restatements.
    """

    lines: bytes
    ts: Integers
    window_start: int
    window_end: int
    head: bytes = b"["
    tail: bytes = b"]"
    is_final: bool = False

    def reply(self) -> Reply:
        """The page as it goes over the wire."""
        return Reply(200, self.head + self.lines.replace(b"\n", b",") + self.tail)

    def reordered(self, order: Integers) -> Page:
        """The page with the rows at these positions, in this order."""
        rows = self.lines.split(b"\n")
        return replace(self, lines=b"\n".join(rows[position] for position in order), ts=self.ts[order])


class Refused(Exception):
    """A request the exchange turns down, with the reply that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.body.decode()}")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `pattern` is the path below the family's prefix, with `{subject}` for its variable part, if any."""

    name: str
    pattern: str
    answer: Callable[[Request], Page | Reply]
    weight: Callable[[Mapping[str, str]], int] = lambda query: 1


class Family(Protocol):
    """One exchange's public REST dialect."""

    name: str
    routes: tuple[Route, ...]

    def not_found(self) -> Reply:
        """Unknown path."""

    def rate_limited(self, retry_after_s: int) -> Reply:
        """Too many requests."""

    def banned(self, retry_after_s: int) -> Reply:
        """Requests went on after too many of them."""

    def unavailable(self) -> Reply:
        """An internal error that says so in the family's own format."""

    def usage_headers(self, used_weight: int) -> Mapping[str, str]:
        """Headers that tell a client how much of its allowance is used."""


def document(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON reply."""
    return Reply(status, orjson.dumps(value), headers=headers or {})


HTML_ERROR = (
    b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Something went wrong</h1>"
    b"<p>Request blocked. Reference #18.5e3f1002.</p></body></html>\n"
)


def web_page(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """What a proxy or content network in front of the exchange says."""
    return Reply(status, HTML_ERROR, "text/html; charset=utf-8", headers or {})
