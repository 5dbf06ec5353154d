"""Checks that look at several values at once, and what each profile demands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seamless_lab.adapters.ccxt_installed import installed_exchanges
from seamless_lab.app.config.findings import Finding, Level
from seamless_lab.app.config.resolve import Resolution
from seamless_lab.app.config.schema import Profile
from seamless_lab.app.config.values import nearest
from seamless_lab.core.policy import Strategy

LARGE_BLOCK_BARS = 20_000
_PLACEHOLDER = re.compile(r"\{(\w*)\??\}")
_PLACEHOLDERS = ("exchange", "exchange_id", "account", "suffix", "key_suffix")

SERVICES = {
    "seamless.coordinator_url": "a coordinator",
    "connectors.ccxt_rate_limiter_redis": "Redis",
    "connectors.questdb_dsn": "QuestDB",
    "seamless.artifact.object_store_uri": "an artifact store",
}
"""What `prod` must have, and `dev` has an embedded twin for."""


def check(found: Resolution) -> tuple[Finding, ...]:
    """Everything about the values together: budgets, blocks, gaps, templates, exchanges, services of the profile."""
    return (
        *_budgets(found),
        *_blocks(found),
        *_gaps(found),
        *_template(found),
        *_exchanges(found),
        *_services(found),
    )


def _at(found: Resolution, level: Level, key: str, message: str, hint: str = "") -> Finding:
    return Finding(level, key, message, hint, str(found.origin(key)))


def _number(found: Resolution, key: str) -> float | None:
    value = found.value(key)
    return value if isinstance(value, int | float) else None


def _budgets(found: Resolution) -> Iterator[Finding]:
    total = _number(found, "seamless.sla.total_deadline_ms")
    limit = found.value("seamless.sla.max_sync_gap_bars")
    waits = limit != 0 and found.value("seamless.strategy") in (Strategy.SEAMLESS, Strategy.AUTO_BACKFILL)
    phases = ("storage", "backfill", "live") if waits else ("storage", "live")
    for phase in phases:
        key = f"seamless.sla.max_wait_{phase}_ms"
        budget = _number(found, key)
        if total is not None and budget is not None and total < budget:
            yield _at(
                found,
                Level.WARNING,
                "seamless.sla.total_deadline_ms",
                f"seamless.sla.total_deadline_ms = {total} is below {key} = {budget}: "
                "the caller waits for that phase, and the total cuts it.",
                f"Raise the total to at least {budget}, or lower {key}.",
            )


def _blocks(found: Resolution) -> Iterator[Finding]:
    key = "seamless.backfill.window_bars"
    bars = _number(found, key) or 0
    if bars > LARGE_BLOCK_BARS:
        yield _at(
            found,
            Level.WARNING,
            key,
            f"{key} = {bars}: a block of that size takes many requests, and stopping loses what was not yet written.",
            "Exchanges give 300 to 1500 bars a request; a few requests a block are best.",
        )
    wide, many = "seamless.backfill.max_concurrent_requests", "seamless.rate_limit.local_semaphore"
    if (_number(found, wide) or 0) > (_number(found, many) or 0):
        yield _at(
            found,
            Level.WARNING,
            wide,
            f"{wide} = {found.value(wide)} is above {many} = {found.value(many)}, which lets fewer through.",
            "Set both to the same number.",
        )


def _gaps(found: Resolution) -> Iterator[Finding]:
    key = "seamless.conformance.blocking"
    blocking = found.value(key)
    partial = (Strategy.PARTIAL_FILL, Strategy.SEAMLESS)
    blocked = isinstance(blocking, tuple) and "gap" in blocking and not found.value("seamless.conformance.partial_ok")
    if blocked and found.value("seamless.strategy") in partial:
        yield _at(
            found,
            Level.WARNING,
            key,
            f"{key} holds gap, so the partial answers of {found.value('seamless.strategy')} are refused.",
            "Take gap out, or use FAIL_FAST or AUTO_BACKFILL.",
        )


def _template(found: Resolution) -> Iterator[Finding]:
    key = "seamless.rate_limit.key_template"
    template = str(found.value(key))
    for name in _PLACEHOLDER.findall(template):
        if name not in _PLACEHOLDERS:
            near = nearest(name, _PLACEHOLDERS)
            yield _at(
                found,
                Level.ERROR,
                key,
                f"{key} = {template!r} has {{{name}}}; the names are {', '.join(_PLACEHOLDERS)}.",
                near[:1].upper() + near[1:],
            )
    if not re.search(r"\{exchange(_id)?\??\}", template):
        yield _at(
            found,
            Level.WARNING,
            key,
            f"{key} = {template!r} lacks {{exchange}}: all exchanges share one limit.",
            "Write ccxt:{exchange}:{account?}.",
        )


def _exchanges(found: Resolution) -> Iterator[Finding]:
    known = installed_exchanges()
    for name in sorted(found.exchanges - set(known)) if known else ():
        section = f"exchanges.{name}"
        key = next((key for key in found.origins if key.startswith(f"{section}.")), section)
        near = nearest(name, list(known))
        yield _at(
            found,
            Level.ERROR,
            key,
            f"{section}: there is no exchange {name!r}.",
            near[:1].upper() + near[1:] or f"ccxt knows {len(known)}, such as binance and kraken.",
        )


def _services(found: Resolution) -> Iterator[Finding]:
    prod = found.value("profile") == Profile.PROD
    refused = {finding.key for finding in found.findings if finding.level is Level.ERROR}
    for key, service in SERVICES.items():
        if found.value(key) is not None or key in refused:
            continue
        if prod:
            yield _at(
                found,
                Level.ERROR,
                key,
                f"The prod profile needs {service}: {key} is not set, and an embedded twin is not allowed.",
                "Use profile dev: this version has the embedded twins only.",
            )
        elif key == "seamless.coordinator_url":
            yield _at(
                found,
                Level.WARNING,
                key,
                f"{key} is not set: leases are kept on this machine. The prod profile needs a coordinator.",
                "Nothing to do on one machine.",
            )
