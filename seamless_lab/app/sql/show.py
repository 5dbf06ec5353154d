"""How the rows of a query look: as a table of the first and the last ones, and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.notebooks.show import ends
from seamless_lab.app.render.view import Badge, Block, Column, Fact, Facts, Note, Table, Tone, View, plural

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass

    from seamless_lab.app.sql.result import SqlInput, SqlResult

ROWS_SHOWN = 5
"""At each end."""
COLUMNS_SHOWN = 10
INPUTS_SHOWN = 6
LONGEST_CELL = 40


def shown(result: SqlResult) -> View:
    """Rows, what they were computed from, and what to know about them."""
    badge = Badge("ordered", Tone.GOOD) if not result.flags else Badge(", ".join(result.flags), Tone.WARN)
    frame = result.frame
    blocks: list[Block] = [*_table(frame), *(Note(text, Tone.WARN) for text in result.warnings)]
    facts = (
        Fact("digest", f"sha256:{result.digest}", code=True),
        Fact("engine", ", ".join(f"{name} {version}" for name, version in result.engine.items()), volatile=True),
        Fact("took", f"{result.elapsed_ms:,.0f} ms", volatile=True),
    )
    return View(
        "sql",
        badge=badge,
        subtitle=f"{plural(frame.height, 'row')} of {plural(frame.width, 'column')}",
        blocks=(*blocks, _inputs(result.inputs), Facts(facts)),
    )


def spelled_rows(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Rows as JSON values: times as RFC 3339 text, what else JSON lacks as text, and null for what is no number."""
    return frame.with_columns([_spelled(frame[name]) for name in frame.columns]).to_dicts()


def _spelled(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        whole = column.null_count() == len(column) or not (column.dt.microsecond() != 0).any()
        zone = "Z" if dtype.time_zone else ""
        return column.dt.strftime(f"%Y-%m-%dT%H:%M:%S{'' if whole else '%.6f'}{zone}")
    if dtype.is_float():
        return column.set(~column.is_finite(), None)
    if dtype.is_integer() or dtype in (pl.Boolean, pl.String, pl.Null):
        return column
    if dtype.is_nested() or isinstance(dtype, pl.Map):
        return pl.Series(
            column.name, [None if value is None else _plain(value) for value in _values(column)], dtype=pl.String
        )
    if dtype == pl.Time:
        return column.dt.to_string("%T%.f")  # a cast leaves the fraction out
    if dtype == pl.Binary:
        return column.bin.encode("hex")
    return column.cast(pl.String)


def _values(column: pl.Series) -> list[object]:
    try:
        return column.to_list()
    except (TypeError, ValueError, OverflowError):  # Python has no year 10000, and no dict with lists as keys
        return column.cast(_sayable(column.dtype)).to_list()


def _sayable(dtype: pl.DataType | DataTypeClass) -> pl.DataType | DataTypeClass:
    """A nested type with dates as text and maps as lists of their entries."""
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _sayable(field.dtype) for field in dtype.fields})
    if isinstance(dtype, pl.Map):
        return pl.List(pl.Struct({"key": _sayable(dtype.key), "value": _sayable(dtype.value)}))
    if isinstance(dtype, pl.Array):
        return pl.Array(_sayable(dtype.inner), dtype.size)
    if isinstance(dtype, pl.List):
        return pl.List(_sayable(dtype.inner))
    return pl.String() if dtype.is_temporal() else dtype


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple, pl.Series)):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return "null" if value is None else str(value)


def _table(frame: pl.DataFrame) -> list[Block]:
    if not frame.height or not frame.width:
        return []
    few = frame.height <= 2 * ROWS_SHOWN
    part = frame if few else pl.concat([frame.head(ROWS_SHOWN), frame.tail(ROWS_SHOWN)])
    names = frame.columns[:COLUMNS_SHOWN]
    cells = [[_cell(value) for value in _spelled(part[name]).to_list()] for name in names]
    rows = list(zip(*cells, strict=True))
    if not few:
        rows.insert(ROWS_SHOWN, ("…", *[""] * (len(names) - 1)))
    left = frame.columns[COLUMNS_SHOWN:]
    columns = tuple(Column(name, right=frame.schema[name].is_numeric()) for name in names)
    blocks: list[Block] = [Table(columns, tuple(rows))]
    if left:
        blocks.append(Note(f"and {plural(len(left), 'column')} more: {', '.join(left[:20])}"))
    return blocks


def _cell(value: object) -> str:
    if value is None:
        return "–"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"


def _inputs(inputs: Sequence[SqlInput]) -> Table:
    columns = (Column("input"), Column("version", code=True), Column("from"), Column("to"), Column("bars", right=True))
    rows = tuple((each.name, each.ref, *ends(each.window), f"{each.rows:,}") for each in inputs[:INPUTS_SHOWN])
    return Table(columns, rows, left_out=max(0, len(inputs) - INPUTS_SHOWN))
