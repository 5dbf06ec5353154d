"""Reading everything again: stored bytes against their digests, and documents against their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from seamless_lab.core.cells import pack_cells
from seamless_lab.core.digest import Header, Leaf, Pack
from seamless_lab.core.identity import NodeId
from seamless_lab.core.version import Commit, PackRef, Tree, Version
from seamless_lab.engine.artifacts.documents import commit_path, data_path, tree_path
from seamless_lab.engine.artifacts.load import Loader, StoredCommit, check_rows
from seamless_lab.engine.artifacts.resolve import FIRST_SEQ
from seamless_lab.errors import Corrupted, NotFound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offender:
    """A file that is not what it must be; `expected` and `found` are digests or values, empty when there is none."""

    path: str
    problem: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found. Counts are of files that were read; `ok` when there is no offender."""

    node: NodeId
    commits: int
    documents: int
    data_files: int
    rows: int
    offenders: tuple[Offender, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was sealed."""
        return not self.offenders


def verify(loader: Loader, node: NodeId) -> Verification:
    """Check all versions of a node: the chain of commits, and every tree, pack and data file they name."""
    check = _Check(loader, node)
    check.chain()
    check.trees()
    check.data()
    return check.result()


def verify_version(loader: Loader, version: Version) -> Verification:
    """Check one version: its commit, its tree, and the packs and data files these name."""
    check = _Check(loader, version.header.node)
    seq = version.commit.seq
    stored = check.attempt(lambda: loader.read_commit(check.node, seq), commit_path(check.node, seq))
    if stored is not None:
        check.commits[seq] = stored
        if stored.commit.fingerprint != version.tree.fingerprint:
            check.blame(
                commit_path(check.node, seq), "names another tree", version.tree.fingerprint, stored.commit.fingerprint
            )
    check.trees()
    check.data()
    return check.result()


class _Check:
    def __init__(self, loader: Loader, node: NodeId) -> None:
        self.node = node
        self.commits: dict[int, StoredCommit] = {}
        self._loader = loader
        self._files = {path for path, _, _ in loader.objects.list(node.path)}
        self._offenders: dict[str, Offender] = {}
        self._packs: dict[str, tuple[Header, Pack]] = {}
        self._documents = 0
        self._data_files = 0
        self._rows = 0

    def result(self) -> Verification:
        offenders = tuple(self._offenders[path] for path in sorted(self._offenders))
        return Verification(self.node, len(self.commits), self._documents, self._data_files, self._rows, offenders)

    def blame(self, path: str, problem: str, expected: str = "", found: str = "") -> None:
        self._offenders.setdefault(path, Offender(path, problem, expected, found))

    def attempt(self, read: Callable[[], T], path: str) -> T | None:
        try:
            found = read()
        except NotFound:
            self.blame(path, "is missing")
        except Corrupted as error:
            at = str(error.facts.get("path") or path)
            expected, seen = error.facts.get("expected"), error.facts.get("found")
            self.blame(at, error.message, "" if expected is None else str(expected), "" if seen is None else str(seen))
        else:
            return found
        return None

    def chain(self) -> None:
        folder = f"{self.node.path}/commits/"
        names = [
            path.removeprefix(folder) for path in self._files if path.startswith(folder) and path.endswith(".json")
        ]
        seqs = sorted(int(name.removesuffix(".json")) for name in names if name.removesuffix(".json").isdigit())
        before: Commit | None = None
        before_checksum: str | None = ""
        for seq in range(FIRST_SEQ, seqs[-1] + 1 if seqs else FIRST_SEQ):
            path = commit_path(self.node, seq)
            stored = self.attempt(partial(self._loader.read_commit, self.node, seq), path)
            if stored is None:
                before, before_checksum = None, None
                continue
            self.commits[seq] = stored
            if before_checksum is not None and stored.commit.previous != before_checksum:
                self.blame(path, "does not follow the commit before it", before_checksum, stored.commit.previous)
            if before is not None and stored.commit.as_of_ms <= before.as_of_ms:
                self.blame(
                    path, "is not later than the commit before it", f"> {before.as_of_ms}", str(stored.commit.as_of_ms)
                )
            before, before_checksum = stored.commit, stored.checksum

    def trees(self) -> None:
        seen: dict[str, Tree | None] = {}
        for seq, stored in self.commits.items():
            commit = stored.commit
            path = tree_path(self.node, commit.fingerprint)
            if commit.fingerprint not in seen:
                tree = self.attempt(partial(self._loader.read_tree, self.node, commit.fingerprint), path)
                seen[commit.fingerprint] = tree
                if tree is not None:
                    self._documents += 1
                    self._refs(path, tree)
            tree = seen[commit.fingerprint]
            if tree is None:
                continue
            if tree.header.node != self.node:
                self.blame(path, "is of another node", str(self.node), str(tree.header.node))
            if (commit.rows, commit.bounds, commit.observed.answered) != (tree.rows, tree.bounds, tree.answered):
                self.blame(
                    commit_path(self.node, seq),
                    "says other rows or answered slots than its tree",
                    str(tree.rows),
                    str(commit.rows),
                )

    def _refs(self, path: str, tree: Tree) -> None:
        for ref in tree.packs:
            if ref.digest not in self._packs:
                pack = self.attempt(
                    partial(self._loader.read_pack, tree.header, ref.digest), tree_path(self.node, ref.digest)
                )
                if pack is None:
                    continue
                self._documents += 1
                self._packs[ref.digest] = (tree.header, pack)
            self._compare(path, ref, self._packs[ref.digest][1])

    def _compare(self, path: str, ref: PackRef, pack: Pack) -> None:
        if (ref.cell, ref.rows) != (pack.cell, pack.rows) or ref.answered != pack.answered:
            self.blame(
                path, f"says other rows or answered slots than the pack {ref.digest}", str(pack.rows), str(ref.rows)
            )
        cells = pack_cells(self._packs[ref.digest][0].grid)
        slots = cells.slots(pack.cell)
        if any(
            not (slots.start <= leaf.answered.starts[0] and leaf.answered.ends[-1] <= slots.end) for leaf in pack.leaves
        ):
            self.blame(tree_path(self.node, pack.digest), "has answered slots outside its cell")

    def data(self) -> None:
        work = list(self._work())
        for rows in self._loader.executor.map(self._hash, *zip(*work, strict=True)) if work else ():
            self._data_files += 1
            self._rows += rows

    def _work(self) -> Iterator[tuple[Header, str, tuple[Leaf, ...]]]:
        queued: set[str] = set()
        for header, pack in self._packs.values():
            whole = data_path(self.node, pack.digest)
            if whole in self._files:
                yield header, whole, pack.leaves
            for leaf in pack.leaves:
                path = data_path(self.node, leaf.digest)
                if path in queued or not leaf.rows:
                    continue
                if path in self._files:
                    queued.add(path)
                    yield header, path, (leaf,)
                elif whole not in self._files:
                    self.blame(path, f"is missing, and so is {whole}", leaf.digest)

    def _hash(self, header: Header, path: str, leaves: tuple[Leaf, ...]) -> int:
        def read() -> int:
            frame = self._loader.codec.decode(self._loader.objects.read(path), path=path)
            check_rows(header, frame, leaves, path)
            return frame.height

        return self.attempt(read, path) or 0
