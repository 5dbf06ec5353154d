"""The versions of what computes results."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from seamless_lab.core.digest import CONFORMANCE_VERSION

PACKAGES = {
    "seamless_lab": "seamless-lab",
    "polars": "polars",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "duckdb": "duckdb",
}


def versions() -> dict[str, str]:
    """Versions by name: of this package, its conformance rules, Python and the engines that are installed."""
    found = {"conformance": CONFORMANCE_VERSION, "python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            continue
    return dict(sorted(found.items()))
