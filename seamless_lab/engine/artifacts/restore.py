"""Rolling back: an older version's content as the newest version, in one atomic step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seamless_lab.core.observed import Observed, overlay
from seamless_lab.core.version import Commit, Json, Version
from seamless_lab.engine.artifacts.documents import checksum, commit_path, with_checksum
from seamless_lab.engine.artifacts.load import Loader, StoredCommit
from seamless_lab.engine.artifacts.publish import Published, now_after
from seamless_lab.engine.artifacts.resolve import Resolver
from seamless_lab.engine.ports import Clock
from seamless_lab.errors import Corrupted


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rollback's commit archives: who made it, and why. JSON values only."""

    producer: Json = field(default_factory=dict)
    provenance: Json = field(default_factory=dict)


def restore(loader: Loader, resolver: Resolver, target: Version, evidence: Evidence, clock: Clock) -> Published:
    """Make the newest version hold what `target` holds; see `SealedStore.restore`."""
    node, retries = target.header.node, 0
    while True:
        head = resolver.base(node)
        if head is None:
            raise resolver.nothing(node)
        if head.commit.fingerprint == target.tree.fingerprint:
            return Published(Version(head.commit, target.tree), created=False, retries=retries)
        _read(loader, target, head.commit)
        commit = _commit(head, target, evidence, now_after(clock, head, target.header))
        path, body = commit_path(node, commit.seq), commit.to_bytes()
        if loader.objects.create(path, with_checksum(path, body)):
            resolver.saw(node, StoredCommit(commit, checksum(path, body)))
            return Published(Version(commit, target.tree), True, retries, len(body))
        retries += 1


def _read(loader: Loader, target: Version, head: Commit) -> None:
    """Verify the stored files of what the newest version does not have; it may be damaged, a reason to roll back."""
    try:
        held = {ref.digest for ref in loader.version(target.header.node, head.seq).tree.packs}
    except Corrupted:
        held = set()
    stored, packs = loader.unremembering(), target.tree.packs
    for ref in packs:
        if ref.digest not in held:
            stored.frames(target.header, ref, newest=ref is packs[-1])


def _commit(head: StoredCommit, target: Version, evidence: Evidence, as_of_ms: int) -> Commit:
    """The commit that makes `target` the newest version.

    A rollback counts as an observation, made now, of every slot that either version answers for: as `target` says it.
    Slots that `target` does not answer for are withdrawn. So what anybody observed before, here or in flight, loses
    against it, and what is observed later wins.
    """
    old, answered = head.commit, target.tree.answered
    at_ms = int(np.concatenate(([as_of_ms - 1], old.observed.at_ms, old.withdrawn.at_ms)).max()) + 1
    gone = overlay(old.withdrawn, Observed.at(old.observed.answered, at_ms)).result
    return Commit(
        seq=old.seq + 1,
        previous=head.checksum,
        as_of_ms=as_of_ms,
        fingerprint=target.tree.fingerprint,
        bounds=target.tree.bounds,
        rows=target.tree.rows,
        observed=Observed.at(answered, at_ms),
        conformance=target.commit.conformance,
        producer=evidence.producer,
        watermark_ms=target.commit.watermark_ms,
        provenance={**evidence.provenance, "rollback_of": target.commit.seq, "replaces": old.seq},
        withdrawn=gone.without(answered),
    )
