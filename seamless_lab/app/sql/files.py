"""The rows of a query as a file: equal results give equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seamless_lab.app.export import parquet_of
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.sql.result import SqlResult


def parquet_bytes(result: SqlResult) -> bytes:
    """The frame, with the digest, the query and what was read as metadata."""
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
    return result.frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ", line_terminator="\n").encode()
