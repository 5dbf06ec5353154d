"""The dataset as the peers take it."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

VALUES = ("open", "high", "low", "close", "volume")


def arrow(path: str) -> pa.Table:
    """The bars in an Arrow file: `ts` in epoch seconds, then the values."""
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


def indexed(path: str) -> pd.DataFrame:
    """The bars as pandas, indexed by time."""
    table = arrow(path)
    frame = table.select(VALUES).to_pandas()
    frame.index = pd.to_datetime(table["ts"].to_numpy(), unit="s")
    frame.index.name = "ts"
    return frame


def moment(seconds: int) -> pd.Timestamp:
    """A time without a zone, as the indexes have them."""
    return pd.Timestamp(seconds, unit="s")
