"""Settings from given sources, and how they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seamless_lab.app.settings import Settings, resolve_settings
from seamless_lab.errors import ConfigError, NotAvailableYet, SeamlessError


def settings_of(path: Path | None = None, env: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    return resolve_settings(config_file=path, env=env or {}, overrides=overrides)


def refused(path: Path | None = None, env: Mapping[str, str] | None = None, **overrides: object) -> SeamlessError:
    with pytest.raises((ConfigError, NotAvailableYet)) as caught:
        settings_of(path, env, **overrides)
    return caught.value
