"""The lockfile on disk: read whole, changed by one writer at a time, never half-written."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from seamless_lab.adapters.durability import sync_folder
from seamless_lab.app.atomic_file import replace
from seamless_lab.app.lock.lockfile import Lockfile, render
from seamless_lab.app.lock.reading import parse
from seamless_lab.errors import ConfigError, StoreBusy, StoreUnavailable

WAIT_S = 30.0
"""How long a writer waits for others; each takes milliseconds."""

_POLL_S = 0.005


def load(path: Path) -> Lockfile | None:
    """The lock in a file, or None when there is no file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no lockfile; says where.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check what it is and its permissions."
        ) from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is no text in UTF-8: byte {error.start} is {data[error.start]:#04x}.",
            hint="Restore the file from version control.",
            path=str(path),
        ) from error
    return parse(text, path=str(path))


def edit(path: Path, change: Callable[[Lockfile], Lockfile], *, wait_s: float = WAIT_S) -> tuple[Lockfile, Lockfile]:
    """Replace a lock by `change` of it, atomically and durably; returns what was and what is.

    Writers of one folder take turns, so that none loses what another wrote; readers see the old text or the new one.
    Nothing is written when nothing changes.

    Raises
    ------
    ConfigError
        If the file is no lockfile; it is left as it is.
    StoreBusy
        If other writers hold it for longer than `wait_s`.
    StoreUnavailable
        If the folder cannot be written.
    """
    place = Path(os.path.realpath(path))  # a link stays one
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _turn(place, wait_s):
            before = load(place)
            was = Lockfile() if before is None else before
            now = change(was)
            if before is None or render(now) != render(was):
                _replace(place, render(now).encode())
            return was, now
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Check the permissions and the free space of its folder.",
            path=str(path),
        ) from error


@contextmanager
def _turn(place: Path, wait_s: float) -> Iterator[None]:
    """Hold the lock of the lockfile's folder, which leaves no file behind and ends with the process."""
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(folder, place, wait_s)
        yield
    finally:
        os.close(folder)
    time.sleep(_POLL_S)  # who comes again at once would always be first: those who wait look once before that


def _lock(folder: int, place: Path, wait_s: float) -> None:
    last_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        if time.monotonic() > last_s:
            raise StoreBusy(
                f"{place} has been held by another writer for {wait_s:g} s.",
                hint="Look for a seamless command that hangs, then try again.",
                path=str(place),
            )
        time.sleep(_POLL_S)


def _replace(place: Path, data: bytes) -> None:
    # One name, used under the lock: the next writer removes what a killed one left.
    replace(place, data, place.with_name(f".{place.name}.tmp"))
    sync_folder(place.parent)
