"""Results in a file: equal content gives equal bytes, and a file appears whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from seamless_lab.app.atomic_file import put
from seamless_lab.app.results import FetchResult
from seamless_lab.core.bars import VALUES
from seamless_lab.errors import RequestError

ROW_GROUP_ROWS = 131_072


class Written(Protocol):
    """A result that may be written to a file."""

    @property
    def exit_code(self) -> int:
        """0 when it may be written."""
        ...


T = TypeVar("T", bound=Written)
Forms = Mapping[str, Callable[[T], bytes]]
"""How a result is written, by what the file's name ends in; the first is the one to advise."""


def writer(target: str | Path, *, force: bool) -> Callable[[FetchResult], None]:
    """`file_writer` of bars."""
    return file_writer(target, {".parquet": parquet_bytes, ".csv": csv_bytes}, force=force, noun="bars")


def file_writer(target: str | Path, forms: Forms[T], *, force: bool, noun: str) -> Callable[[T], None]:
    """A function that writes a result to `target`, atomically; checks now what can be checked before it is there.

    It writes nothing when the answer was refused (`exit_code` is not 0), nor when the file already has these bytes.

    Raises
    ------
    RequestError
        For a folder or a pipe, a suffix that has no form, a name that the system refuses, or a place below a folder
        that does not exist; when called, for a file with other content unless `force`.
    """
    path, suffixes = Path(target), tuple(forms)
    try:
        is_folder, is_other = path.is_dir(), path.exists() and not path.is_file()
    except OSError as error:  # too long a name, or a folder that may not be entered
        raise _refused(path, error) from error
    if is_folder or str(target).endswith(("/", os.sep)):
        raise RequestError(
            f"--out {target} is a folder, and {noun} go into a file.",
            hint=f"Write {path / f'{noun}{suffixes[0]}'}.",
            path=str(target),
        )
    if is_other:  # a pipe has no end to read up to, and a rename would replace it
        raise RequestError(
            f"--out {target} is no regular file, and {noun} go into one.",
            hint="Choose another name.",
            path=str(target),
        )
    suffix = path.suffix.lower()
    if suffix not in forms:
        near = get_close_matches(suffix, suffixes, n=1)
        stem = path.name.removesuffix(path.suffix)
        raise RequestError(
            f"--out {path}: a file of {noun} ends in {' or '.join(suffixes)}, not {suffix or 'nothing'}.",
            hint=f"Write {path.with_name(stem + (near[0] if near else suffixes[0]))}.",
            path=str(path),
        )
    if not path.parent.is_dir():
        raise RequestError(
            f"--out {path}: there is no folder {path.parent}.", hint=f"mkdir -p {path.parent}", path=str(path)
        )

    def write(result: T) -> None:
        if result.exit_code != 0:
            return
        data = forms[suffix](result)
        if not force and path.exists():
            try:
                same = path.read_bytes() == data
            except OSError as error:
                raise _refused(path, error) from error
            if same:
                return
            raise RequestError(
                f"--out {path}: the file is there already, with other content.",
                hint="Add --force to replace it, or choose another name.",
                path=str(path),
            )
        put(path, data)

    return write


def _refused(path: Path, error: OSError) -> RequestError:
    return RequestError(f"--out {path}: {error.strerror}.", hint="Choose another name or folder.", path=str(path))


def parquet_bytes(result: FetchResult) -> bytes:
    """Columns `ts` (epoch seconds), `time` (UTC), prices and volume; node, window and content digest as metadata."""
    metadata = {
        "seamless.node": str(result.node),
        "seamless.window": str(result.window),
        "seamless.content": f"sha256:{result.content}",
    }
    return parquet_of(_canonical(result.frame), metadata, sorted_by=(0,))


def parquet_of(frame: pl.DataFrame, metadata: Mapping[str, str], *, sorted_by: Sequence[int] = ()) -> bytes:
    """A frame as Parquet, the same bytes for the same values; `sorted_by`: columns by place."""
    import pyarrow.parquet as pq

    table = frame.rechunk().to_arrow().combine_chunks().replace_schema_metadata(dict(metadata))
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        version="2.6",
        compression="zstd",
        compression_level=3,
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=False,
        sorting_columns=[pq.SortingColumn(place) for place in sorted_by] or None,
    )
    return buffer.getvalue()


def csv_bytes(result: FetchResult) -> bytes:
    """`time` in ISO-8601, then prices and volume with the shortest digits that read back equal; empty for no volume."""
    frame = _canonical(result.frame).select("time", *VALUES)
    return frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ", line_terminator="\n").encode()


def _canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """One chunk, and no -0.0, which has the digest of 0.0 but other bytes."""
    return frame.with_columns(pl.col(*VALUES) + 0.0).rechunk()
