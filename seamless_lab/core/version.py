"""A dataset version: a tree (what the bars are) joined with a commit (when and how they were sealed)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from seamless_lab.core.digest import Header, Leaf, Pack, PackRef, canonical_json, pack_of, root_of
from seamless_lab.core.grid import Grid
from seamless_lab.core.identity import parse_node
from seamless_lab.core.observed import Observed
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from seamless_lab.errors import Corrupted, RequestError

TREE_FORMAT = "seamless.tree/1"
PACK_FORMAT = "seamless.pack/1"
COMMIT_FORMAT = "seamless.commit/1"

# What a file with other content can raise while it is read: wrong types, names or numbers, a node or range that is
# none.
_UNREADABLE = (AttributeError, ValueError, KeyError, TypeError, OverflowError, RequestError)

Json = dict[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """All of a version's content by digest; a pure function of that content."""

    header: Header
    packs: tuple[PackRef, ...]
    fingerprint: str

    @classmethod
    def of(cls, header: Header, packs: tuple[PackRef, ...]) -> Tree:
        """The tree over some packs (in time order), its fingerprint computed."""
        return cls(header, packs, root_of(header, packs))

    @property
    def rows(self) -> int:
        """Number of bars."""
        return sum(pack.rows for pack in self.packs)

    @property
    def answered(self) -> Ranges:
        """Answered slots of the whole version."""
        return Ranges.joined(pack.answered for pack in self.packs)

    @property
    def bounds(self) -> TimeRange | None:
        """From the first to the last answered slot, or None when nothing is answered."""
        return self.answered.bounds

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal trees give equal bytes."""
        packs = [[pack.cell, pack.digest, pack.rows, pack.answered.pairs()] for pack in self.packs]
        return canonical_json({**self.header.to_json(), "format": TREE_FORMAT, "packs": packs, "rows": self.rows})


def tree_from_bytes(data: bytes, *, fingerprint: str, path: str) -> Tree:
    """The tree in `data`, checked against the fingerprint it is stored under.

    Raises
    ------
    Corrupted
        If the bytes cannot be read, or give another fingerprint.
    """
    try:
        found = json.loads(data)
        header = _header(found)
        packs = tuple(
            PackRef(cell, digest, rows, Ranges.from_pairs(pairs)) for cell, digest, rows, pairs in found["packs"]
        )
        tree = Tree.of(header, packs)
    except _UNREADABLE as error:
        raise Corrupted(f"{path} is no tree.", hint="Run verify, then restore the file.", path=path) from error
    if tree.fingerprint != fingerprint or tree.to_bytes() != data:
        raise Corrupted(
            f"{path} does not match its fingerprint.",
            hint="Restore the file from a copy.",
            path=path,
            expected=fingerprint,
            found=tree.fingerprint,
        )
    return tree


def pack_to_bytes(header: Header, pack: Pack) -> bytes:
    """Canonical JSON of a pack: its leaves with digests, rows and answered slots."""
    leaves = [[leaf.cell, leaf.digest, leaf.rows, leaf.answered.pairs()] for leaf in pack.leaves]
    return canonical_json({**header.to_json(), "format": PACK_FORMAT, "cell": pack.cell, "leaves": leaves})


def pack_from_bytes(data: bytes, *, digest: str, path: str) -> Pack:
    """The pack in `data`, checked against the digest it is stored under.

    Raises
    ------
    Corrupted
        If the bytes cannot be read, or give another digest.
    """
    header, pack = _pack_json(data, path)
    if pack.digest != digest or pack_to_bytes(header, pack) != data:
        raise Corrupted(
            f"{path} does not match its digest.",
            hint="Restore the file from a copy.",
            path=path,
            expected=digest,
            found=pack.digest,
        )
    return pack


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """One sealed version of a node: the evidence around a tree.

    Nothing here enters a fingerprint. `as_of_ms` is the knowledge time, strictly increasing with `seq`; `observed` says
    when each slot was answered (exact for what recent commits changed, the latest moment of a pack for what is older).
    `withdrawn`: slots that a rollback left without an answer, and when: older answers for them no longer count.
    """

    seq: int
    previous: str
    as_of_ms: int
    fingerprint: str
    bounds: TimeRange | None
    rows: int
    observed: Observed
    conformance: Json = field(default_factory=dict)
    producer: Json = field(default_factory=dict)
    watermark_ms: int = 0
    provenance: Json = field(default_factory=dict)
    withdrawn: Observed = field(default_factory=Observed.none)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        withdrawn = {"withdrawn_at_ms": self.withdrawn.runs()} if len(self.withdrawn) else {}
        return canonical_json(
            {
                **withdrawn,
                "format": COMMIT_FORMAT,
                "seq": self.seq,
                "previous": self.previous,
                "as_of_ms": self.as_of_ms,
                "fingerprint": self.fingerprint,
                "range": None if self.bounds is None else [self.bounds.start, self.bounds.end],
                "rows": self.rows,
                "observed_at_ms": self.observed.runs(),
                "conformance": self.conformance,
                "producer": self.producer,
                "publication_watermark_ms": self.watermark_ms,
                "provenance": self.provenance,
            }
        )


def commit_from_bytes(data: bytes, *, path: str) -> Commit:
    """The commit in `data`.

    Raises
    ------
    Corrupted
        If the bytes are no commit.
    """
    try:
        found = json.loads(data)
        if found["format"] != COMMIT_FORMAT:
            raise ValueError(found["format"])
        return Commit(
            seq=found["seq"],
            previous=found["previous"],
            as_of_ms=found["as_of_ms"],
            fingerprint=found["fingerprint"],
            bounds=None if found["range"] is None else TimeRange(*found["range"]),
            rows=found["rows"],
            observed=Observed.from_runs(found["observed_at_ms"]),
            conformance=found["conformance"],
            producer=found["producer"],
            watermark_ms=found["publication_watermark_ms"],
            provenance=found["provenance"],
            withdrawn=Observed.from_runs(found["withdrawn_at_ms"]) if "withdrawn_at_ms" in found else Observed.none(),
        )
    except _UNREADABLE as error:
        raise Corrupted(f"{path} is no commit.", hint="Restore the file from a copy.", path=path) from error


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A commit and its tree: what a manifest shows."""

    commit: Commit
    tree: Tree

    @property
    def header(self) -> Header:
        """Node, grid, schema and conformance version."""
        return self.tree.header


def _header(found: dict[str, object]) -> Header:
    match found["grid"]:
        case [int(step), int(anchor)]:
            return Header(parse_node(str(found["node"])), Grid(step, anchor), str(found["conformance"]))
    raise ValueError(f"no grid: {found['grid']!r}")


def _pack_json(data: bytes, path: str) -> tuple[Header, Pack]:
    try:
        found = json.loads(data)
        header = _header(found)
        leaves = tuple(
            Leaf(cell, digest, rows, Ranges.from_pairs(pairs)) for cell, digest, rows, pairs in found["leaves"]
        )
        return header, pack_of(header, found["cell"], leaves)
    except _UNREADABLE as error:
        raise Corrupted(f"{path} is no pack.", hint="Run verify, then restore the file.", path=path) from error
