"""Labs for tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from tests.engine.one_day import BEGIN, DAY, FIRST, NODE, Home
from tests.engine.sources import ScriptedSource, scripted_lab


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    clock = ManualClock((BEGIN + 40 * DAY) * 1000)
    source = ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.fetch(NODE, FIRST.start, FIRST.end)
        yield Home(lab, clock, source)
