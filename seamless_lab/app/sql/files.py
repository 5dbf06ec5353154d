"""The rows of a query as a file: equal results give equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from seamless_lab.app.export import parquet_of
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass

    from seamless_lab.app.sql.result import SqlResult


def parquet_bytes(result: SqlResult) -> bytes:
    """The frame, with the digest, the query and what was read as metadata."""
    if empty := [name for name, dtype in result.frame.schema.items() if _fieldless(dtype)]:
        raise RequestError(
            f"The column {empty[0]!r} holds structs without fields, which Parquet cannot hold.",
            hint="Leave it out, or give them a field.",
            column_name=empty[0],
        )
    contents = ", ".join(f"{each.name}={each.node}:sha256:{each.content}" for each in result.inputs)
    return parquet_of(
        result.frame,
        {"seamless.digest": f"sha256:{result.digest}", "seamless.query": result.query, "seamless.inputs": contents},
    )


def csv_bytes(result: SqlResult) -> bytes:
    """The frame with a line of names; times in ISO-8601, floats in the shortest digits that read back equal."""
    nested = [name for name, dtype in result.frame.schema.items() if dtype.is_nested()]
    if nested:
        raise RequestError(
            f"The column {nested[0]!r} has several values in a row, which CSV cannot hold.",
            hint="Write .parquet, or unnest it.",
            column_name=nested[0],
        )
    blobs = [name for name, dtype in result.frame.schema.items() if dtype == pl.Binary]
    if blobs:
        raise RequestError(
            f"The column {blobs[0]!r} holds bytes, which CSV cannot hold.",
            hint="Write .parquet, or spell them with hex(…).",
            column_name=blobs[0],
        )
    return result.frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ", line_terminator="\n").encode()


def _fieldless(dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether a type is, or holds, a struct without fields."""
    if isinstance(dtype, pl.Struct):
        return not dtype.fields or any(_fieldless(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.Map):
        return _fieldless(dtype.key) or _fieldless(dtype.value)
    return isinstance(dtype, (pl.List, pl.Array)) and _fieldless(dtype.inner)
