"""A file that appears whole or not at all, and keeps the rights of the one it replaces."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from seamless_lab.errors import StoreUnavailable


def put(path: Path, data: bytes) -> None:
    """Write a file: a temporary one beside it, synced, then renamed. A link is followed.

    Raises
    ------
    StoreUnavailable
        If it cannot be written; what was there stays.
    """
    try:
        target = path.resolve()
        replace(target, data, target.with_name(f".{target.name}.{secrets.token_hex(4)}"))
    except (OSError, RuntimeError, ValueError) as error:  # the latter two of a link to itself and of a NUL in the name
        said = getattr(error, "strerror", None) or error
        raise StoreUnavailable(
            f"{path} cannot be written: {said}.", hint="Choose another folder.", path=str(path)
        ) from error


def replace(target: Path, data: bytes, temporary: Path) -> None:
    """Write `temporary`, sync it and rename it to `target`; what a killed writer left under its name goes first.

    Raises
    ------
    OSError
        If it cannot be written; what was there stays, and nothing beside it.
    """
    temporary.unlink(missing_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    # The system applies the umask as it opens: asking for it would change it for every thread.
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    try:
        with os.fdopen(file, "wb") as out:
            if mode is not None:
                os.fchmod(file, mode)  # the umask is for new files: what a group may write stays the group's
            out.write(data)
            out.flush()
            os.fsync(file)
        temporary.replace(target)
    except BaseException:  # also when stopped: no half file stays behind
        temporary.unlink(missing_ok=True)
        raise
