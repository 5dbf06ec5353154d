"""Deleting what no version reaches: leftovers of publishers that were killed or lost a race."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from seamless_lab.core.identity import NodeId
from seamless_lab.engine.artifacts.documents import commit_path, data_path, tree_path
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ, Resolver, missing_commit, newest_of
from seamless_lab.errors import NotFound

OLDER_THAN_S = 86_400
"""A publisher that is at work is younger than this."""

_BATCH = 16
_KINDS = (".parquet", ".json", ".tmp")
_COPY = ".swept"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted."""

    paths: tuple[str, ...]
    size_bytes: int


def sweep(loader: Loader, resolver: Resolver, node: NodeId, *, now_ms: int, older_than_s: int) -> Swept:
    """Delete a node's files that no commit reaches and that are older than `older_than_s`.

    A publisher may take up an old leftover at the very moment it is swept. Both sides look again afterwards, the
    publisher for its files, the sweep for new commits, and whoever sees the other puts the files back; so nothing that
    a commit names is lost. What is deleted is copied before, until the sweep has looked again: when it is killed, the
    next one puts back what commits name.

    Raises
    ------
    Corrupted
        If a commit, tree or pack cannot be read; then nothing is deleted.
    """
    reachable = _Reachable(loader, resolver, node)
    reachable.extend()
    limit_ms = now_ms - older_than_s * 1_000
    listed = loader.objects.list(node.path)
    reachable.require(newest_of(path for path, _, _ in listed))
    copies = [path for path, _, _ in listed if path.endswith(_COPY)]
    _put_back(loader, copies, reachable.paths)
    for path, _, modified_ms in listed:
        if path.endswith(_COPY) and modified_ms < limit_ms:
            loader.objects.delete(path)
    queue = [
        (path, size)
        for path, size, modified_ms in listed
        if modified_ms < limit_ms and path.endswith(_KINDS) and path not in reachable.paths
    ]
    paths: list[str] = []
    size_bytes = 0
    while queue:
        batch = queue[:_BATCH]
        gone = dict(_taken(loader, batch))
        if reachable.is_stale():
            for path, data in gone.items():
                loader.objects.create(path, data)
            reachable.extend()
            queue = [entry for entry in queue if entry[0] not in reachable.paths]
            _drop_copies(loader, gone)
            continue
        _drop_copies(loader, gone)
        paths += gone
        size_bytes += sum(size for path, size in batch if path in gone)
        queue = queue[_BATCH:]
    return Swept(tuple(paths), size_bytes)


def _taken(loader: Loader, batch: list[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    for path, _ in batch:
        try:
            data = loader.objects.read(path)
        except NotFound:  # another sweep was faster
            continue
        if not path.endswith(".tmp"):
            loader.objects.create(path + _COPY, data)
        loader.objects.delete(path)
        yield path, data


def _put_back(loader: Loader, copies: Iterable[str], needed: set[str]) -> None:
    """Copies that a killed sweep left, of files that commits name."""
    for copy in copies:
        path = copy.removesuffix(_COPY)
        if path in needed and not loader.objects.exists(path):
            with suppress(NotFound):  # the other sweep is alive, and done
                loader.objects.create(path, loader.objects.read(copy))


def _drop_copies(loader: Loader, paths: Iterable[str]) -> None:
    for path in paths:
        loader.objects.delete(path + _COPY)


class _Reachable:
    """The paths that a node's commits name, directly or not; grows with the commits."""

    def __init__(self, loader: Loader, resolver: Resolver, node: NodeId) -> None:
        self.paths: set[str] = set()
        self._loader = loader
        self._resolver = resolver
        self._node = node
        self._next_seq = FIRST_SEQ

    def is_stale(self) -> bool:
        """Whether there are commits since the last `extend`."""
        head = self._resolver.head(self._node)
        return head is not None and head.commit.seq >= self._next_seq

    def require(self, newest: int) -> None:
        """Take in the commits up to one that is listed: what only it reaches must not be deleted.

        Raises
        ------
        Missing
            If it or one before it is not there.
        """
        if newest >= self._next_seq:  # published since
            self.extend()
        if newest >= self._next_seq:
            raise missing_commit(self._node, self._next_seq, followed=newest > self._next_seq)

    def extend(self) -> None:
        """Take in the commits made since the last call."""
        head = self._resolver.head(self._node)
        last = head.commit.seq if head is not None else FIRST_SEQ - 1
        for seq in range(self._next_seq, last + 1):
            version = self._loader.version(self._node, self._resolver.seq(self._node, seq).seq)
            self.paths |= {commit_path(self._node, seq), tree_path(self._node, version.tree.fingerprint)}
            for ref in version.tree.packs:
                pack_file = tree_path(self._node, ref.digest)
                if pack_file not in self.paths:
                    leaves = self._loader.pack(version.header, ref.digest).leaves
                    self.paths |= {pack_file, data_path(self._node, ref.digest)}
                    self.paths |= {data_path(self._node, leaf.digest) for leaf in leaves}
        self._next_seq = last + 1
