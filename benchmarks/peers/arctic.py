"""ArcticDB on LMDB."""

from __future__ import annotations

import arcticdb as adb
import numpy as np
import pandas as pd

from benchmarks.peers.frames import VALUES, indexed, moment

_STATE: dict = {}


def prepare(folder: str, data: str) -> None:
    store = adb.Arctic(f"lmdb://{folder}?map_size=4GB")
    library = store.get_library("bench", create_if_missing=True)
    library.write("bars", indexed(data))
    _STATE.update(store=store, library=library)


def read() -> object:
    return _STATE["library"].read("bars", output_format="polars").data


def read_and_sum() -> float:
    frame = read()
    return float(sum(frame[name].sum() for name in VALUES))


def read_as(output: str) -> object:
    return _STATE["library"].read("bars", output_format=output).data


def week(start: int, end: int, output: str = "polars") -> object:
    window = (moment(start), moment(end - 60))
    return _STATE["library"].read("bars", date_range=window, output_format=output).data


def load_day(data: str) -> None:
    _STATE["day"] = indexed(data)


def append() -> None:
    _STATE["library"].append("bars", _STATE["day"])


def history(folder: str, commits: int) -> None:
    store = adb.Arctic(f"lmdb://{folder}?map_size=4GB")
    library = store.get_library("history", create_if_missing=True)
    frame = pd.DataFrame({"x": np.arange(3.0)}, index=pd.date_range("2024-01-01", periods=3, freq="min"))
    for _ in range(commits):
        library.write("bars", frame)
    _STATE.update(store=store, library=library)


def resolve(as_of: int) -> None:
    _STATE["library"].get_description("bars", as_of=as_of)
