"""What is sealed: datasets, one version as auditors see it, and what rehashing found."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from seamless_lab.app import views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import format_time_ms
from seamless_lab.core.version import Version


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Manifest(Rendered):
    """One sealed version as auditors see it: the join of a commit and its tree.

    `nothing_new`: it was to be published and was there already.
    """

    version: Version
    nothing_new: bool = False

    @property
    def ref(self) -> str:
        """A reference to this version."""
        return fixed_ref(self.version.header.node, self.version.tree.fingerprint)

    def view(self) -> View:
        """What is shown, as a value."""
        return views.manifest(self)

    def to_dict(self) -> Json:
        """Every field of the commit and the tree; `conformance` and `provenance` as they are archived."""
        commit, tree = self.version.commit, self.version.tree
        return {
            "node_id": str(tree.header.node),
            "ref": self.ref,
            "fingerprint": tree.fingerprint,
            "as_of": format_time_ms(commit.as_of_ms),
            "seq": commit.seq,
            "previous": commit.previous or None,
            "range": None if commit.bounds is None else spelling.span(commit.bounds),
            "rows": tree.rows,
            "grid": {"step_s": tree.header.grid.step_s, "anchor_s": tree.header.grid.anchor_s},
            "schema": tree.header.to_json()["schema"],
            "answered": spelling.spans(tree.answered),
            "packs": [
                {"from": first, "digest": pack.digest, "rows": pack.rows}
                for first, pack in zip(spelling.moments([pack.cell for pack in tree.packs]), tree.packs, strict=True)
            ],
            "observed_at": spelling.observed(commit.observed),
            **({"withdrawn_at": spelling.observed(commit.withdrawn)} if len(commit.withdrawn) else {}),
            "conformance": commit.conformance,
            "conformance_version": tree.header.conformance,
            "producer": commit.producer,
            "publication_watermark": format_time_ms(commit.watermark_ms),
            "provenance": commit.provenance,
            **({"nothing_new": True} if self.nothing_new else {}),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArtifactList(Rendered):
    """Datasets of a store, or the versions of one.

    `frame`: `node, ref, fingerprint` (String), `seq, rows` (Int64), `start, end, as_of` (UTC datetimes), sorted by
    node, or by `seq` for a history.
    """

    store: str
    history_of: str
    frame: pl.DataFrame

    def view(self) -> View:
        """What is shown, as a value."""
        return views.artifacts(self)

    def to_dict(self) -> Json:
        """The list as JSON values."""
        return {
            "store": self.store,
            "history_of": self.history_of or None,
            "artifacts": spelling.rows(self.frame),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerifyReport(Rendered):
    """What rehashing found. `offenders`: one line for each object that is damaged or missing.

    `dropped`: digests of cached files of this machine that held other bars than were sealed, and are gone now. The
    store has what was sealed, so that they are no damage to it. `hints`: what mends the damage, commands or sentences;
    before a command, what is left of the damaged files is to be moved aside.
    """

    store: str
    versions: int
    objects: int
    bytes_read: int
    offenders: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when everything in the store matches its digest."""
        return 1 if self.offenders else 0

    def view(self) -> View:
        """What is shown, as a value."""
        return views.verify(self)

    def to_dict(self) -> Json:
        """The report as JSON values."""
        return {
            "store": self.store,
            "versions": self.versions,
            "objects": self.objects,
            "bytes_read": self.bytes_read,
            "offenders": list(self.offenders),
            "hints": list(self.hints),
            "cached_files_removed": list(self.dropped),
            "verified": not self.offenders,
        }


@dataclass(frozen=True, slots=True)
class Folded:
    """What compacting did to one node: files written, leftovers deleted."""

    node: NodeId
    written: int
    swept: int
    swept_bytes: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompactReport(Rendered):
    """What compacting did, node by node; no digest changed."""

    store: str
    nodes: tuple[Folded, ...]

    def view(self) -> View:
        """What is shown, as a value."""
        return views.compact(self)

    def to_dict(self) -> Json:
        """The report as JSON values."""
        return {
            "store": self.store,
            "nodes": [
                {
                    "node": str(one.node),
                    "files_written": one.written,
                    "files_swept": one.swept,
                    "bytes_swept": one.swept_bytes,
                }
                for one in self.nodes
            ],
        }
