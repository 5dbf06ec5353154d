"""A month that was sealed day by day becomes one file when the next month begins, and `compact` does the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.app.lab import Lab
from seamless_lab.core.time import parse_time
from seamless_lab.errors import ConfigError, NotFound
from tests.engine.sources import Heard, scripted_lab

NODE, DAY = "ohlcv:binance:BTC/USDT:1h", 86_400
SMALL = "ohlcv:binance:BTC/USDT:1m"
FEBRUARY = parse_time("2024-02-01", now_s=0)


def rows_files(lab: Lab, node: str = SMALL) -> list[Path]:
    root = Path(lab.wiring.sealed.url) / lab.door.node(node).path / "data"
    return sorted(root.glob("*.parquet"))


def fetch_by_day(lab: Lab, clock: ManualClock, first_s: int, days: int) -> None:
    for day in range(days):
        start = first_s + day * DAY
        clock.advance(start + DAY + 3_600 - clock.now_ms() / 1000)
        lab.fetch(SMALL, start, start + DAY)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock((FEBRUARY - 3 * DAY) * 1000)


def test_a_month_is_folded_when_the_next_one_begins(tmp_path, clock) -> None:
    heard = Heard()
    with scripted_lab(tmp_path, clock) as lab:
        lab.add_sink(heard)
        fetch_by_day(lab, clock, FEBRUARY - 3 * DAY, 3)
        january = lab.manifest(SMALL)
        leaves = rows_files(lab)
        assert not heard.of("seamless.artifact.compacted")
        fetch_by_day(lab, clock, FEBRUARY, 1)
        (told,) = heard.of("seamless.artifact.compacted")
        assert (told.fields["node_id"], told.fields["files"]) == (SMALL, 1)
        assert len(rows_files(lab)) == len(leaves) + 2, "a file of January, and the first of February"
        assert lab.fetch(january.ref, FEBRUARY - 3 * DAY, FEBRUARY, domain="research").rows == 3 * 1440
        assert lab.verify(SMALL).exit_code == 0
        fetch_by_day(lab, clock, FEBRUARY + DAY, 1)
        assert len(heard.of("seamless.artifact.compacted")) == 1


def test_damage_that_folding_meets_is_told_and_what_was_sealed_stays_sealed(tmp_path, clock, monkeypatch) -> None:
    heard = Heard()
    with scripted_lab(tmp_path, clock) as lab:
        fetch_by_day(lab, clock, FEBRUARY - 3 * DAY, 3)
        rotten = rows_files(lab)[0]
    rotten.chmod(0o644)
    rotten.write_bytes(rotten.read_bytes()[:-40] + b"\0" * 40)
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "another machine"))
    with scripted_lab(tmp_path, clock) as lab:
        lab.add_sink(heard)
        fetch_by_day(lab, clock, FEBRUARY, 1)
        (told,) = heard.of("seamless.artifact.compacted")
        assert rotten.name in str(told.fields["error"])
        assert lab.manifest(SMALL).version.commit.seq == 4


def test_compact_folds_what_came_late_and_deletes_old_leftovers(tmp_path, clock) -> None:
    with scripted_lab(tmp_path, clock) as lab:
        fetch_by_day(lab, clock, FEBRUARY - 3 * DAY, 3)
        clock.advance(3 * DAY)
        head = lab.manifest(SMALL)
        young, old = (rows_files(lab)[0].with_name(letter * 64 + ".parquet") for letter in "ab")
        for leftover in (young, old):
            leftover.write_bytes(b"left by a publisher that was killed")
            os.utime(leftover, times=(clock.now_ms() / 1000 - (10 if leftover == young else 2 * DAY),) * 2)
        report = lab.compact()
        assert report.to_dict()["nodes"] == [
            {
                "node": SMALL,
                "files_written": 1,
                "files_swept": 1,
                "bytes_swept": 35,
            }
        ]
        assert (young.exists(), old.exists()) == (True, False)
        young.unlink()
        assert lab.manifest(SMALL).version.tree.fingerprint == head.version.tree.fingerprint
        assert "nothing to do" in str(lab.compact(SMALL))
        assert lab.verify().exit_code == 0


def test_compacting_what_is_not_sealed_is_refused(tmp_path, clock) -> None:
    with scripted_lab(tmp_path, clock) as lab, pytest.raises(NotFound):
        lab.compact(NODE)


def test_what_hinders_folding_fails_no_fetch_whose_bars_are_sealed(tmp_path, clock, monkeypatch) -> None:
    heard = Heard()
    with scripted_lab(tmp_path, clock) as lab:
        lab.add_sink(heard)
        fetch_by_day(lab, clock, FEBRUARY - 3 * DAY, 3)

        def full(*_: object, **__: object) -> None:
            raise ConfigError("No space left on device")

        monkeypatch.setattr(type(lab.wiring.sealed), "compact", full)
        fetch_by_day(lab, clock, FEBRUARY, 1)
        (told,) = heard.of("seamless.artifact.compacted")
        assert "No space left" in str(told.fields["error"])
        monkeypatch.undo()
        assert lab.compact().nodes[0].written == 1
