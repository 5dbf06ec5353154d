"""A file that appears whole or not at all, and keeps the rights of the one it replaces."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from seamless_lab.errors import StoreUnavailable


def put(path: Path, data: bytes) -> None:
    """Write a file: a temporary one beside it, synced, then renamed. A link is followed.

    Raises
    ------
    StoreUnavailable
        If it cannot be written; what was there stays.
    """
    target = path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(_mode(target))
            Path(temporary).replace(target)
        except BaseException:  # also when stopped: no half file stays behind
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written: {error.strerror or error}.", hint="Choose another folder.", path=str(path)
        ) from error


def _mode(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o7777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
