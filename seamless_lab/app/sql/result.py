"""What a sealed query returns: rows, and what they were computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.render.view import View
from seamless_lab.app.results.base import Json, Rendered
from seamless_lab.app.results.spelling import window as spelled_window
from seamless_lab.app.sql.relations import Relation
from seamless_lab.app.sql.show import shown, spelled_rows
from seamless_lab.core.time import TimeRange

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

JSON_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class SqlInput:
    """Bars that a query read.

    `name`: what the query calls them; `symbol`: their label in a universe, else empty; `written`: the reference as it
    was written; `ref`: the version it came to; `content`: digest of exactly these bars; `pin`: the pin's name or empty.
    """

    name: str
    symbol: str
    written: str
    ref: str
    node: str
    window: TimeRange
    content: str
    rows: int
    pin: str

    def to_dict(self) -> Json:
        """Plain JSON values."""
        return {
            "name": self.name,
            "symbol": self.symbol or None,
            "written": self.written,
            "ref": self.ref,
            "node": self.node,
            **spelled_window(self.window),
            "content": self.content,
            "rows": self.rows,
            "pin": self.pin or None,
        }


def inputs_of(relations: tuple[Relation, ...]) -> tuple[SqlInput, ...]:
    """What was read, in the order in which the query names it."""
    return tuple(
        SqlInput(
            name=relation.name,
            symbol=label if relation.many else "",
            written=sealed.target.written,
            ref=sealed.target.ref,
            node=str(sealed.target.node),
            window=sealed.target.window,
            content=sealed.content,
            rows=len(sealed.bars),
            pin=sealed.target.pin,
        )
        for relation in relations
        for label, sealed in relation.members
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SqlResult(Rendered):
    """The rows of a sealed query, and everything they depend on.

    `digest`: of `frame`, its names, types, values and their order (see `digest`); the same query over the same `inputs`
    in the same `engine` gives it again, unless a flag says otherwise. `ordered`: no other order of the rows would also
    answer the query. `flags`: `unordered`, `threads` or `volatile`; `warnings`: the same as sentences, and more. Can be
    handed to anything that reads Arrow as it is.
    """

    query: str
    frame: pl.DataFrame
    digest: str
    inputs: tuple[SqlInput, ...]
    engine: Mapping[str, str]
    flags: tuple[str, ...]
    warnings: tuple[str, ...]
    elapsed_ms: float

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def ordered(self) -> bool:
        """Whether the rows can stand in this order only."""
        return "unordered" not in self.flags

    def to_arrow(self) -> pa.Table:
        """The frame as an Arrow table."""
        return self.frame.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """The frame as pandas. Needs pandas."""
        return self.frame.to_pandas()

    def lazy(self) -> pl.LazyFrame:
        """The frame, lazily."""
        return self.frame.lazy()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.rows

    def view(self) -> View:
        """What is shown, as a value."""
        return shown(self)

    def to_dict(self) -> Json:
        """The facts as JSON values, with the first 1,000 rows; more go to a file."""
        return {
            "query": self.query,
            "digest": self.digest,
            "rows": self.rows,
            "columns": [{"name": name, "type": str(dtype)} for name, dtype in self.frame.schema.items()],
            "data": spelled_rows(self.frame.head(JSON_ROWS)),
            "data_complete": self.rows <= JSON_ROWS,
            "ordered": self.ordered,
            "inputs": [each.to_dict() for each in self.inputs],
            "engine": dict(self.engine),
            "flags": list(self.flags),
            "warnings": list(self.warnings),
            "timings_ms": {"total": round(self.elapsed_ms, 3)},
        }
