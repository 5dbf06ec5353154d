"""Reading everything again: stored bytes against their digests, and documents against their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from seamless_lab.core.cells import pack_cells
from seamless_lab.core.digest import Header, Leaf, Pack, PackRef
from seamless_lab.core.identity import NodeId
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit, Tree
from seamless_lab.engine.artifacts.documents import commit_path, data_path, tree_path, without_checksum
from seamless_lab.engine.artifacts.load import Loader, StoredCommit
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ, newest_of
from seamless_lab.engine.artifacts.rows import check_rows, missing_files
from seamless_lab.errors import Corrupted, Missing, NotFound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offender:
    """A file that is not what it must be; `expected` and `found` are digests or values, empty when there is none.

    `slots`: from the first to the last whose bars a data file holds; None for a document.
    """

    path: str
    problem: str
    expected: str = ""
    found: str = ""
    slots: TimeRange | None = None

    def __str__(self) -> str:
        values = f" Expected {self.expected}, found {self.found or 'nothing'}." if self.expected else ""
        return f"{self.problem}{values}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a node found; `ok` when there is no offender.

    `versions` commits, `objects` files and `bytes_read` bytes were read again; `rows` were hashed again, those stored
    in two files twice. `dropped`: digests of cached files that held other bars than were sealed, which are gone
    now; reads gave those bars until now.
    """

    node: NodeId
    versions: int
    objects: int
    bytes_read: int
    rows: int
    offenders: tuple[Offender, ...]
    dropped: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is as it was sealed."""
        return not self.offenders


def verify(loader: Loader, node: NodeId, commit: Commit | None = None) -> Verification:
    """Check what one commit names; by default all versions of a node and the chain of their commits."""
    check = _Check(loader, node)
    if commit is None:
        check.chain()
    else:
        check.commit(commit.seq)
    check.trees()
    check.data()
    check.cached()
    if commit is None:
        check.leftovers()
    return check.result()


class _Check:
    def __init__(self, loader: Loader, node: NodeId) -> None:
        self._node = node
        self._loader = loader
        self._sizes = _sizes(loader, node.path)
        self._commits: dict[int, Commit] = {}
        self._packs: dict[str, tuple[Header, Pack]] = {}
        self._read: set[str] = set()
        self._rows = 0
        self._offenders: dict[str, Offender] = {}
        self._dropped: tuple[str, ...] = ()

    def result(self) -> Verification:
        offenders = tuple(self._offenders[path] for path in sorted(self._offenders))
        bytes_read = sum(self._sizes.get(path, 0) for path in self._read)
        return Verification(
            self._node, len(self._commits), len(self._read), bytes_read, self._rows, offenders, self._dropped
        )

    def _blame(
        self, path: str, problem: str, expected: object = "", found: object = "", leaves: Sequence[Leaf] = ()
    ) -> None:
        said = problem if path in problem else f"{path} {problem}"
        slots = TimeRange(int(leaves[0].answered.starts[0]), int(leaves[-1].answered.ends[-1])) if leaves else None
        self._offenders.setdefault(path, Offender(path, said, str(expected), str(found), slots))

    def _attempt(self, read: Callable[[], T], path: str, leaves: Sequence[Leaf] = ()) -> T | None:
        self._read.add(path)
        try:
            return read()
        except NotFound:
            self._blame(path, self._instead(path) or "is missing.", leaves=leaves)
        except Corrupted as error:
            expected, found = (error.facts.get(name) for name in ("expected", "found"))
            said = (isinstance(error, Missing) and self._instead(path)) or error.message
            self._blame(path, said, "" if expected is None else expected, "" if found is None else found, leaves)
        return None

    def _instead(self, path: str) -> str:
        """What has the name of a file that cannot be found, and is in the way of one; empty for nothing."""
        folder, _, name = path.rpartition("/")
        if name in self._loader.objects.folders(folder):
            return "is a folder."
        return "is a link that leads to no file." if path in _sizes(self._loader, folder) else ""

    def commit(self, seq: int) -> StoredCommit | None:
        """Read one commit."""
        stored = self._attempt(partial(self._loader.read_commit, self._node, seq), commit_path(self._node, seq))
        if stored is not None:
            self._commits[seq] = stored.commit
        return stored

    def chain(self) -> None:
        """Read all commits; each names the one before it."""
        folder = f"{self._node.path}/commits/"
        folders = [f"{folder}{name}" for name in self._loader.objects.folders(folder)]
        last = newest_of(path for path in (*self._sizes, *folders) if path.endswith(".json"))
        before: StoredCommit | None = None
        for seq in range(FIRST_SEQ, last + 1):
            stored = self.commit(seq)
            path = commit_path(self._node, seq)
            if stored is not None and seq == FIRST_SEQ and stored.commit.previous:
                self._blame(path, "follows another commit, though it is the first.", "", stored.commit.previous)
            if stored is not None and before is not None:
                previous, earlier_ms = stored.commit.previous, before.commit.as_of_ms
                if previous != before.checksum:
                    self._blame(path, "does not follow the commit before it.", before.checksum, previous)
                if stored.commit.as_of_ms <= earlier_ms:
                    self._blame(path, "is not later than the one before.", f"> {earlier_ms}", stored.commit.as_of_ms)
            before = stored

    def trees(self) -> None:
        """Read the trees that the commits name, and the packs that these name."""
        seen: dict[str, Tree | None] = {}
        for seq, commit in self._commits.items():
            fingerprint = commit.fingerprint
            path = tree_path(self._node, fingerprint)
            if fingerprint not in seen:
                seen[fingerprint] = self._attempt(partial(self._loader.read_tree, self._node, fingerprint), path)
            tree = seen[fingerprint]
            if tree is None:
                continue
            if tree.header.node != self._node:
                self._blame(path, "is of another node.", self._node, tree.header.node)
            if (commit.rows, commit.bounds, commit.observed.answered) != (tree.rows, tree.bounds, tree.answered):
                own = commit_path(self._node, seq)
                self._blame(own, "has other rows or answered slots than its tree.", tree.rows, commit.rows)
            for ref in tree.packs:
                self._pack(path, tree.header, ref)

    def _pack(self, tree: str, header: Header, ref: PackRef) -> None:
        path = tree_path(self._node, ref.digest)
        if ref.digest not in self._packs:
            if path in self._read:
                return
            pack = self._attempt(partial(self._loader.read_pack, header, ref.digest), path)
            if pack is None:
                return
            self._packs[ref.digest] = (header, pack)
            slots = pack_cells(header.grid).slots(pack.cell)
            if not slots.contains(TimeRange(int(pack.answered.starts[0]), int(pack.answered.ends[-1]))):
                self._blame(path, "has answered slots outside its cell.", slots)
        pack = self._packs[ref.digest][1]
        if (ref.cell, ref.rows) != (pack.cell, pack.rows) or ref.answered != pack.answered:
            self._blame(tree, f"has other rows or answered slots than {path}.", pack.rows, ref.rows)

    def data(self) -> None:
        """Hash all rows of the packs."""
        self._sizes |= _sizes(self._loader, f"{self._node.path}/data/")  # some may be younger than the first listing
        work = list(self._work())
        if work:
            self._rows = sum(self._loader.executor.map(self._hash, *zip(*work, strict=True)))

    def cached(self) -> None:
        """Hash all rows of the packs once more, as reads of this machine get them."""
        held: dict[str, tuple[Header, tuple[Leaf, ...]]] = {}
        for header, pack in self._packs.values():
            held[pack.digest] = (header, pack.leaves)
            held.update({leaf.digest: (header, (leaf,)) for leaf in pack.leaves if leaf.rows})

        def right(digest: str) -> bool:
            return self._loader.recheck(held[digest][0], digest, held[digest][1])

        found = zip(held, self._loader.executor.map(right, held), strict=True)
        self._dropped = tuple(sorted(digest for digest, good in found if not good))
        if self._dropped:
            self._loader.forget()

    def leftovers(self) -> None:
        """Check files that were not reached: what a damaged document names, and what publishers left behind."""
        for path in sorted(self._sizes.keys() - self._read):
            if path.endswith(".json"):
                self._attempt(partial(_unless_swept, self._document, path), path)
            elif path.endswith(".parquet"):
                self._attempt(partial(_unless_swept, self._rows_in, path), path)

    def _document(self, path: str) -> bytes:
        return without_checksum(path, self._loader.objects.read(path))

    def _rows_in(self, path: str) -> int:
        return self._loader.codec.decode(self._loader.objects.read(path), path=path).height

    def _work(self) -> Iterator[tuple[Header, str, tuple[Leaf, ...]]]:
        queued: set[str] = set()
        for header, pack in self._packs.values():
            whole = data_path(self._node, pack.digest)
            if whole in self._sizes:
                yield header, whole, pack.leaves
            else:
                missing = missing_files(self._node, pack.digest, pack.leaves, self._sizes.__contains__)
                for lost, path, problem, expected in missing:
                    for name in (path, whole):
                        if said := self._instead(name):
                            self._blame(name, said, leaves=lost)
                    self._blame(path, f"{problem}.", expected, leaves=lost)
            for leaf in pack.leaves:
                path = data_path(self._node, leaf.digest)
                if leaf.rows and path in self._sizes and path not in queued:
                    queued.add(path)
                    yield header, path, (leaf,)

    def _hash(self, header: Header, path: str, leaves: tuple[Leaf, ...]) -> int:
        def read() -> int:
            frame = self._loader.codec.decode(self._loader.objects.read(path), path=path)
            check_rows(header, frame, leaves, path)
            return frame.height

        return self._attempt(read, path, leaves) or 0


def _sizes(loader: Loader, folder: str) -> dict[str, int]:
    return {path: size for path, size, _ in loader.objects.list(folder)}


def _unless_swept(read: Callable[[str], object], path: str) -> None:
    """Read what nothing names, unless a sweep was faster."""
    with suppress(NotFound):
        read(path)
