"""What looking back returns: what the versions of a series said about a bar, or a window, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from seamless_lab.app.compare import ROWS
from seamless_lab.app.compare import history_views as views
from seamless_lab.app.render.view import View
from seamless_lab.app.results import spelling
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.core.bars import VALUES
from seamless_lab.core.comparison import State
from seamless_lab.core.identity import NodeId
from seamless_lab.core.reference import fixed_ref
from seamless_lab.core.time import TimeRange
from seamless_lab.core.version import Commit
from seamless_lab.engine.artifacts import Belief, WindowChange

_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BarHistory(Rendered):
    """What the versions of a series said about one bar, oldest first; `store` is empty when it is the home's."""

    node: NodeId
    slot: TimeRange
    beliefs: tuple[Belief, ...]
    newest: Commit
    store: str = ""

    @property
    def changes(self) -> int:
        """How many times versions came to say something else about the bar, once it had been answered for."""
        first = next((n for n, belief in enumerate(self.beliefs) if belief.state is not State.UNANSWERED), None)
        return 0 if first is None else len(self.beliefs) - first - 1

    @property
    def frame(self) -> pl.DataFrame:
        """One row a distinct belief.

        `since, until` (UTC datetimes of the commits; `until` null: still believed), `seq` and `ref` of the first
        version that says so, `state` (`bar`, `quiet` or `unanswered`), the values, `observed_at`, when the source had
        said it (or when it was rolled back), and `rollback_of`, the version that a rollback brought back, or null.
        """
        commits = [belief.since for belief in self.beliefs]
        values = pl.concat([_values(belief) for belief in self.beliefs])
        return pl.DataFrame(
            {
                "since": _moments([commit.as_of_ms for commit in commits]),
                "until": _moments([belief.until.as_of_ms if belief.until else None for belief in self.beliefs]),
                "seq": pl.Series([commit.seq for commit in commits], dtype=pl.Int64),
                "ref": pl.Series([fixed_ref(self.node, commit.fingerprint) for commit in commits]),
                "state": pl.Series([str(belief.state) for belief in self.beliefs]),
                **values.to_dict(),
                "observed_at": _moments([belief.observed_at_ms for belief in self.beliefs]),
                "rollback_of": pl.Series([rolled_back(commit) for commit in commits], dtype=pl.Int64),
            }
        )

    def view(self) -> View:
        """What is shown, as a value."""
        return views.bar_history(self)

    def to_dict(self) -> Json:
        """The beliefs as JSON values."""
        return {
            "node": str(self.node),
            **spelling.window(self.slot),
            "changes": self.changes,
            "newest_seq": self.newest.seq,
            "store": self.store or None,
            "beliefs": spelling.rows(self.frame),
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WindowHistory(Rendered):
    """The commits that changed what is believed about a window (None: about anything), oldest first.

    `rows`: how many of the newest are shown, and are in `to_dict`; `store` is empty when it is the home's.
    """

    node: NodeId
    window: TimeRange | None
    changes: tuple[WindowChange, ...]
    newest: Commit
    store: str = ""
    rows: int = ROWS

    @property
    def frame(self) -> pl.DataFrame:
        """One row a commit.

        `as_of` (UTC datetime), `seq`, `ref`, `content` (digest of the window from then on), `bars` (how many it has
        then), `added, restated, removed` (bars), `answered, unanswered` (slots), `rollback_of` (seq, or null).
        """
        commits, counts = [one.commit for one in self.changes], [one.counts for one in self.changes]
        numbers = {
            name: pl.Series([getattr(count, name) for count in counts], dtype=pl.Int64)
            for name in ("added", "restated", "removed", "answered", "unanswered")
        }
        return pl.DataFrame(
            {
                "as_of": _moments([commit.as_of_ms for commit in commits]),
                "seq": pl.Series([commit.seq for commit in commits], dtype=pl.Int64),
                "ref": pl.Series([fixed_ref(self.node, commit.fingerprint) for commit in commits], dtype=pl.String),
                "content": pl.Series([one.content for one in self.changes], dtype=pl.String),
                "bars": pl.Series([one.rows for one in self.changes], dtype=pl.Int64),
                **numbers,
                "rollback_of": pl.Series([rolled_back(commit) for commit in commits], dtype=pl.Int64),
            }
        )

    @property
    def rewriting(self) -> pl.DataFrame:
        """The commits that changed what had been answered before, and did not only add to it."""
        return self.frame.filter((pl.col("restated") > 0) | (pl.col("removed") > 0) | _appeared())

    def view(self) -> View:
        """What is shown, as a value."""
        return views.window_history(self)

    def to_dict(self) -> Json:
        """The changes as JSON values: the newest `rows` of them, and of those that changed what was answered before."""
        frame, rewriting = self.frame, self.rewriting
        return {
            "node": str(self.node),
            **({"start": None, "end": None} if self.window is None else spelling.window(self.window)),
            "commits": frame.height,
            "newest_seq": self.newest.seq,
            "store": self.store or None,
            "changes": spelling.rows(frame.tail(self.rows)),
            "rewriting": spelling.rows(rewriting.tail(self.rows)),
            "left_out": max(0, frame.height - self.rows),
        }


def _appeared() -> pl.Expr:
    """Whether bars came where an answer had been, or answers were taken away."""
    return (pl.col("added") > pl.col("answered")) | (pl.col("unanswered") > 0)


def rolled_back(commit: Commit) -> int | None:
    """The number of the version that a commit rolled back to, or None."""
    found = commit.provenance.get("rollback_of")
    return found if isinstance(found, int) else None


def _values(belief: Belief) -> pl.DataFrame:
    """The values of a belief as one row; nulls where there is no bar."""
    frame = belief.bar.frame.select(VALUES)
    return frame if frame.height else pl.DataFrame([dict.fromkeys(VALUES)], schema=frame.schema)


def _moments(epoch_ms: Sequence[int | None]) -> pl.Series:
    return pl.from_epoch(pl.Series(epoch_ms, dtype=pl.Int64), time_unit="ms").cast(_UTC)
