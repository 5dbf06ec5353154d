"""Objects in any store that fsspec reaches: buckets, web servers, `memory://`."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from threading import Lock
from urllib.parse import urlsplit, urlunsplit

import fsspec

from seamless_lab.errors import ConfigError, NotFound, RequestError

_MEMORY = Lock()  # fsspec's memory files are one dict of the process and check-then-write
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "created")
_PROBES = 4


class FsspecObjects:
    """An `ObjectStore` on an fsspec URL. Reads from anything; creates only where creating if absent is atomic.

    That is so for `memory://` (within this process), and for others if a probe finds it: of several writers to one
    new name exactly one succeeds, and its bytes stay. The probe runs before the first `create` and leaves nothing
    behind.

    Parameters
    ----------
    url
        Such as `s3://bucket/folder`; credentials belong in `options` or the environment.
    options
        Passed to the file system.
    """

    def __init__(self, url: str, options: dict[str, str | bool | int | float | dict[str, str]] | None = None) -> None:
        self._files, root = fsspec.core.url_to_fs(url, **(options or {}))
        self._root = str(root).rstrip("/")
        protocol = self._files.protocol
        self._protocols = (protocol,) if isinstance(protocol, str) else tuple(protocol)
        self._url = _public(url)
        self._probed = "memory" in self._protocols

    @property
    def url(self) -> str:
        """The URL without user, password and query."""
        return self._url

    def create(self, path: str, data: bytes) -> bool:
        """Store if absent; see the port.

        Raises
        ------
        ConfigError
            If the store does not create atomically.
        """
        target = self._locate(path)
        if not self._probed:
            self._probe()
            self._probed = True
        return self._create(target, data)

    def read(self, path: str) -> bytes:
        """The bytes; see the port."""
        try:
            return bytes(self._files.cat_file(self._locate(path)))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"There is no {path} in {self._url}.", path=path, store=self._url) from error

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        return bool(self._files.isfile(self._locate(path)))

    def list(self, prefix: str) -> Sequence[tuple[str, int, int]]:
        """All objects under a folder; see the port."""
        self._files.invalidate_cache()
        found = self._files.find(self._locate(prefix), detail=True)
        skip = len(self._root) + 1
        return sorted((str(name)[skip:], int(info["size"] or 0), _modified_ms(info)) for name, info in found.items())

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under a folder, sorted."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._locate(prefix), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(info["name"]).rstrip("/").rpartition("/")[2] for info in found if info["type"] == "directory")

    def delete(self, path: str) -> None:
        """Remove an object; absent is fine."""
        with suppress(FileNotFoundError):
            self._files.rm_file(self._locate(path))

    def _create(self, target: str, data: bytes) -> bool:
        try:
            with _MEMORY if "memory" in self._protocols else nullcontext():
                self._files.pipe_file(target, data, mode="create")
        except FileExistsError:
            return False
        return True

    def _probe(self) -> None:
        """Several writers race for new names; exactly one may win each."""
        if "file" in self._protocols:
            raise ConfigError(
                f"{self._url} is a folder: publish to it by its path, not through a URL.",
                hint=f"Write {self._root}.",
                store=self._url,
            )
        try:
            with ThreadPoolExecutor(2) as pool:
                for _ in range(_PROBES):
                    target = f"{self._root}/.probe-{secrets.token_hex(8)}"
                    try:
                        won = list(pool.map(lambda data, target=target: self._create(target, data), (b"one", b"two")))
                        won.append(self._create(target, b"three"))
                        kept = bytes(self._files.cat_file(target))
                    finally:
                        with suppress(FileNotFoundError):
                            self._files.rm_file(target)
                    if sum(won) != 1 or won[2] or kept != (b"one", b"two")[won.index(True)]:
                        raise self._refused("two writers of one new object both succeeded")
        except (NotImplementedError, TypeError, ValueError, PermissionError) as error:
            raise self._refused(f"creating an object failed ({error})") from error

    def _refused(self, reason: str) -> ConfigError:
        return ConfigError(
            f"{self._url} cannot be published to: {reason}.",
            hint="Publish to a local folder, or to an S3 API that supports conditional PUT (If-None-Match).",
            store=self._url,
        )

    def _locate(self, path: str) -> str:
        parts = path.strip("/").split("/")
        if path.startswith("/") or "\\" in path or any(part in ("..", ".") or (not part and path) for part in parts):
            raise RequestError(f"{path!r} is no relative path inside a store.", path=path)
        return f"{self._root}/{path.strip('/')}".rstrip("/")


def _public(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _modified_ms(info: dict[str, object]) -> int:
    for name in _MODIFIED:
        match info.get(name):
            case dt.datetime() as moment:
                return int(moment.timestamp() * 1_000)
            case float() | int() as seconds:
                return int(seconds * 1_000)
            case str() as text:
                with suppress(ValueError):
                    return int(dt.datetime.fromisoformat(text).timestamp() * 1_000)
    return 0
