"""What comparing versions returns: a difference, and what a rollback changes or would."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from seamless_lab.app.compare import ROWS, views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.app.results.fetching import with_time
from seamless_lab.core.bars import VALUES
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange, format_time_ms
from seamless_lab.core.version import Commit, Version
from seamless_lab.engine.artifacts import Counts, Difference

_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One of two versions: as the user named it, and what that came to. `store` is empty when it is the home's."""

    written: str
    version: Version
    store: str = ""

    @property
    def ref(self) -> str:
        """A reference that stays the same."""
        return fixed_ref(self.version.header.node, self.version.tree.fingerprint)

    def to_dict(self) -> Json:
        """The version as JSON values."""
        commit = self.version.commit
        return {
            "written": self.written,
            "ref": self.ref,
            "fingerprint": commit.fingerprint,
            "seq": commit.seq,
            "as_of": format_time_ms(commit.as_of_ms),
            "store": self.store or None,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DiffResult(Rendered):
    """How one version of a series differs from another, inside `window` (None: anywhere).

    `rows`: how many bars are shown, and are in `to_dict`; the frames hold all of them.
    """

    old: Compared
    new: Compared
    difference: Difference
    rows: int = ROWS

    @property
    def node(self) -> NodeId:
        """The series."""
        return self.new.version.header.node

    @property
    def window(self) -> TimeRange | None:
        """Where was looked, on the grid; None for all that either version holds."""
        return self.difference.window

    @property
    def equal(self) -> bool:
        """Whether both say the same."""
        return self.difference.empty

    @property
    def exit_code(self) -> int:
        """0 when both say the same, 1 when they differ."""
        return 0 if self.equal else 1

    @property
    def restated(self) -> pl.DataFrame:
        """Bars that both have, with other values: `ts`, `time`, then each value as `<name>_old` and `<name>_new`."""
        return with_time(self.difference.restated)

    @property
    def added(self) -> pl.DataFrame:
        """Bars that only the new version has, in the columns of `FetchResult.frame`."""
        return with_time(self.difference.added.frame)

    @property
    def removed(self) -> pl.DataFrame:
        """Bars that only the old version has, in the columns of `FetchResult.frame`."""
        return with_time(self.difference.removed.frame)

    @property
    def stretches(self) -> pl.DataFrame:
        """Where what changed: `start, end` (UTC datetimes), `before, after`, `bars`, in time order.

        `before` and `after` are `bar`, `quiet` (the source proved that there is none) or `unanswered`.
        """
        step_s = self.difference.new.header.grid.step_s
        return self.difference.found.stretches.select(
            pl.from_epoch("start", time_unit="s").cast(_UTC),
            pl.from_epoch("end", time_unit="s").cast(_UTC),
            "before",
            "after",
            ((pl.col("end") - pl.col("start")) // step_s).alias("bars"),
        )

    @property
    def moves(self) -> pl.DataFrame:
        """The stretches by kind: `before, after, bars`, and `start, end` of all of a kind; most bars first."""
        kinds = self.stretches.group_by("before", "after", maintain_order=True)
        return kinds.agg(pl.col("bars").sum(), pl.col("start").min(), pl.col("end").max()).sort(
            "bars", descending=True, maintain_order=True
        )

    @property
    def summary(self) -> pl.DataFrame:
        """Per column of the restated bars how much changed.

        `column`, `changed` (bars), `largest` (greatest absolute change) with `time`, `old` and `new` of that bar, and
        `largest_ratio` (greatest change relative to the old value; null where that is 0 or unknown).
        """
        frame = self.restated
        return pl.concat([_summary(frame, name) for name in VALUES])

    @property
    def counts(self) -> Counts:
        """How many bars were restated, added and removed, and how many slots are newly or no longer answered."""
        step_s = self.difference.new.header.grid.step_s
        return Counts(
            added=len(self.difference.added),
            restated=self.difference.restated.height,
            removed=len(self.difference.removed),
            answered=self.difference.answered.seconds // step_s,
            unanswered=self.difference.unanswered.seconds // step_s,
        )

    def shown(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Of the restated, removed and added bars the first, `rows` together; restated ones go first."""
        parts, left = [], self.rows
        for frame in (self.restated, self.removed, self.added):
            parts.append(frame.head(left))
            left -= parts[-1].height
        return parts[0], parts[1], parts[2]

    def view(self) -> View:
        """What is shown, as a value."""
        return views.diff(self)

    def to_dict(self) -> Json:
        """The difference as JSON values: all the numbers, and of bars and stretches the first `rows`."""
        restated, removed, added = self.shown()
        stretches, counts = self.stretches, self.counts
        bars = counts.restated + counts.removed + counts.added
        return {
            "node": str(self.node),
            **({"start": None, "end": None} if self.window is None else spelling.window(self.window)),
            "old": self.old.to_dict(),
            "new": self.new.to_dict(),
            "equal": self.equal,
            "counts": {
                "restated": counts.restated,
                "added": counts.added,
                "removed": counts.removed,
                "newly_answered": counts.answered,
                "no_longer_answered": counts.unanswered,
            },
            "summary": spelling.rows(self.summary),
            "moves": spelling.rows(self.moves),
            "stretches": spelling.rows(stretches.head(self.rows)),
            "restated": spelling.rows(restated.drop("ts")),
            "removed": spelling.rows(removed.drop("ts")),
            "added": spelling.rows(added.drop("ts")),
            "left_out": {
                "bars": bars - restated.height - removed.height - added.height,
                "stretches": max(0, stretches.height - self.rows),
            },
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RollbackResult(Rendered):
    """What rolling back changes, or would; `made` is the new version, None when nothing was written.

    `difference`: from the newest version to the older one; None when the newest one cannot be read, and `damage` says
    why. `again`: the command that does it.
    """

    target: Compared
    head: Commit
    difference: DiffResult | None
    made: Version | None
    again: str
    damage: str = ""

    @property
    def node(self) -> NodeId:
        """The series."""
        return self.target.version.header.node

    @property
    def changes(self) -> bool:
        """Whether the newest version holds something else than the older one, or did before."""
        return self.head.fingerprint != self.target.version.tree.fingerprint

    def view(self) -> View:
        """What is shown, as a value."""
        return views.rollback(self)

    def to_dict(self) -> Json:
        """The rollback as JSON values."""
        return {
            "node": str(self.node),
            "target": self.target.to_dict(),
            "head": {"seq": self.head.seq, "fingerprint": self.head.fingerprint},
            "changes": self.changes,
            "written": self.made is not None,
            "made": None if self.made is None else Compared("", self.made).to_dict(),
            "difference": None if self.difference is None else self.difference.to_dict(),
            "damage": self.damage or None,
        }


def _summary(restated: pl.DataFrame, name: str) -> pl.DataFrame:
    old, new = pl.col(f"{name}_old"), pl.col(f"{name}_new")
    changed = restated.select("time", old.alias("old"), new.alias("new")).filter(
        pl.col("old").ne_missing(pl.col("new"))
    )
    change = (pl.col("new") - pl.col("old")).abs()
    ratio = pl.when(pl.col("old") != 0).then(change / pl.col("old").abs())
    sized = changed.with_columns(largest=change)
    place = sized["largest"].arg_max()
    where = pl.DataFrame([{}], schema=sized.schema) if place is None else sized.slice(place, 1)
    return where.select(
        pl.lit(name).alias("column"),
        pl.lit(changed.height, dtype=pl.Int64).alias("changed"),
        "largest",
        pl.lit(changed.select(ratio.max()).item(), dtype=pl.Float64).alias("largest_ratio"),
        "time",
        "old",
        "new",
    )
