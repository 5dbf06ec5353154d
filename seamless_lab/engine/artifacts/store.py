"""The sealed store's one door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import AsOf, Fingerprint, Latest, Selector, Seq
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit, Version
from seamless_lab.engine.artifacts.audit import Audit, audit
from seamless_lab.engine.artifacts.compact import compact
from seamless_lab.engine.artifacts.diff import Difference, Side, diff
from seamless_lab.engine.artifacts.history import Belief, WindowChange, beliefs, changes
from seamless_lab.engine.artifacts.load import Loader
from seamless_lab.engine.artifacts.merge import Candidate
from seamless_lab.engine.artifacts.publish import Published, publish
from seamless_lab.engine.artifacts.read import Sealed, content, content_and_rows, read
from seamless_lab.engine.artifacts.resolve import Resolver
from seamless_lab.engine.artifacts.restore import Evidence, restore
from seamless_lab.engine.artifacts.segments import NoSegmentCache, SegmentCache, SegmentCodec
from seamless_lab.engine.artifacts.sweep import OLDER_THAN_S, Swept, sweep
from seamless_lab.engine.artifacts.verify import Verification, verify
from seamless_lab.engine.ports import Clock, ObjectStore


class SealedStore:
    """Versions of series: content-addressed, bitemporal, verified on reading. *Blocking*; shared between threads.

    Parameters
    ----------
    objects
        Where the store is.
    segments
        How rows are stored.
    cache
        Verified rows on this machine.
    clock
        Stamps `as_of`.
    executor
        Threads that hash, decode and write; not the one on which the store's methods are called.
    elsewhere
        What to do about a node that this store does not have, in a sentence; empty where nobody knows better.
    """

    def __init__(
        self,
        objects: ObjectStore,
        segments: SegmentCodec,
        cache: SegmentCache,
        *,
        clock: Clock,
        executor: Executor,
        elsewhere: Callable[[NodeId], str] = lambda _: "",
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._loader = Loader(objects, segments, cache, executor)
        self._resolver = Resolver(self._loader, elsewhere)

    @property
    def url(self) -> str:
        """Where the store is, without credentials."""
        return self._objects.url

    def head(self, node: NodeId) -> Version | None:
        """The newest version now, or None when the node has none."""
        found = self._resolver.head(node)
        return None if found is None else self._loader.version(node, found.commit.seq)

    def head_commit(self, node: NodeId) -> Commit | None:
        """The newest commit now, without its tree: what a catalogue shows of a node."""
        found = self._resolver.head(node)
        return None if found is None else found.commit

    def commit(self, node: NodeId, seq: int) -> Commit:
        """One commit by its number, without its tree. Raises `NotFound` with the newest there is."""
        return self._resolver.seq(node, seq)

    def resolve(
        self, node: NodeId, *, as_of_ms: int | None = None, seq: int | None = None, fingerprint: str | None = None
    ) -> Version:
        """One version: by moment (newest with `as_of <= as_of_ms`), `seq` or fingerprint prefix, or else the newest.

        Raises
        ------
        NotFound
            Naming the first or nearest version.
        InvalidReference
            If a prefix is malformed or starts several fingerprints, which are listed.
        """
        selector: Selector = Latest()
        if sum(value is not None for value in (as_of_ms, seq, fingerprint)) > 1:
            raise ValueError("resolve takes one selector")
        if as_of_ms is not None:
            selector = AsOf(as_of_ms)
        elif seq is not None:
            selector = Seq(seq)
        elif fingerprint is not None:
            selector = Fingerprint(fingerprint)
        return self._loader.version(node, self._resolver.select(node, selector).seq)

    def select(self, node: NodeId, selector: Selector) -> Version:
        """The version that a selector names; raises as `resolve` does."""
        return self._loader.version(node, self._resolver.select(node, selector).seq)

    def history(self, node: NodeId) -> Iterator[Commit]:
        """All commits of a node, newest first, read as they are asked for."""
        return self._resolver.history(node)

    def nodes(self) -> Iterator[NodeId]:
        """All nodes that have a version, sorted by folder."""
        return self._resolver.nodes()

    def read(self, version: Version, window: TimeRange | None = None) -> Sealed:
        """What a version says about a window (snapped outward to the grid), or all it says.

        Raises
        ------
        Corrupted
            If stored bytes do not match their digests; names the file.
        """
        return read(self._loader, version, window)

    def content(self, version: Version, window: TimeRange) -> str:
        """The digest of what a version says about a window, as `read` gives it; opens only leaves at its edges."""
        return content(self._loader, version, window)

    def content_and_rows(self, version: Version, window: TimeRange) -> tuple[str, int]:
        """As `content`, with the number of bars in the window; opens no more."""
        return content_and_rows(self._loader, version, window)

    def publish(self, candidate: Candidate) -> Published:
        """Make the newest version hold the candidate: per slot the later observation wins, ties go to what is sealed.

        Durable when it returns. When another publisher commits first, merges with what they sealed and tries again;
        when the newest version already holds everything, returns that. Costs what the touched leaves cost, whatever
        the history.

        Raises
        ------
        ClockSkew
            If the clock is more than 5 s behind the newest version.
        DataError
            If bars open in unanswered slots, or the node is sealed with another grid or conformance version.
        """
        return publish(self._loader, self._resolver, candidate, self._clock)

    def diff(
        self, old: Version, new: Version, window: TimeRange | None = None, *, new_in: SealedStore | None = None
    ) -> Difference:
        """What changed from one version of a node to another; opens only the leaves that differ.

        `window` leaves out what lies outside; `new_in` is the store of `new`, when it is another one.

        Raises
        ------
        RequestError
            If they are of different nodes, grids or conformance versions.
        """
        there = self if new_in is None else new_in
        return diff(Side(self._loader, old), Side(there._loader, new), window)

    def restore(self, target: Version, evidence: Evidence | None = None) -> Published:
        """Make the newest version hold exactly what an older one holds: a new commit with its fingerprint.

        Durable when it returns. Per slot, what was observed before no longer counts, whoever holds it, also where
        `target` has no answer; later observations do. When another publisher commits first, their version is rolled
        back too; when the newest version holds the same already, returns that and makes no commit. Writes one object.

        Raises
        ------
        ClockSkew
            If the clock is more than 5 s behind the newest version.
        Corrupted
            If something of `target` that the newest version does not have cannot be read.
        """
        return restore(self._loader, self._resolver, target, evidence or Evidence(), self._clock)

    def beliefs(self, node: NodeId, at_s: int) -> list[Belief]:
        """What was believed about the bar of the slot that holds a moment, oldest first: one entry a distinct belief.

        Reads about `2 * log2(n)` commits for each time that what is known about the slot has moved on, of n.

        Raises
        ------
        NotFound
            If the node has no version.
        """
        return beliefs(self._loader, self._resolver, node, at_s)

    def changes(self, node: NodeId, window: TimeRange | None = None) -> Iterator[WindowChange]:
        """The commits that changed what was believed about a window (by default about anything), oldest first.

        Read as they are asked for. Opens bars only where some were restated, or where the window cuts a leaf.

        Raises
        ------
        NotFound
            If the node has no version.
        """
        return changes(self._loader, self._resolver, node, window)

    def verify(self, node: NodeId, selector: Selector | None = None) -> Verification:
        """Read one version (by default all of a node's) again and check every byte, whatever was remembered.

        Offenders are listed, not raised.

        Raises
        ------
        NotFound
            If there is no such version, or none at all.
        """
        if selector is None:
            found = verify(self._loader, node)
            if not found.versions and found.ok:
                raise self._resolver.nothing(node)
            return found
        return verify(self._loader, node, self._resolver.select(node, selector))

    def audit(self, version: Version, window: TimeRange, witness: SegmentCache | None = None) -> Audit:
        """Hash the bars of a window again, from every file that holds some of them.

        Damage is listed, not raised. In a store that has just been opened, without a segment cache, nothing that was
        remembered is trusted. `witness` may still have the bars that a damaged file held.
        """
        return audit(self._loader, version, window, witness or NoSegmentCache())

    def compact(self, node: NodeId, *, since_s: int | None = None) -> tuple[str, ...]:
        """Fold leaf files of the newest version's finished packs into one file each; returns the paths written.

        Changes no digest. Safe beside readers and publishers, and when killed. `since_s` leaves out packs that begin
        before it.

        Raises
        ------
        Corrupted
            If stored bytes do not match their digests; names the file.
        """
        head, now_s = self.head(node), self._clock.now_ms() // 1_000
        return () if head is None else compact(self._loader, head, now_s=now_s, since_s=since_s)

    def sweep(self, node: NodeId, *, older_than_s: int = OLDER_THAN_S) -> Swept:
        """Delete a node's files that no commit reaches and that are older than `older_than_s`. Safe beside publishers.

        Raises
        ------
        Corrupted
            If a commit, tree or pack cannot be read; then nothing is deleted.
        """
        loader = self._loader.unremembering()
        return sweep(loader, Resolver(loader), node, now_ms=self._clock.now_ms(), older_than_s=older_than_s)

    def forget(self) -> None:
        """Drop what this process holds of immutable objects, so that the next read opens files again."""
        self._loader.forget()
