"""`config show`: each value with where it comes from, credentials masked."""

from __future__ import annotations

from dataclasses import dataclass

from seamless_lab.app.config.sources import DEFAULT_ORIGIN
from seamless_lab.app.secret import show
from seamless_lab.app.settings import Settings


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One key: its value (JSON-ready, masked), and where it comes from."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class ConfigView:
    """The rows of a configuration, sorted by key; `file` is what was read, or empty."""

    rows: tuple[ConfigRow, ...]
    file: str

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: `file` (None without one), and `settings` by key with `value` and `origin`."""
        return {
            "file": self.file or None,
            "settings": {row.key: {"value": row.value, "origin": row.origin} for row in self.rows},
        }


def view(settings: Settings, *, section: str = "", changed: bool = False) -> ConfigView:
    """The rows of a section (all by default); with `changed`, only those that are not defaults."""
    rows = []
    for name in sorted(settings.values):
        origin = settings.origins.get(name, DEFAULT_ORIGIN)
        inside = not section or name == section or name.startswith(f"{section}.")
        if not inside or (changed and origin == DEFAULT_ORIGIN):
            continue
        rows.append(ConfigRow(name, show(settings.values[name]), str(origin)))
    return ConfigView(tuple(rows), str(settings.file or ""))
