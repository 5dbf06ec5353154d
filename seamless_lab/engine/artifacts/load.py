"""Immutable things of a store, loaded, verified and remembered: commits, trees, packs and rows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import polars as pl

from seamless_lab.core.digest import Header, Leaf, Pack, PackRef
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import (
    Commit,
    Tree,
    Version,
    commit_from_bytes,
    pack_from_bytes,
    tree_from_bytes,
)
from seamless_lab.engine.artifacts.documents import (
    carried_checksum,
    commit_path,
    data_path,
    tree_path,
    without_checksum,
)
from seamless_lab.engine.artifacts.recent import Recent
from seamless_lab.engine.artifacts.rows import NO_ROWS, check_rows, cut, leaves_in, mending, mismatches
from seamless_lab.engine.artifacts.segments import NoSegmentCache, SegmentCache, SegmentCodec
from seamless_lab.engine.ports import ObjectStore
from seamless_lab.errors import Corrupted, Missing, NotFound

FRAMES_BYTES = 256 << 20
"""Rows a process keeps at hand; mapped ones are page cache, which the system takes back when it needs to."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredCommit:
    """A commit and its checksum, by which its successor names it."""

    commit: Commit
    checksum: str


class Loader:
    """Reads what never changes; every value it returns was verified against its digest on this machine."""

    def __init__(self, objects: ObjectStore, codec: SegmentCodec, cache: SegmentCache, executor: Executor) -> None:
        self.objects = objects
        self.codec = codec
        self.executor = executor
        self._cache = cache
        self._commits: Recent[tuple[NodeId, int], StoredCommit] = Recent(256)
        self._trees: Recent[str, Tree] = Recent(64)
        self._packs: Recent[str, Pack] = Recent(4_096)
        self._frames: Recent[str, pl.DataFrame] = Recent(FRAMES_BYTES)

    # -- documents ------------------------------------------------------------------------------------------------

    def commit(self, node: NodeId, seq: int) -> StoredCommit:
        """One commit. Raises `NotFound`, `Corrupted`."""
        held = self._commits.get((node, seq))
        return held if held is not None else self.remember_commit(node, self.read_commit(node, seq))

    def read_commit(self, node: NodeId, seq: int) -> StoredCommit:
        """One commit as it is stored now."""
        path = commit_path(node, seq)
        data = self.objects.read(path)
        commit = commit_from_bytes(without_checksum(path, data), path=path)
        if commit.seq != seq:
            raise Corrupted(
                f"{path} holds the commit {commit.seq}.",
                hint="Restore the file from a copy.",
                path=path,
                expected=seq,
                found=commit.seq,
            )
        return StoredCommit(commit, carried_checksum(data))

    def carried_checksum(self, node: NodeId, seq: int) -> str:
        """What the file of a commit says that its checksum is, unchecked."""
        return carried_checksum(self.objects.read(commit_path(node, seq)))

    def remember_commit(self, node: NodeId, stored: StoredCommit) -> StoredCommit:
        """Keep a commit at hand that was just read or written."""
        return self._commits.put((node, stored.commit.seq), stored)

    def version(self, node: NodeId, seq: int) -> Version:
        """One commit joined with its tree."""
        commit = self.commit(node, seq).commit
        try:
            return Version(commit, self.tree(node, commit.fingerprint))
        except NotFound as error:
            path = tree_path(node, commit.fingerprint)
            raise Missing(
                f"{path}, which {commit_path(node, seq)} names, is missing.",
                hint="Restore the file from a copy.",
                path=path,
                expected=commit.fingerprint,
                found=None,
            ) from error

    def tree(self, node: NodeId, fingerprint: str) -> Tree:
        """One tree. Raises `NotFound`, `Corrupted`."""
        held = self._trees.get(fingerprint)
        return held if held is not None else self.remember_tree(self.read_tree(node, fingerprint))

    def read_tree(self, node: NodeId, fingerprint: str) -> Tree:
        """One tree as it is stored now."""
        path = tree_path(node, fingerprint)
        return tree_from_bytes(without_checksum(path, self.objects.read(path)), fingerprint=fingerprint, path=path)

    def remember_tree(self, tree: Tree) -> Tree:
        """Keep a tree at hand that was just read or written."""
        return self._trees.put(tree.fingerprint, tree)

    def pack(self, header: Header, digest: str) -> Pack:
        """One pack of a version. Raises `Corrupted`, `Missing`."""
        held = self._packs.get(digest)
        return held if held is not None else self.remember_pack(self.read_pack(header, digest))

    def read_pack(self, header: Header, digest: str) -> Pack:
        """One pack as it is stored now."""
        path = tree_path(header.node, digest)
        try:
            data = self.objects.read(path)
        except NotFound as error:
            raise _missing(path, digest) from error
        return pack_from_bytes(without_checksum(path, data), digest=digest, path=path)

    def remember_pack(self, pack: Pack) -> Pack:
        """Keep a pack at hand that was just read or written."""
        return self._packs.put(pack.digest, pack)

    # -- rows -----------------------------------------------------------------------------------------------------

    def frames(
        self, header: Header, ref: PackRef, window: TimeRange | None = None, *, newest: bool = False
    ) -> list[pl.DataFrame]:
        """The rows of a pack that open in `window` (all of them by default), in time order, as one or more frames.

        Looks at the pack's own file first, unless it is a version's newest pack, whose rows are kept by leaf.
        """
        if ref.rows == 0:
            return []
        whole = self.held(header, ref)
        if whole is None and not newest:
            whole = self._stored(header, ref.digest, None)
        if whole is None:
            parts = self._leaf_frames(header, ref.digest, window)
            if parts is not None:
                return [cut(part, window) for part in parts]
            whole = self._stored(header, ref.digest, None) if newest else None
        if whole is None:
            hint = f"To mend it, {mending(header, ref.answered, ref.answered)}"
            raise _missing(data_path(header.node, ref.digest), ref.digest, hint)
        return [cut(whole, window)]

    def held(self, header: Header, ref: PackRef) -> pl.DataFrame | None:
        """All rows of a pack if this process or this machine has them at hand as one frame."""
        found = self._frames.get(ref.digest)
        return found if found is not None else self._cached(header, ref.digest, None)

    def _leaf_frames(self, header: Header, digest: str, window: TimeRange | None) -> list[pl.DataFrame] | None:
        wanted = leaves_in(header, self.pack(header, digest).leaves, window)
        found = []
        for leaf in wanted:
            part = self._leaf(header, leaf) if leaf.rows else NO_ROWS
            if part is None:
                return None
            found.append(part)
        return found

    def _leaf(self, header: Header, leaf: Leaf) -> pl.DataFrame | None:
        held = self._frames.get(leaf.digest)
        if held is None:
            held = self._cached(header, leaf.digest, leaf)
        return held if held is not None else self._stored(header, leaf.digest, leaf)

    def _stored(self, header: Header, digest: str, leaf: Leaf | None) -> pl.DataFrame | None:
        path = data_path(header.node, digest)
        try:
            data = self.objects.read(path)
        except NotFound:
            return None
        leaves = self._leaves(header, digest, leaf)
        try:
            frame = self.codec.decode(data, path=path)
        except Corrupted as error:  # the codec knows neither the series nor the window
            hint = f"Move it aside, then {mending(header, leaves[0].answered, leaves[-1].answered)}"
            raise Corrupted(error.message, hint=hint, **error.facts) from error
        check_rows(header, frame, leaves, path)
        return self._keep(digest, self._cache.store(digest, frame))

    def _cached(self, header: Header, digest: str, leaf: Leaf | None) -> pl.DataFrame | None:
        def verify(frame: pl.DataFrame) -> bool:
            return not mismatches(header, frame, self._leaves(header, digest, leaf))

        found = self._cache.load(digest, verify)
        return found if found is None else self._keep(digest, found)

    def _leaves(self, header: Header, digest: str, leaf: Leaf | None) -> Sequence[Leaf]:
        return self.pack(header, digest).leaves if leaf is None else (leaf,)

    def _keep(self, digest: str, frame: pl.DataFrame) -> pl.DataFrame:
        return self._frames.put(digest, frame, 1_024 + 48 * frame.height)

    def recheck(self, header: Header, digest: str, leaves: Sequence[Leaf]) -> bool:
        """Hash again the rows that reads are answered from, of this machine and of this process.

        False when they were others than were sealed: they are dropped then, and `forget` drops what was made of them.
        """

        def verify(kept: pl.DataFrame) -> bool:
            return not mismatches(header, kept, leaves)

        held = self._frames.get(digest)  # may map a file that another process found wrong, and unlinked
        return self._cache.recheck(digest, verify) and (held is None or verify(held))

    def unremembering(self) -> Loader:
        """One of the same store that has nothing at hand, neither this process's nor this machine's."""
        return Loader(self.objects, self.codec, NoSegmentCache(), self.executor)

    def forget(self) -> None:
        """Drop everything this process holds, so that the next read opens files again."""
        for recent in (self._commits, self._trees, self._packs, self._frames):
            recent.clear()


def _missing(path: str, digest: str, hint: str = "Restore the file from a copy.") -> Missing:
    return Missing(f"{path} is missing.", hint=hint, path=path, expected=digest, found=None)
