"""Do the configured services answer? Three attempts over about thirty seconds, as the production profile demands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from seamless_lab.app.config.check import SERVICES
from seamless_lab.app.config.findings import Finding, Level
from seamless_lab.app.secret import Secret, redact_url
from seamless_lab.app.settings import Settings
from seamless_lab.errors import SeamlessError

ATTEMPTS = 3
WAIT_S = 10.0


class Probe(Protocol):
    """Asks one service whether it is there, within its own timeout of a few seconds."""

    def __call__(self, key: str, url: str) -> None:
        """Return when it answers; raise `SeamlessError` saying why not. `key` tells the kind of service."""
        ...


def services(settings: Settings) -> Mapping[str, str | Secret]:
    """The URLs of the services that are configured, by key; local folders are none."""
    found = {key: settings.values.get(key) for key in SERVICES}
    return {
        key: value
        for key, value in found.items()
        if isinstance(value, Secret)
        or (isinstance(value, str) and "://" in value and not value.startswith(("file:", "memory:")))
    }


def check_health(
    targets: Mapping[str, str | Secret],
    probe: Probe,
    sleep: Callable[[float], None],
    *,
    attempts: int = ATTEMPTS,
    wait_s: float = WAIT_S,
) -> tuple[Finding, ...]:
    """One finding for each service that answered none of the attempts.

    All that have not answered yet are asked in each round, so that the waits between rounds don't add up.
    """
    waiting = dict(targets)
    reasons: dict[str, str] = {}
    for attempt in range(attempts):
        if attempt and waiting:
            sleep(wait_s)
        for key, target in list(waiting.items()):
            try:
                probe(key, target.reveal() if isinstance(target, Secret) else target)
            except SeamlessError as error:
                reasons[key] = redact_url(error.message)
            else:
                del waiting[key]
    return tuple(
        Finding(
            Level.UNHEALTHY,
            key,
            f"{SERVICES.get(key, key)} at {redact_url(str(target))} did not answer {attempts} times: {reasons[key]}",
            "Start it, or correct its address.",
        )
        for key, target in waiting.items()
    )
