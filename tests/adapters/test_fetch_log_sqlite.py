"""What the SQLite fetch log does beyond the contract."""

from dataclasses import replace
from pathlib import Path

from seamless_lab.adapters.fetch_log_sqlite import SqliteFetchLog
from seamless_lab.adapters.sqlite_file import SqliteFile
from tests.contracts.test_fetch_log import RECORD


def test_the_oldest_records_are_forgotten(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "hot.db")
    log = SqliteFetchLog(file, records_kept=5)
    for at_ms in range(12):
        log.append(replace(RECORD, at_ms=at_ms))
    kept = [record.at_ms for record in log.since(0)]
    assert kept == list(range(12 - len(kept), 12))
    assert 5 <= len(kept) < 10
    file.close()
