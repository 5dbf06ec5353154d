from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seamless_lab.app.lab import Lab
from tests.app.compare.versions import FIRST_MS, fill
from tests.engine.artifacts.making import Ticking, open_store


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    home = tmp_path / "home"
    clock = Ticking(FIRST_MS)
    fill(open_store(home / "artifacts", clock=clock), clock)
    with Lab(str(home)) as opened:
        yield opened
