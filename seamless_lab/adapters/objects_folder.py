"""Objects as files of one local folder."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from seamless_lab.adapters.durability import sync_folder
from seamless_lab.errors import ConfigError, Corrupted, NotFound, RequestError, StoreUnavailable

_READ_ONLY = 0o444

_IMPROPER = re.compile(r"\A/|[\\\0]|(?:\A|/)\.\.?(?:/|\Z)|//+[^/]")
"""What no relative path inside a store has: a root, a backslash, a null, a step up or nowhere, an empty part."""


class FolderObjects:
    """An `ObjectStore` on a local folder, shared by any number of processes.

    `create` writes a temporary file beside the target, syncs it, links it to its name (which fails if the name
    exists) and syncs the folder: after it returns the object survives a power cut, and nobody ever sees part of one.
    What a killed process leaves behind is named `.<random>.tmp` and appears in `list`, so that a sweep finds it.

    Parameters
    ----------
    root
        Made when the first object is created.
    """

    def __init__(self, root: Path | str) -> None:
        self._root = os.path.abspath(root)  # text joins are much cheaper than Path in the read path
        self._made: set[str] = set()

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return self._root

    def create(self, path: str, data: bytes) -> bool:
        """Store durably if absent; see the port.

        Raises
        ------
        ConfigError
            If the folder cannot be written.
        Corrupted
            If something that is no file has its name: it could be neither read nor replaced.
        """
        target = self._locate(path)
        if os.path.lexists(target):
            _require_file(target)
            return False
        try:
            return self._create(target, data)
        except OSError as error:
            raise ConfigError(
                f"{self._root} cannot be written: {error.strerror or error}.",
                hint="Check its permissions and free space; the file system must have hard links.",
                path=path,
                store=self._root,
            ) from error

    def _create(self, target: str, data: bytes) -> bool:
        folder = os.path.dirname(target)
        self._make(folder)
        temporary = f"{folder}/.{secrets.token_hex(8)}.tmp"
        try:
            _write_synced(temporary, data)
            try:
                os.link(temporary, target)
            except FileExistsError:
                _require_file(target)
                return False
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        sync_folder(folder)
        return True

    def read(self, path: str) -> bytes:
        """The bytes; see the port."""
        try:
            with open(self._locate(path), "rb", buffering=0) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise NotFound(f"There is no {path} in {self._root}.", path=path, store=self._root) from error
        except OSError as error:
            raise self._unreadable(path, error) from error

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        return os.path.isfile(self._locate(path))

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        """All files under a folder; see the port."""
        try:
            return sorted(_walk(self._locate(prefix), prefix.strip("/")))
        except OSError as error:
            raise self._unreadable(prefix, error) from error

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under a folder, sorted."""
        try:
            with os.scandir(self._locate(prefix)) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._unreadable(prefix, error) from error

    def delete(self, path: str) -> None:
        """Remove a file; absent is fine."""
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self._locate(path))

    def _unreadable(self, path: str, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"{error.filename or f'{self._root}/{path}'} cannot be read: {error.strerror or error}.",
            hint="Check its permissions and the disk, then run again.",
            path=path,
            store=self._root,
        )

    def _locate(self, path: str) -> str:
        # the search takes microseconds, which a catalogue of ten thousand series feels: most paths show without it
        suspicious = any(sign in path for sign in ("/.", "//", "\\", "\0")) or path[:1] in ("/", ".")
        if suspicious and _IMPROPER.search(path):
            raise RequestError(f"{path!r} is no relative path inside a store.", path=path)
        return f"{self._root}/{path.strip('/')}"

    def _make(self, folder: str) -> None:
        if folder in self._made and os.path.isdir(folder):
            return
        missing = []
        parent = folder
        while not os.path.isdir(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        os.makedirs(folder, exist_ok=True)
        for made in missing:  # a new folder lasts once its parent is synced
            sync_folder(os.path.dirname(made))
        self._made.add(folder)


def _write_synced(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_file(target: str) -> None:
    """Refuse what has the name of an object and is no file, such as a link to one that is not there."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:  # swept meanwhile
        return
    if stat.S_ISREG(mode) or os.path.isfile(target):
        return
    what = "a folder" if stat.S_ISDIR(mode) else "a link that leads to no file" if stat.S_ISLNK(mode) else "no file"
    raise Corrupted(
        f"{target} is {what}.",
        hint="Restore the file from a copy, or move aside what has its name; then run again.",
        path=target,
        expected=None,
        found=what,
    )


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            path = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir():
                yield from _walk(entry.path, path)
                continue
            with suppress(FileNotFoundError):  # swept meanwhile
                leads_nowhere = entry.is_symlink() and not os.path.exists(entry.path)
                found = entry.stat(follow_symlinks=not leads_nowhere)
                yield path, found.st_size, found.st_mtime_ns // 1_000_000
