"""One exchange for the tests that only read from it, and the smallest of HTTP clients."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from seamless_lab.sandbox import SandboxConfig, SandboxExchange

NOW_MS = 1_735_689_630_000  # 2025-01-01 00:00:30 UTC


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def http(url: str, method: str = "GET", value: object = None) -> Answer:
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


@pytest.fixture(scope="session")
def frozen() -> Iterator[SandboxExchange]:
    """An exchange whose clock stands at NOW_MS and which nobody limits or changes."""
    with SandboxExchange(SandboxConfig(now_ms=NOW_MS, symbols=40, weight_limits={})) as exchange:
        yield exchange


@pytest.fixture(scope="session")
def get(frozen: SandboxExchange) -> Callable[[str], Answer]:
    return lambda path: http(frozen.url + path)
