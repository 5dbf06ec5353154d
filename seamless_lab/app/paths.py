"""Paths as users give them."""

from __future__ import annotations

from pathlib import Path

from seamless_lab.core.numbers import seen
from seamless_lab.errors import RequestError, SeamlessError


def path_of(name: str, value: object, kind: type[SeamlessError] = RequestError) -> Path:
    """The path that an argument names, whether something is there or not.

    Raises
    ------
    SeamlessError
        Of a `kind`, for what is no text, and for a name that the system refuses.
    """
    try:
        path = Path(value)  # type: ignore[arg-type]  # whatever it is
    except TypeError as error:
        raise kind(f"{name} is {seen(value)}; it is a path.", hint="Write it as text, or leave it out.") from error
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # the latter for characters that no name may have
        said = f"{name} is {seen(str(path))}, which is no path here"
        raise kind(f"{said}: {getattr(error, 'strerror', None) or error}.", hint="Choose another.") from error
    return path
