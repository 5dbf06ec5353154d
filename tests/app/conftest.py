from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path):
    """Writes a configuration file; gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "seamless.yaml"
        path.write_text(text)
        return path

    return write
