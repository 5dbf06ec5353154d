"""Segments as Parquet bytes: the one writer of data files."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from seamless_lab.core.bars import COLUMNS, DTYPES, VALUES
from seamless_lab.errors import Corrupted

ROW_GROUP_ROWS = 10_080  # a week of minutes: groups near 10k rows read best both whole and in part
ZSTD_LEVEL = 1  # higher levels cost more time than they save bytes on prices

_SCHEMA = pa.schema([pa.field(name, getattr(pa, DTYPES[name])() if name == "ts" else pa.float64()) for name in COLUMNS])


class ParquetSegments:
    """Frames of bars to and from Parquet.

    Equal frames give equal bytes with one version of pyarrow; nothing relies on it, since identity is that of the
    content.
    """

    def encode(self, frame: pl.DataFrame) -> bytes:
        """The Parquet file of a frame in the canonical schema of `Bars`."""
        table = pa.table({name: frame[name].to_arrow() for name in COLUMNS}, schema=_SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            row_group_size=ROW_GROUP_ROWS,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=False,
            column_encoding={"ts": "DELTA_BINARY_PACKED", **dict.fromkeys(VALUES, "PLAIN")},
            sorting_columns=[pq.SortingColumn(0)],
            store_schema=False,
        )
        return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types

    def decode(self, data: bytes, *, path: str) -> pl.DataFrame:
        """The frame in a Parquet file, its columns in canonical order; `path` names the file in errors.

        Raises
        ------
        Corrupted
            If the bytes are no Parquet file of bars.
        """
        try:
            # ParquetFile, not read_table: the latter imports pyarrow.dataset, and with it pandas
            table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=True)
            if table.schema.remove_metadata() != _SCHEMA:
                raise pa.ArrowInvalid(f"columns {table.schema.names}")
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Corrupted(
                f"{path} cannot be read as Parquet: {error}", hint="Restore the file from a copy.", path=path
            ) from error
        frame = pl.from_arrow(table, rechunk=True)
        assert isinstance(frame, pl.DataFrame)
        return frame
