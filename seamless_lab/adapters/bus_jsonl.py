"""Governance events as lines of JSON in a file that all processes of a machine append to."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import queue
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seamless_lab.adapters.durability import sync_folder
from seamless_lab.engine.events import Event
from seamless_lab.errors import StoreUnavailable

MAX_BYTES = 16 << 20
FILES_KEPT = 4
LOCK_TIMEOUT_S = 10


class JsonlBus:
    """An append-only file of events, synced to disk, rotated by size (`events.jsonl`, `events.jsonl.1`, ...).

    Calling it is a sink: the event is queued and a thread of its own appends it, so that nobody waits for a disk.
    `publish` appends in the caller's thread.

    Parameters
    ----------
    path
        Of the newest file.
    max_bytes
        A file that has reached this size is rotated before the next append.
    files_kept
        Rotated files kept, besides the newest.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, files_kept: int = FILES_KEPT) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._files_kept = files_kept
        self._waiting: queue.SimpleQueue[Event | threading.Event | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._failure: StoreUnavailable | None = None

    def __call__(self, event: Event) -> None:
        """Queue an event; never blocks, never raises. What goes wrong is raised by `flush` and `close`."""
        self._waiting.put(event)
        self._start()

    def publish(self, events: Sequence[Event]) -> None:
        """Append events; on return they are on disk. Lines of several processes never mix.

        Raises
        ------
        StoreUnavailable
            The file cannot be written.
        """
        data = "".join(_line(event) for event in events).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._rotate()
                _append(self.path, data)
        except OSError as error:
            raise StoreUnavailable(
                f"{self.path} cannot be appended to: {error.strerror}.", hint="Check the disk.", path=str(self.path)
            ) from error

    def flush(self) -> None:
        """Wait until all queued events are on disk.

        Raises
        ------
        StoreUnavailable
            Some could not be written since the last flush.
        """
        if self._writer is not None:
            written = threading.Event()
            self._waiting.put(written)
            self._start()
            written.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Flush, and let the thread end; the bus may be used again afterwards."""
        try:
            self.flush()
        finally:
            if self._writer is not None:
                self._waiting.put(None)

    def _close_at_exit(self) -> None:
        try:
            self.close()
        except StoreUnavailable as error:  # there is nobody left to catch it
            warnings.warn(error.message, RuntimeWarning, stacklevel=1)

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                atexit.register(self._close_at_exit)  # the writer is a daemon: what is queued must not die with it
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write_all, name="seamless-bus", daemon=True)
                self._writer.start()

    def _write_all(self) -> None:
        while True:
            batch, flushed, closed = self._batch()
            try:
                if batch:
                    self.publish(batch)
            except StoreUnavailable as error:
                self._failure = error
            for written in flushed:
                written.set()
            if closed and self._may_end():
                return

    def _may_end(self) -> bool:
        with self._starting:
            if not self._waiting.empty():  # used again meanwhile
                return False
            self._writer = None
            atexit.unregister(self._close_at_exit)
            return True

    def _batch(self) -> tuple[list[Event], list[threading.Event], bool]:
        """What waits, at least one, and whether a `close` is among it; one sync serves them all."""
        found = [self._waiting.get()]
        while not self._waiting.empty():
            found.append(self._waiting.get())
        return (
            [one for one in found if isinstance(one, Event)],
            [one for one in found if isinstance(one, threading.Event)],
            None in found,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        with self.path.with_name(self.path.name + ".lock").open("wb") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise StoreUnavailable(
                            f"{self.path} stayed locked by another process for {LOCK_TIMEOUT_S} s.",
                            hint="Look for a stopped process that has it open (lsof).",
                            path=str(self.path),
                        ) from error
                    time.sleep(0.002)
            yield

    def _rotate(self) -> None:
        if not self.path.exists() or self.path.stat().st_size < self._max_bytes:
            return
        for number in range(self._files_kept - 1, -1, -1):
            if self._numbered(number).exists():
                self._numbered(number).replace(self._numbered(number + 1))

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")


def _append(path: Path, data: bytes) -> None:
    new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":  # a torn line of a process that died: ours starts on the next
            data = b"\n" + data
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    finally:
        os.close(file)
    if new:
        sync_folder(path.parent)


def _line(event: Event) -> str:
    record = {"name": event.name, "at_ms": event.at_ms, "fields": event.fields}
    return json.dumps(record, separators=(",", ":")) + "\n"
