"""A research workbench for market data that can vouch for every bar.

`Lab` is the door; `%load_ext seamless_lab` brings the `%seamless` commands to a notebook. Importing the package loads
nothing heavy: what is named here is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.core.backtest.crossover import crossover
    from seamless_lab.notebook import lab, load_ipython_extension, unload_ipython_extension

__version__ = "0.1.0"

_PLACES = {
    "Lab": "seamless_lab.app.lab",
    "crossover": "seamless_lab.core.backtest.crossover",
    "lab": "seamless_lab.notebook",
    "load_ipython_extension": "seamless_lab.notebook",
    "unload_ipython_extension": "seamless_lab.notebook",
}

__all__ = ["Lab", "__version__", "crossover", "lab", "load_ipython_extension", "unload_ipython_extension"]


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(place), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
