"""Verified segments as uncompressed Arrow files, memory-mapped without a copy."""

from __future__ import annotations

import mmap
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pyarrow as pa

from seamless_lab.core.bars import SCHEMA

_READ_ONLY = 0o444
_SUFFIX, _STAMP = ".arrow", ".ok"
_STAMP_BYTES = 128  # more than three numbers take
_ARROW = pl.DataFrame(schema=SCHEMA).to_arrow().schema
_STALE_S = 3_600  # a temporary file this old belongs to nobody alive


class ArrowSegmentCache:
    """A `SegmentCache` in a folder of this machine, shared by all its processes and safe to delete at any time.

    `<digest>.arrow` holds a segment that was verified, `<digest>.ok` the inode, size and modification time it had
    then. Files are written once (temporary file, sync, rename, mode 0444) and only ever unlinked: mapped memory of an
    unlinked file stays valid, while a truncated one would kill the process. When the folder cannot be written,
    segments are served from memory instead.

    Parameters
    ----------
    folder
        On a local disk; made when first needed.
    limit_bytes
        Beyond it the segments that were opened longest ago are unlinked.
    """

    def __init__(self, folder: Path | str, *, limit_bytes: int = 8 << 30) -> None:
        self._folder = os.path.abspath(folder)  # text joins are much cheaper than Path in the read path
        self._limit_bytes = limit_bytes
        self._total_bytes: int | None = None
        self._lock = threading.Lock()

    def load(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> pl.DataFrame | None:
        """The mapped frame of a segment, or None when it is not held.

        A file that is no longer the one that was verified (by inode, size and modification time) is given to
        `verify`, and dropped unless that returns True.
        """
        path = self._path(digest)
        try:
            frame, stamp = _map(path)
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, ValueError):  # truncated, or overwritten by something else
            self.drop(digest)
            return None
        if stamp != _read_stamp(path):
            if not verify(frame):
                self.drop(digest)
                return None
            with suppress(OSError):
                self._write_stamp(digest, stamp)
        with suppress(OSError):  # the time of access orders evictions; the modification time must stay
            os.utime(path, ns=(time.time_ns(), stamp[2]))
        return frame

    def store(self, digest: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep a segment that the caller has verified; returns it mapped, or as given when it cannot be written."""
        if frame.is_empty():
            return frame
        path = self._path(digest)
        temporary = f"{self._folder}/.{secrets.token_hex(8)}.tmp"
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            _write(temporary, frame)
            os.rename(temporary, path)
            mapped, stamp = _map(path)
            self._write_stamp(digest, stamp)
        except (OSError, pa.ArrowException):
            # No space, read-only, or evicted by another process already: a cache may be absent.
            with suppress(OSError):
                os.unlink(temporary)
            return frame
        self._make_room(stamp[1])
        return mapped

    def recheck(self, digest: str, verify: Callable[[pl.DataFrame], bool]) -> bool:
        """Give what is held to `verify`, also where inode, size and modification time are those it was verified with.

        A disk that changes bytes leaves them alone. False when it was not that, and was dropped.
        """
        try:
            frame, _ = _map(self._path(digest))
        except FileNotFoundError:
            return True
        except (OSError, pa.ArrowException, ValueError):
            self.drop(digest)
            return False
        if verify(frame):
            return True
        self.drop(digest)
        return False

    def drop(self, digest: str) -> None:
        """Unlink one segment; maps of it stay valid."""
        for suffix in (_STAMP, _SUFFIX):
            with suppress(OSError):
                os.unlink(f"{self._folder}/{digest}{suffix}")

    def size_bytes(self) -> int:
        """Bytes of all segments held."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, digest: str) -> str:
        return f"{self._folder}/{digest}{_SUFFIX}"

    def _write_stamp(self, digest: str, stamp: tuple[int, int, int]) -> None:
        # Not synced: a torn or missing stamp only means that the segment is hashed once more.
        temporary = f"{self._folder}/.{secrets.token_hex(8)}.tmp"
        with open(temporary, "w", encoding="ascii") as file:
            file.write(" ".join(map(str, stamp)))
        os.rename(temporary, f"{self._folder}/{digest}{_STAMP}")

    def _make_room(self, added_bytes: int) -> None:
        with self._lock:
            self._total_bytes = self.size_bytes() if self._total_bytes is None else self._total_bytes + added_bytes
            if self._total_bytes <= self._limit_bytes:
                return
            entries = sorted(self._entries())  # other processes write too: count again
            total = sum(size for _, size, _ in entries)
            for _, size, digest in entries:
                if total <= self._limit_bytes * 3 // 4:
                    break
                self.drop(digest)
                total -= size
            self._total_bytes = total

    def _entries(self) -> Iterator[tuple[int, int, str]]:
        """`(last opened in ns, bytes, digest)` of each segment; abandoned temporary files are removed on the way."""
        try:
            listing = os.scandir(self._folder)
        except OSError:
            return
        with listing:
            for entry in listing:
                with suppress(FileNotFoundError):
                    found = entry.stat()
                    if entry.name.endswith(_SUFFIX):
                        yield found.st_atime_ns, found.st_size, entry.name.removesuffix(_SUFFIX)
                    elif entry.name.endswith(".tmp") and time.time() - found.st_mtime > _STALE_S:
                        os.unlink(entry.path)


def _write(path: str, frame: pl.DataFrame) -> None:
    batch = frame.rechunk().to_arrow().combine_chunks().to_batches()[0]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def _map(path: str) -> tuple[pl.DataFrame, tuple[int, int, int]]:
    """The frame in a file, and the inode, size and modification time in ns of the very file that is mapped."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = os.fstat(descriptor)
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    # half the cost of pyarrow.memory_map; the frame's buffers keep the map alive
    batch = pa.ipc.open_file(pa.py_buffer(mapped)).get_batch(0)
    if not batch.schema.equals(_ARROW):
        raise ValueError(f"{path} holds no bars")
    return pl.DataFrame(batch), (found.st_ino, found.st_size, found.st_mtime_ns)


def _read_stamp(path: str) -> tuple[int, ...]:
    try:
        descriptor = os.open(path.removesuffix(_SUFFIX) + _STAMP, os.O_RDONLY)
    except OSError:
        return ()
    try:
        return tuple(map(int, os.read(descriptor, _STAMP_BYTES).split()))  # half the cost of a text file
    except (OSError, ValueError):
        return ()
    finally:
        os.close(descriptor)
