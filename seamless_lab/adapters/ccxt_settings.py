"""How one exchange is asked: options for ccxt, allowance, patience."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seamless_lab.core.policy import BackfillPolicy

KEY_TEMPLATE = "ccxt:{exchange}:{account?}"
_OPTIONAL = re.compile(r":?\{(\w+)\?\}")
_REQUIRED = re.compile(r"\{(\w+)\}")
_PATIENCE = BackfillPolicy()


@dataclass(frozen=True, slots=True)
class CcxtSettings:
    """How one exchange is asked.

    Parameters
    ----------
    options
        Given to ccxt's constructor as they are: urls, options, proxies, headers, ... Never shown: may be secret.
    key_template
        Name of the rate limiter's bucket; see `limiter_key`.
    account
        Suffix of that name, for accounts or machines with an allowance of their own.
    test_network
        Ask the exchange's own test network.
    timeout_ms
        For one request.
    concurrent_requests
        Requests under way at once.
    max_attempts
        Requests for one page before the fetch fails.
    retry_backoff_ms, jitter_ratio
        The n-th repetition waits `retry_backoff_ms * 2**(n-1)`, lengthened by up to `jitter_ratio` of it at random.
    penalty_backoff_ms
        How long nobody asks after the exchange wanted fewer requests without saying for how long.
    longest_wait_s
        If the exchange wants a longer pause than this, the fetch fails at once and says so.

    Examples
    --------
    >>> CcxtSettings().limiter_key("binance"), CcxtSettings(account="desk1").limiter_key("binance")
    ('ccxt:binance', 'ccxt:binance:desk1')
    """

    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    key_template: str = KEY_TEMPLATE
    account: str | None = None
    test_network: bool = False
    timeout_ms: int = 10_000
    concurrent_requests: int = 8
    max_attempts: int = _PATIENCE.max_attempts
    retry_backoff_ms: int = _PATIENCE.retry_backoff_ms
    jitter_ratio: float = _PATIENCE.jitter_ratio
    penalty_backoff_ms: int = 5_000
    longest_wait_s: float = 120.0

    def __post_init__(self) -> None:
        for name in ("timeout_ms", "concurrent_requests", "max_attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def limiter_key(self, exchange: str) -> str:
        """The rate limiter's key of an exchange.

        `{exchange}` and `{exchange_id}` stand for the exchange, `{account}`, `{suffix}` and `{key_suffix}` for the
        account; an optional part such as `:{account?}` disappears together with its colon when there is no account.
        """
        values = {"exchange": exchange.lower(), "exchange_id": exchange}
        values |= dict.fromkeys(("account", "suffix", "key_suffix"), self.account or "")

        def optional(found: re.Match[str]) -> str:
            value = values.get(found[1], "")
            return found[0].replace(f"{{{found[1]}?}}", value) if value else ""

        def required(found: re.Match[str]) -> str:
            return values.get(found[1], found[0])

        return _REQUIRED.sub(required, _OPTIONAL.sub(optional, self.key_template))

    def pause_s(self, attempt: int, chance: float) -> float:
        """How long to wait after the `attempt`-th failure (from 1); `chance` in [0, 1) is the jitter's draw."""
        backoff_s: float = self.retry_backoff_ms / 1000 * 2.0 ** (attempt - 1)
        return backoff_s * (1 + self.jitter_ratio * chance)
