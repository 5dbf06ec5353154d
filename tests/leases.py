"""The leases that a file holds now, read past the coordinator."""

from __future__ import annotations

from seamless_lab.adapters.clock_system import SystemClock
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.lease import Lease, is_live
from seamless_lab.engine.ports import Clock, LeaseKey


def held_leases(file: SqliteFile, clock: Clock | None = None) -> list[tuple[LeaseKey, str]]:
    """Key and owner of each, sorted by key."""
    with file.reading() as connection:
        rows = connection.execute(
            "SELECT node, interval, start, owner, token, granted_at_ms, expires_at_ms FROM lease ORDER BY 1, 2, 3"
        ).fetchall()
    now_ms = (clock or SystemClock()).now_ms()
    return [(LeaseKey(*row[:3]), row[3]) for row in rows if is_live(Lease(*row[3:]), now_ms)]
