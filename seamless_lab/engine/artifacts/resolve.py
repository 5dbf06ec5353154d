"""Which version: the newest, or that of a moment, a sequence number, a fingerprint.

Lists commits only before writing and for errors.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock

from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Selector, Seq
from seamless_lab.core.time import format_time_ms
from seamless_lab.core.version import Commit
from seamless_lab.engine.artifacts.documents import commit_path
from seamless_lab.engine.artifacts.load import Loader, StoredCommit
from seamless_lab.errors import Corrupted, DataError, InvalidReference, Missing, NotFound

FIRST_SEQ = 1
_CANDIDATES = 5
_KINDS = ("ohlcv", "trades")


@dataclass(slots=True)
class _Seen:
    """What is known of a node's commits, which are dense and never change; `seqs` and `as_ofs` are sorted.

    `newest`: the last of them; `dense`: whether a listing showed nothing behind it.
    """

    seqs: list[int] = field(default_factory=list)
    as_ofs: list[int] = field(default_factory=list)
    fingerprints: dict[int, str] = field(default_factory=dict)
    newest: StoredCommit | None = None
    dense: bool = False
    lock: Lock = field(default_factory=Lock)

    def add(self, stored: StoredCommit) -> None:
        commit = stored.commit
        with self.lock:
            if commit.seq not in self.fingerprints:
                self.fingerprints[commit.seq] = commit.fingerprint
                insort(self.seqs, commit.seq)
                insort(self.as_ofs, commit.as_of_ms)
                if commit.seq == self.seqs[-1]:
                    self.newest = stored


class Resolver:
    """Finds versions by galloping and bisecting over `seq`.

    Reads at most `2 * log2(n) + 4` objects among n commits, fewer with what was seen before. Thread-safe.
    """

    def __init__(self, loader: Loader, elsewhere: Callable[[NodeId], str] = lambda _: "") -> None:
        self._loader = loader
        self._elsewhere = elsewhere
        self._seen: dict[NodeId, _Seen] = {}

    def saw(self, node: NodeId, stored: StoredCommit) -> None:
        """Remember a commit that was just written."""
        self._loader.remember_commit(node, stored)
        self._of(node).add(stored)

    def select(self, node: NodeId, selector: Selector) -> Commit:
        """The commit that a selector names; raises as `at`, `seq` and `fingerprint` do."""
        match selector:
            case Latest():
                head = self.head(node)
                if head is None:
                    raise self.nothing(node)
                return head.commit
            case AsOf(at_ms=at_ms):
                return self.at(node, at_ms)
            case Seq(number=number):
                return self.seq(node, number)
            case Fingerprint(prefix=prefix):
                return self.fingerprint(node, prefix)

    def head(self, node: NodeId) -> StoredCommit | None:
        """The newest commit now, or None when there is none."""
        self._notice_another(
            node, lambda known: self._loader.carried_checksum(node, known.commit.seq) == known.checksum
        )
        return self._last(node, lambda _: True, after=len)

    def base(self, node: NodeId) -> StoredCommit | None:
        """The newest commit, to commit on top of: as `head`, but lists the commits the first time.

        Raises
        ------
        Missing
            If commits follow one that is not there, which the next would silently replace, or none can be read there.
        """
        self._notice_another(
            node, lambda known: self._loader.read_commit(node, known.commit.seq).checksum == known.checksum
        )
        newest = 0 if self._of(node).dense else self._newest_in(node.path)
        found = self._last(node, lambda _: True, after=len)
        last = FIRST_SEQ - 1 if found is None else found.commit.seq
        if newest > last:
            raise missing_commit(node, last + 1, followed=newest > last + 1)
        self._of(node).dense = True
        return found

    def forget(self, node: NodeId) -> None:
        """Start over with a node whose store was deleted or replaced; also drops all that its versions are made of."""
        self._seen.pop(node, None)
        self._loader.forget()

    def at(self, node: NodeId, as_of_ms: int) -> Commit:
        """The newest commit with `as_of <= as_of_ms`.

        Raises
        ------
        NotFound
            With the node's first version, when it is later, or saying that there is none at all.
        """
        found = self._last(
            node, lambda commit: commit.as_of_ms <= as_of_ms, after=lambda as_ofs: bisect_right(as_ofs, as_of_ms)
        )
        if found is not None:
            return found.commit
        first = self._probe(node, FIRST_SEQ)
        if first is None:
            raise self.nothing(node)
        raise NotFound(
            f"{node} had no version at {format_time_ms(as_of_ms)}; "
            f"its first is seq:{FIRST_SEQ}, as of {format_time_ms(first.commit.as_of_ms)}.",
            hint=f"Ask for {node}@{format_time_ms(first.commit.as_of_ms)} or later.",
            node=str(node),
            first_as_of_ms=first.commit.as_of_ms,
        )

    def seq(self, node: NodeId, seq: int) -> Commit:
        """The commit `seq`. Raises `NotFound` with the newest there is, and `Missing` for an earlier one."""
        found = self._probe(node, seq) if seq >= FIRST_SEQ else None
        if found is not None:
            return found.commit
        newest = self._newest_in(node.path)
        if FIRST_SEQ <= seq <= newest:
            if (published := self._probe(node, seq)) is None:
                raise missing_commit(node, seq)
            return published.commit  # since it was looked for
        if not newest:
            raise self.nothing(node)
        nearest = min(max(seq, FIRST_SEQ), newest)
        raise NotFound(
            f"{node} has no version seq:{seq}; there are seq:{FIRST_SEQ} to seq:{newest}.",
            hint=f"The nearest is {node}@seq:{nearest}.",
            node=str(node),
            newest_seq=newest,
        )

    def fingerprint(self, node: NodeId, prefix: str) -> Commit:
        """The newest commit whose fingerprint starts with `prefix` (lower-case hex, `sha256:` allowed).

        Walks back over the commits, so the cost grows with the age of the version, the first time.

        Raises
        ------
        InvalidReference
            If the prefix is no hex, or starts several fingerprints, which are listed.
        NotFound
            If no version has it; the hint names the newest.
        """
        wanted = prefix.removeprefix("sha256:").lower()
        if not 1 <= len(wanted) <= 64 or wanted.strip("0123456789abcdef"):
            raise InvalidReference(
                f"{prefix!r} is no fingerprint; write sha256: and 8 to 64 hex digits.",
                hint=f"`artifacts {node}` lists them.",
                value=prefix,
            )
        lost: Corrupted | None = None  # or damaged: no reason to refuse a version that is whole
        try:
            head = self.head(node)
            newest = FIRST_SEQ - 1 if head is None else head.commit.seq
        except Corrupted as error:
            head, lost, newest = None, error, self._newest_in(node.path)
        found, unread = self._starting_with(wanted, node, range(newest, FIRST_SEQ - 1, -1))
        if not found and (last := self._newest_in(node.path)) > newest:  # behind several that are lost
            found, unread = self._starting_with(wanted, node, range(last, newest, -1))
        if not found:
            if lost := lost or unread:
                raise lost
            if head is None:
                raise self.nothing(node)
            raise NotFound(
                f"{node} has no version whose fingerprint starts with {wanted}.",
                hint=f"The newest is {node}@sha256:{head.commit.fingerprint[:12]} (seq:{head.commit.seq}).",
                node=str(node),
            )
        if len(found) > 1:
            listed = ", ".join(
                f"sha256:{fingerprint[:16]} (seq:{seq})" for fingerprint, seq in list(found.items())[:_CANDIDATES]
            )
            raise InvalidReference(
                f"{wanted} starts several fingerprints of {node}: {listed}.", hint="Add hex digits.", value=prefix
            )
        return self._loader.commit(node, next(iter(found.values()))).commit

    def history(self, node: NodeId) -> Iterator[Commit]:
        """All commits, newest first, read as they are asked for."""
        head = self.head(node)
        for seq in range(head.commit.seq if head is not None else 0, FIRST_SEQ - 1, -1):
            yield self.seq(node, seq)

    def nodes(self) -> Iterator[NodeId]:
        """All nodes that have a version, in the order of their folders."""
        objects = self._loader.objects
        paths = [kind for kind in objects.folders("") if kind in _KINDS]
        for _ in range(3):
            paths = [f"{path}/{name}" for path in paths for name in objects.folders(path)]
        for path in paths:
            if objects.exists(f"{path}/commits/{FIRST_SEQ:010d}.json") or self._newest_in(path):
                yield NodeId.from_path(path)

    def nothing(self, node: NodeId) -> DataError:
        """The error of a node without a version, naming nodes that look like it, or of one whose first is missing."""
        if self._newest_in(node.path) and not self._loader.objects.exists(commit_path(node, FIRST_SEQ)):
            return missing_commit(node, FIRST_SEQ)
        near = [str(other) for other in self.nodes() if other.symbol == node.symbol or other.exchange == node.exchange][
            :_CANDIDATES
        ]
        fetch = f"Fetch it first: seamless fetch {node} --start ... --end ..."
        return NotFound(
            f"{node} has no sealed version in {self._loader.objects.url}.",
            hint=self._elsewhere(node) or (f"There are {', '.join(near)}." if near else fetch),
            node=str(node),
        )

    def _last(
        self, node: NodeId, early: Callable[[Commit], bool], *, after: Callable[[list[int]], int]
    ) -> StoredCommit | None:
        """The last commit that is `early`, as the first n are; `after` says how many of those seen are.

        Raises
        ------
        Missing
            If the one behind it is not there, and the next one is.
        """
        seen = self._of(node)
        with seen.lock:
            known = after(seen.as_ofs)
            low = seen.seqs[known - 1] if known else FIRST_SEQ - 1
            high = seen.seqs[known] if known < len(seen.seqs) else None
        origin, reach, absent = low, 1, 0
        while high is None:  # gallop to a commit that is not early, or not there
            found = self._probe(node, origin + reach)
            if found is None or not early(found.commit):
                high = origin + reach
                absent = high if found is None else absent
            else:
                low = origin + reach
                reach *= 2
        while high - low > 1:
            middle = (low + high) // 2
            found = self._probe(node, middle)
            if found is None or not early(found.commit):
                high = middle
                absent = high if found is None else absent
            else:
                low = middle
        if absent == high:
            exists = self._loader.objects.exists
            # The first was looked for before: it may have been published since, but not after the next.
            if exists(commit_path(node, high + 1)) and not exists(commit_path(node, high)):
                raise missing_commit(node, high)
        return self._loader.commit(node, low) if low >= FIRST_SEQ else None

    def _of(self, node: NodeId) -> _Seen:
        found = self._seen.get(node)
        return self._seen.setdefault(node, _Seen()) if found is None else found  # making one only to drop it costs more

    def _notice_another(self, node: NodeId, is_stored: Callable[[StoredCommit], bool]) -> None:
        """Forget a node whose newest known commit is not the one stored: its store was deleted, or replaced."""
        known = self._of(node).newest
        if known is None:
            return
        try:
            if not is_stored(known):
                self.forget(node)
        except DataError:
            self.forget(node)

    def _probe(self, node: NodeId, seq: int) -> StoredCommit | None:
        try:
            found = self._loader.commit(node, seq)
        except NotFound:
            return None
        self._of(node).add(found)
        return found

    def _starting_with(self, wanted: str, node: NodeId, seqs: range) -> tuple[dict[str, int], Corrupted | None]:
        """The fingerprints that start so, each with the first of `seqs` that has it; the error of one not read."""
        found: dict[str, int] = {}
        unread: Corrupted | None = None
        for seq in seqs:
            try:
                fingerprint = self._fingerprint_of(node, seq)
            except Corrupted as error:
                unread = error
                continue
            if fingerprint.startswith(wanted):
                found.setdefault(fingerprint, seq)
                if len(wanted) == 64 or len(found) > _CANDIDATES:
                    break
        return found, unread

    def _fingerprint_of(self, node: NodeId, seq: int) -> str:
        known = self._of(node).fingerprints.get(seq)
        if known is not None:
            return known
        found = self._probe(node, seq)
        if found is None:
            raise missing_commit(node, seq)
        return found.commit.fingerprint

    def _newest_in(self, folder: str) -> int:
        return newest_of(path for path, _, _ in self._loader.objects.list(f"{folder}/commits/"))


def newest_of(paths: Iterable[str]) -> int:
    """The highest number of a commit among some paths; 0 when there is none."""
    names = (path.rpartition("/")[2].removesuffix(".json") for path in paths if "/commits/" in path)
    return max((int(name) for name in names if name.isdecimal()), default=0)


def missing_commit(node: NodeId, seq: int, *, followed: bool = True) -> Missing:
    """The error of a commit that is not there, though later ones are, or at least its name."""
    path = commit_path(node, seq)
    return Missing(
        f"{path} is missing, though {'later commits are' if followed else 'its name is'} there.",
        hint=f"Restore the file from a copy; this names all that is missing: seamless verify {node}",
        path=path,
        expected=None,
        found=None,
    )
