"""Which exchanges the installed ccxt knows, without importing it: that takes half a second."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def installed_exchanges() -> tuple[str, ...]:
    """The ids that ccxt knows, sorted; nothing when it is not installed as files.

    Notes
    -----
    Each exchange is a module of `ccxt.async_support` that has its id for a name.
    """
    found = find_spec("ccxt")
    places = [] if found is None else found.submodule_search_locations or []
    modules = (module for place in places for module in (Path(place) / "async_support").glob("[a-z]*.py"))
    return tuple(sorted(module.stem for module in modules))
