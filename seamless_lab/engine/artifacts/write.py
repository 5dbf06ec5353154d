"""Writing a version's objects before its commit names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

from seamless_lab.core.bars import Bars
from seamless_lab.engine.artifacts.segments import SegmentCodec
from seamless_lab.engine.ports import ObjectStore
from seamless_lab.errors import Corrupted, NotFound


class Writer:
    """Creates write-once objects several at a time, so that their syncs share a journal commit.

    Objects that somebody wrote before may be unreachable and about to be swept: `confirm`, called after the commit,
    puts back what went.
    """

    def __init__(self, objects: ObjectStore, executor: Executor) -> None:
        self._objects = objects
        self._executor = executor
        self._created: set[str] = set()
        self._found: dict[str, bytes] = {}
        self._sizes: list[int] = []  # appended to from several threads

    @property
    def bytes_written(self) -> int:
        """Bytes of all objects created so far."""
        return sum(self._sizes)

    def write_all(
        self, documents: Sequence[tuple[str, bytes]], rows: Iterable[tuple[str, Bars]], codec: SegmentCodec
    ) -> None:
        """Create all objects; returns when all are durable."""

        def write_rows(item: tuple[str, Bars]) -> None:
            path, bars = item
            if path not in self._created:
                self._create(path, codec.encode(bars.frame))

        def write_document(item: tuple[str, bytes]) -> None:
            if item[0] not in self._created:
                self._create(*item)

        work = [*(partial(write_rows, item) for item in rows), *(partial(write_document, item) for item in documents)]
        if not work:
            return
        writing = [self._executor.submit(write) for write in work[:-1]]
        work[-1]()  # this thread would only wait: one more sync at a time
        for future in writing:
            future.result()

    def confirm(self) -> None:
        """Make sure that objects which existed already still do."""
        for path, data in self._found.items():
            if not self._objects.exists(path):
                self._objects.create(path, data)

    def _create(self, path: str, data: bytes) -> None:
        if self._objects.create(path, data):
            self._created.add(path)
            self._found.pop(path, None)
            self._sizes.append(len(data))
            return
        if path.endswith(".json"):
            self._check_same(path, data)
        self._found[path] = data

    def _check_same(self, path: str, data: bytes) -> None:
        """Raise `Corrupted` when the document that has this digest for its name is another one."""
        try:
            stored = self._objects.read(path)
        except NotFound:  # swept meanwhile; `confirm` puts it back
            return
        if stored != data:
            raise Corrupted(
                f"{path} holds another document than the one that has this digest.",
                hint="Run verify: the stored one is damaged, or two datasets share a fingerprint.",
                path=path,
                collision=True,
            )
