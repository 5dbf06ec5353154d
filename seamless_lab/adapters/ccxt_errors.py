"""ccxt's exceptions as errors that say what to do: try again (`SourceUnavailable`) or do not (`SourceRejected`).

Classes of ccxt and aiohttp go by their names here: importing either costs more than the rest of the program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from seamless_lab.errors import SeamlessError, SourceRejected, SourceUnavailable, UnknownMarket

_FINAL_STATUSES = frozenset({400, 401, 404, 405, 407, 410, 422})
_QUOTE_CHARS = 160
_URL = re.compile(r"https?://[^/\s]+([^?\s]*)\S*", re.IGNORECASE)
_MESSAGE = re.compile(r'"(?:msg|message|error)":\s*"([^"]+)"')


class BadAnswer(Exception):
    """An answer that the guard did not let through to ccxt."""


class RateLimited(SourceUnavailable):
    """The exchange asks for fewer requests; `retry_after_s` is its wish, None when it named none."""


@dataclass(slots=True)
class Wire:
    """What one request saw on the wire; filled in while it runs.

    `status` is 0 until an answer came; `documented`: the answer was in the exchange's own format, not a proxy's page.
    """

    status: int = 0
    documented: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of the Retry-After header; None when there is none, or a date."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.replace(".", "", 1).isdecimal() else None


def judged(error: BaseException, wire: Wire, exchange: str) -> SeamlessError:
    """What an exception of a request means.

    Notes
    -----
    ccxt raises `ExchangeNotAvailable`, which looks temporary, for any page without JSON, a geoblock's included; and
    `ExchangeError`, which looks final, when a body ends early. So HTTP status and the cause decide before the class.
    """
    where = f"{exchange} (HTTP {wire.status})" if wire.status else exchange
    text, kinds = _short(error, exchange), _kinds(error)
    wants_pause = wire.status >= 400 and wire.retry_after_s is not None
    if wants_pause or wire.status in (418, 429) or kinds & {"RateLimitExceeded", "DDoSProtection"}:
        pause = "" if wire.retry_after_s is None else f" {wire.retry_after_s:,.0f} s"
        return RateLimited(
            f"{where} asks for fewer requests: {text}",
            hint=f"Lower rate_limit.tokens_per_interval, or wait{pause}.",
            retry_after_s=wire.retry_after_s,
            exchange=exchange,
            status=wire.status,
        )
    if wire.status == 451 or "RestrictedLocation" in kinds:
        return SourceRejected(
            f"{where} does not serve this region: {text}",
            hint=f"Use another exchange, or a proxy by exchanges.{exchange}.ccxt.",
            exchange=exchange,
            status=wire.status,
        )
    if "BadSymbol" in kinds:
        return UnknownMarket(f"{where} does not know the symbol: {text}", exchange=exchange)
    if _may_pass(error, wire):
        offline = f"Is this machine online, and may it reach {exchange}? What is sealed is read without it."
        return SourceUnavailable(
            f"{where} {'gave no usable answer' if wire.status else 'did not answer'}: {text}",
            hint="Ask again later; what has arrived is kept." if wire.status else offline,
            exchange=exchange,
            status=wire.status,
        )
    return SourceRejected(f"{where} refused: {text}", exchange=exchange, status=wire.status)


def _may_pass(error: BaseException, wire: Wire) -> bool:
    if isinstance(error, BadAnswer) or wire.status >= 500 or any(map(_is_of_the_line, (error, error.__cause__))):
        return True
    kinds = _kinds(error)
    if "BaseError" in kinds:  # ccxt's root
        return "OperationFailed" in kinds and (wire.documented or wire.status not in _FINAL_STATUSES)
    return True  # ccxt stumbled over a body of another shape than documented


def _is_of_the_line(error: BaseException | None) -> bool:
    # TimeoutError is an OSError.
    return error is not None and (isinstance(error, OSError) or "ClientError" in _kinds(error))


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _short(error: BaseException, exchange: str) -> str:
    """What ccxt said, without the exchange's name, the URL's host and query, and JSON around a message."""
    said = " ".join(str(error).split()).removeprefix(f"{exchange} ") or type(error).__name__
    said = _URL.sub(r"\1", said)
    if found := _MESSAGE.search(said):
        said = found[1]
    cause = f" ({type(error.__cause__).__name__})" if error.__cause__ is not None else ""
    return (said if len(said) <= _QUOTE_CHARS else said[: _QUOTE_CHARS - 1] + "…") + cause
