"""Which distributions are installed, and whether their versions are within what the package requires."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*\(?(?P<bounds>[^;)]*)\)?(?:;\s*(?P<marker>.*))?")
_BOUND = re.compile(r"(?P<operator>>=|<=|==|!=|<|>)\s*(?P<version>[\w.]+)")
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of package metadata. `extra` is empty for what is always needed; `bounds` are operator and version."""

    name: str
    bounds: tuple[tuple[str, str], ...]
    extra: str

    def problem(self, installed: Mapping[str, str]) -> str:
        """Why the version installed does not do, or nothing; nothing also when the distribution is absent."""
        seen = installed.get(self.name)
        if seen is None:
            return ""
        for operator, version in self.bounds:
            if not _holds(numbers(seen), operator, numbers(version)):
                return f"{self.name} {seen} is not {operator}{version}"
        return ""


def installed_versions() -> dict[str, str]:
    """Versions of all distributions, by normalised name."""
    return {_normalised(found.name): found.version for found in importlib.metadata.distributions() if found.name}


def requirements_of(distribution: str) -> tuple[Requirement, ...]:
    """What an installed distribution requires; nothing when it is not installed itself."""
    try:
        return parse_requirements(importlib.metadata.requires(distribution) or ())
    except importlib.metadata.PackageNotFoundError:
        return ()


def parse_requirements(lines: Iterable[str]) -> tuple[Requirement, ...]:
    """The lines that can be read; those with a marker other than an extra are left out."""
    found = []
    for line in lines:
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            continue
        extra = _EXTRA.search(parts["marker"] or "")
        if parts["marker"] and extra is None:
            continue
        bounds = tuple((bound["operator"], bound["version"]) for bound in _BOUND.finditer(parts["bounds"]))
        found.append(Requirement(_normalised(parts["name"]), bounds, extra["extra"] if extra else ""))
    return tuple(found)


def numbers(version: str) -> Numbers:
    """The leading numbers of a version; what follows (rc1, post2) does not count."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _holds(seen: Numbers, operator: str, wanted: Numbers) -> bool:
    width = max(len(seen), len(wanted))
    left, right = seen + (0,) * (width - len(seen)), wanted + (0,) * (width - len(wanted))
    match operator:
        case ">=":
            return left >= right
        case "<=":
            return left <= right
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case _:
            return left > right
