"""Sessions of worlds in the hot store's SQLite file."""

from __future__ import annotations

import apsw

from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.core.time import format_time_ms
from seamless_lab.errors import AsOfRegressed


class SqliteWorldLedger:
    """Per world and node the newest `as_of` seen, for all processes of a machine."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def advance(self, world: str, node: str, as_of_ms: int) -> int:
        """Raise the floor to `as_of_ms`; returns the floor before, 0 if none.

        Raises
        ------
        AsOfRegressed
            The world has seen a newer `as_of`; the floor stays.
        """
        with self._file.writing() as connection:
            before = _floor(connection, world, node)
            if as_of_ms < before:
                raise AsOfRegressed(
                    f"World {world!r} has seen {node} as of {format_time_ms(before)} and cannot go back to "
                    f"{format_time_ms(as_of_ms)}.",
                    hint="Use that version or a newer one, or another world.",
                    world=world,
                    node=node,
                    floor_ms=before,
                    as_of_ms=as_of_ms,
                )
            if as_of_ms > before:
                connection.execute("INSERT OR REPLACE INTO world VALUES (?, ?, ?)", (world, node, as_of_ms))
        return before

    def floor(self, world: str, node: str) -> int:
        """The newest `as_of` this world has seen for the node, 0 if none."""
        with self._file.reading() as connection:
            return _floor(connection, world, node)


def _floor(connection: apsw.Connection, world: str, node: str) -> int:
    found: int | None = connection.execute("SELECT as_of_ms FROM world WHERE world = ? AND node = ?", (world, node)).get
    return 0 if found is None else found
