"""Leases for all processes of a machine, in the hot store's file: a write checks its token in its own transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import apsw

from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core import lease as machine
from seamless_lab.engine.ports import Claimed, Clock, HeldElsewhere, LeaseKey
from seamless_lab.errors import ConfigError, CoordinatorUnavailable, Corrupted, LeaseLost, StoreBusy, StoreUnavailable

LEASE_TTL_MS = 10_000
ABANDONED_MS = 86_400_000  # rows of leases that expired this long ago are dropped

_T = TypeVar("_T")


class SqliteCoordinator:
    """Leases with fencing tokens.

    Parameters
    ----------
    file
        The same as the hot store's.
    clock
        The real wall clock, which the processes of a machine share; a fixed one would keep the leases of killed
        processes alive for ever.
    ttl_ms
        How long a lease lasts unless renewed.
    """

    def __init__(self, file: SqliteFile, clock: Clock, *, ttl_ms: int = LEASE_TTL_MS) -> None:
        self._file = file
        self._clock = clock
        self._ttl_ms = ttl_ms

    async def claim(self, key: LeaseKey, owner: str) -> Claimed | HeldElsewhere:
        """Take the lease if it is free or expired; claiming again as its holder keeps the token and extends it."""
        return await self._ask(lambda connection: self._claim(connection, key, owner))

    async def renew(self, lease: Claimed) -> Claimed:
        """Extend a lease.

        Raises
        ------
        LeaseLost
            Somebody else took it, it expired, or it was given back.
        """
        return await self._ask(lambda connection: self._renew(connection, lease))

    async def complete(self, lease: Claimed) -> None:
        """Give the lease back, work done. Idempotent; giving back a lost lease does nothing."""
        await self._ask(lambda connection: self._release(connection, lease))

    async def fail(self, lease: Claimed, reason: str) -> None:
        """Give the lease back, work not done; another may take it at once. Nobody is told the reason here."""
        await self.complete(lease)

    def _claim(self, connection: apsw.Connection, key: LeaseKey, owner: str) -> Claimed | HeldElsewhere:
        now = self._clock.now_ms()
        last: int = connection.execute("SELECT last FROM lease_token").get
        decided = machine.claim(_held(connection, key), last_token=last, owner=owner, now_ms=now, ttl_ms=self._ttl_ms)
        if isinstance(decided, machine.Refused):
            return HeldElsewhere(key, decided.lease.owner, decided.lease.expires_at_ms)
        if decided.lease.token > last:
            connection.execute("UPDATE lease_token SET last = ?", (decided.lease.token,))
            connection.execute("DELETE FROM lease WHERE expires_at_ms < ?", (now - ABANDONED_MS,))
        _keep(connection, key, decided.lease)
        return Claimed(key, owner, decided.lease.token, decided.lease.expires_at_ms)

    def _renew(self, connection: apsw.Connection, lease: Claimed) -> Claimed:
        held = _held(connection, lease.key)
        decided = machine.renew(
            held, owner=lease.owner, token=lease.token, now_ms=self._clock.now_ms(), ttl_ms=self._ttl_ms
        )
        if isinstance(decided, machine.Lost):
            raise LeaseLost(
                f"The lease {lease.key} of {lease.owner} with token {lease.token} expired or was taken over.",
                hint="Claim it again.",
                key=str(lease.key),
                token=lease.token,
            )
        _keep(connection, lease.key, decided)
        return Claimed(lease.key, lease.owner, lease.token, decided.expires_at_ms)

    def _release(self, connection: apsw.Connection, lease: Claimed) -> None:
        held = _held(connection, lease.key)
        if held is not None and machine.release(held, owner=lease.owner, token=lease.token) is None:
            connection.execute("DELETE FROM lease WHERE node = ? AND interval = ? AND start = ?", _key(lease.key))

    async def _ask(self, work: Callable[[apsw.Connection], _T]) -> _T:
        def run() -> _T:
            with self._file.writing(durable=False) as connection:  # no holder outlives a power failure
                return work(connection)

        try:
            return await asyncio.to_thread(run)
        except (StoreBusy, StoreUnavailable, Corrupted, ConfigError) as error:
            raise CoordinatorUnavailable(
                f"Leases cannot be had: {error.message}", hint=error.hint, **error.facts
            ) from error


def _key(key: LeaseKey) -> tuple[str, int, int]:
    return key.node, key.interval, key.start


def _held(connection: apsw.Connection, key: LeaseKey) -> machine.Lease | None:
    found = connection.execute(
        "SELECT owner, token, granted_at_ms, expires_at_ms FROM lease WHERE node = ? AND interval = ? AND start = ?",
        _key(key),
    ).get
    return None if found is None else machine.Lease(*found)


def _keep(connection: apsw.Connection, key: LeaseKey, lease: machine.Lease) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*_key(key), lease.owner, lease.token, lease.granted_at_ms, lease.expires_at_ms),
    )
