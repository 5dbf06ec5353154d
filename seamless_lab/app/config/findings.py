"""What is wrong with a configuration, as values: `config validate` lists them, starting raises the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from seamless_lab.errors import ConfigError, NotAvailableYet


class Level(StrEnum):
    """`error`: nothing starts; `warning`: it starts, but should be known."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a configuration: which key, what about it, what to do, and where it was written."""

    level: Level
    key: str
    message: str
    hint: str = ""
    origin: str = ""
    not_yet: bool = False

    def to_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return {name: str(value) for name, value in asdict(self).items() if name != "not_yet"}


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """What `config validate` found. `profile` is what was checked for; `file` what was read, or empty."""

    profile: str
    file: str
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 it starts, 2 the configuration is wrong."""
        return 2 if any(finding.level is Level.ERROR for finding in self.findings) else 0

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "profile": self.profile,
            "file": self.file,
            "exit_code": self.exit_code,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def require(findings: Iterable[Finding]) -> None:
    """Return when no finding is an error.

    Raises
    ------
    NotAvailableYet
        When the first error is about something documented that this version does not have.
    ConfigError
        Otherwise.
    """
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if not errors:
        return
    first, *others = errors
    more = f" ({len(others)} more: `seamless config validate` lists them.)" if others else ""
    kind = NotAvailableYet if first.not_yet else ConfigError
    raise kind(first.message + more, hint=first.hint, key=first.key, origin=first.origin, errors=len(errors))
