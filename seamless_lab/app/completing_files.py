"""Files and folders that complete a path being typed, where no shell does it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

FILE, FOLDER = "file", "folder"
MOST_SEEN = 5_000
"""Entries of a folder that are looked at: a person waits."""


def completing_files(fragment: str, patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Paths that begin with `fragment`, sorted, each with what it is: folders, ending in a slash, and matching files.

    What begins with a dot is offered once a dot is typed. A folder that cannot be read has nothing.
    """
    typed, slash, start = fragment.rpartition("/")
    try:
        folder = Path(typed + slash).expanduser()  # raises where there is no such user
        with os.scandir(folder) as entries:
            seen = list(islice(entries, MOST_SEEN))
    except (OSError, RuntimeError):
        return
    for entry in sorted(seen, key=lambda entry: entry.name):
        name = entry.name
        if not name.startswith(start) or (name.startswith(".") and not start.startswith(".")):
            continue
        if entry.is_dir():
            yield f"{typed}{slash}{name}/", FOLDER
        elif any(fnmatch(name, pattern) for pattern in patterns):
            yield f"{typed}{slash}{name}", FILE
