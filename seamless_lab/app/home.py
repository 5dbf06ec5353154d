"""Where stores live. A kernel, a terminal and a Jupyter server that start in the same folder come to the same place."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from seamless_lab.app.paths import path_of
from seamless_lab.errors import ConfigError

FOLDER = ".seamless"
LOCKFILE = "seamless.lock"
SANDBOX_MARK = ".sandbox-home"
"""A file in homes that hold a sandbox's bars, which no project's lockfile should name."""

_FORMER_MARK = "sandbox-home"
_PROGRAM = "seamless-lab"


@dataclass(frozen=True, slots=True)
class UserFolders:
    """A user's folders on this machine: `data` for stores, `cache` for what may be deleted, `home` the user's own."""

    data: Path
    cache: Path
    home: Path


@dataclass(frozen=True, slots=True)
class Home:
    """The place of the stores.

    `root`: nothing is written outside it, except to `cache`. `project`: the folder that holds `.seamless/` or
    `seamless.lock`, None outside of a project. `why`: which rule chose the root.
    """

    root: Path
    project: Path | None
    cache: Path
    why: str

    @property
    def hot(self) -> Path:
        """The hot store's database file."""
        return self.root / "hot.db"

    @property
    def artifacts(self) -> Path:
        """The folder of sealed versions, unless the settings name another store."""
        return self.root / "artifacts"

    @property
    def events(self) -> Path:
        """The file of governance events, one JSON object a line."""
        return self.root / "events.jsonl"

    @property
    def lockfile(self) -> Path:
        """The project's `seamless.lock`; outside of projects, and for a home with a sandbox's bars, one in the root."""
        if self.project is None or is_marked(self.root):
            return self.root / LOCKFILE
        return self.project / LOCKFILE

    @property
    def config_places(self) -> tuple[Path, ...]:
        """Folders in which a `seamless.yaml` is looked for, first wins."""
        return (self.root,) if self.project is None else (self.project, self.root)

    def to_dict(self) -> dict[str, str | None]:
        """Plain JSON values."""
        return {
            "root": str(self.root),
            "why": self.why,
            "project": None if self.project is None else str(self.project),
            "hot": str(self.hot),
            "artifacts": str(self.artifacts),
            "cache": str(self.cache),
            "events": str(self.events),
            "lockfile": str(self.lockfile),
        }


def is_marked(home: Path) -> bool:
    """Whether a home holds a sandbox's bars."""
    return (home / SANDBOX_MARK).exists() or (home / _FORMER_MARK).is_file()


def find_home(
    explicit: Path | str | None,
    environment: Mapping[str, str],
    cwd: Path,
    user: UserFolders,
    *,
    exists: Callable[[Path], bool] = os.path.exists,  # which a folder that may not be entered lets go on
) -> Home:
    """The home for a process.

    `--home`, then `SEAMLESS_HOME`, then the nearest folder at or above `cwd` with `.seamless/` or `seamless.lock`, then
    the user's data folder. Who stands in a home with a sandbox's bars means that one. Relative paths are below `cwd`.
    Creates nothing.

    Parameters
    ----------
    explicit
        What `--home` says, or None.
    cwd
        Absolute. For a notebook, the folder its kernel runs in.
    exists
        Whether a path exists; only the ancestors' marks are asked for.

    Raises
    ------
    ConfigError
        `--home` is empty, a path starts with another user's `~name`, or the system refuses it.
    """
    project = next((place for place in (cwd, *cwd.parents) if exists(place / FOLDER) or exists(place / LOCKFILE)), None)
    cache = _cache(environment, cwd, user)
    if explicit is not None:
        return Home(_absolute(str(explicit), "--home", cwd, user), project, cache, "--home")
    if named := environment.get("SEAMLESS_HOME"):
        return Home(_absolute(named, "SEAMLESS_HOME", cwd, user), project, cache, "SEAMLESS_HOME")
    sandbox = next((place for place in (cwd, *cwd.parents) if exists(place / SANDBOX_MARK)), None)
    if sandbox is not None and not exists(sandbox / FOLDER) and (project is None or sandbox.is_relative_to(project)):
        return Home(sandbox, project, cache, f"{SANDBOX_MARK} in {sandbox}")
    if project is not None:
        mark = FOLDER if exists(project / FOLDER) else LOCKFILE
        return Home(project / FOLDER, project, cache, f"{mark} in {project}")
    return Home(user.data, None, cache, "the user data folder")


def user_folders() -> UserFolders:
    """The folders of the user who runs this process, by the platform's conventions."""
    return UserFolders(
        Path(platformdirs.user_data_dir(_PROGRAM, appauthor=False)),
        Path(platformdirs.user_cache_dir(_PROGRAM, appauthor=False)),
        Path.home(),
    )


def _cache(environment: Mapping[str, str], cwd: Path, user: UserFolders) -> Path:
    named = environment.get("SEAMLESS_CACHE_DIR")
    return _absolute(named, "SEAMLESS_CACHE_DIR", cwd, user) if named else user.cache


def _absolute(text: str, source: str, cwd: Path, user: UserFolders) -> Path:
    if not text.strip():
        raise ConfigError(
            f"{source} is empty; it must name a folder.", hint="Leave it out to use the default.", key=source
        )
    if text == "~" or text.startswith("~/"):
        return user.home / text[2:]
    if text.startswith("~"):
        raise ConfigError(
            f"{source} is {text!r}; of the forms with ~ only ~/folder is read.", hint="Write the full path.", key=source
        )
    return path_of(source, cwd / text, ConfigError)
