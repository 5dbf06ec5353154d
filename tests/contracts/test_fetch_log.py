"""What every fetch log must do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.adapters.fetch_log_sqlite import SqliteFetchLog
from seamless_lab.adapters.sqlite_file import SqliteFile
from seamless_lab.engine.ports import FetchLog, FetchRecord

RECORD = FetchRecord(
    at_ms=1_000,
    node="ohlcv:binance:BTC/USDT:1m",
    start=0,
    end=600,
    domain="dryrun",
    world="w",
    strategy="SEAMLESS",
    verdict="PARTIAL",
    reasons=("coverage 0.5 < 0.9", "späť"),
    rows=5,
    ratio=0.5,
    phases_ms={"storage": 1.25, "backfill": 1e3},
    budgets_ms={"total": 1_500},
    violated="backfill",
)


@pytest.fixture(params=["sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FetchLog]:
    assert request.param == "sqlite"
    file = SqliteFile(tmp_path / "hot.db")
    yield SqliteFetchLog(file)
    file.close()


def test_a_record_is_read_back_exactly(log: FetchLog) -> None:
    log.append(RECORD)
    assert list(log.since(0)) == [RECORD]


def test_records_come_oldest_first_from_a_moment_on(log: FetchLog) -> None:
    for at_ms in (3_000, 1_000, 2_000):
        log.append(replace(RECORD, at_ms=at_ms))
    assert [record.at_ms for record in log.since(2_000)] == [2_000, 3_000]
    assert list(log.since(3_001)) == []


def test_records_of_one_moment_keep_their_order(log: FetchLog) -> None:
    for rows in (3, 1, 2):
        log.append(replace(RECORD, rows=rows))
    assert [record.rows for record in log.since(1_000)] == [3, 1, 2]


def test_records_of_one_node(log: FetchLog) -> None:
    other = replace(RECORD, node="ohlcv:binance:ETH/USDT:1m")
    log.append(RECORD)
    log.append(other)
    assert list(log.since(0, other.node)) == [other]
