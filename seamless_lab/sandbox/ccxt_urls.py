"""Pointing ccxt at a sandbox exchange."""

from __future__ import annotations

import importlib
import re
from typing import Any

_HOST = re.compile(r"^(http|ws)s?://[^/]+")


def ccxt_urls(exchange_id: str, base_url: str) -> dict[str, Any]:
    """The `urls` option that makes a ccxt exchange talk to the sandbox at `base_url`, and to nothing else.

    Every URL ccxt knows for the exchange, at any depth, keeps its path and gets the sandbox's host; so a call to an
    endpoint that the sandbox does not have ends in its 404, never on the internet. ccxt must be installed.

    Examples
    --------
    >>> urls = ccxt_urls("binance", "http://127.0.0.1:8080")
    >>> urls["api"]["public"]
    'http://127.0.0.1:8080/binance/api/v3'
    """
    ccxt = importlib.import_module("ccxt")  # half a second to import, and the sandbox itself does without it
    if exchange_id not in ccxt.exchanges:
        raise ValueError(f"ccxt knows no exchange {exchange_id!r}")
    urls: dict[str, Any] = redirected(getattr(ccxt, exchange_id)().urls, f"{base_url}/{exchange_id}")
    return urls


def redirected(value: Any, target: str) -> Any:
    """`value` with the scheme and host of every URL in it replaced by `target`; WebSocket URLs stay WebSocket."""
    if isinstance(value, dict):
        return {key: redirected(item, target) for key, item in value.items()}
    if isinstance(value, list):
        return [redirected(item, target) for item in value]
    if isinstance(value, str):
        socket = re.sub("^http", "ws", target)
        return _HOST.sub(lambda match: socket if match[1] == "ws" else target, value)
    return value
