import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache
from tests.engine.artifacts.making import DAY, HEADER, T0, TimeRange, bars_of

NAMES = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]


def frame(salt: int = 0, days: int = 1) -> pl.DataFrame:
    return bars_of(HEADER, TimeRange(T0, T0 + days * DAY), salt).frame


def refuse(_: pl.DataFrame) -> bool:
    raise AssertionError("a file that did not change is not hashed again")


@pytest.fixture
def cache(tmp_path: Path) -> ArrowSegmentCache:
    return ArrowSegmentCache(tmp_path)


def test_what_is_stored_is_mapped_by_every_process_without_hashing(cache: ArrowSegmentCache, tmp_path: Path) -> None:
    assert cache.load(NAMES[0], refuse) is None
    assert cache.store(NAMES[0], frame()).equals(frame())
    assert cache.load(NAMES[0], refuse).equals(frame())
    program = (
        "import sys; from seamless_lab.adapters.segment_cache_arrow import ArrowSegmentCache as Cache;"
        "print(Cache(sys.argv[1]).load(sys.argv[2], lambda _: False).height)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), NAMES[0]], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "1440"


def test_a_mapped_frame_is_no_copy(cache: ArrowSegmentCache, tmp_path: Path) -> None:
    mapped = cache.store(NAMES[0], frame(days=31))
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert str(tmp_path / NAMES[0]) in maps.read_text()
    begin, size = mapped["close"].to_numpy().__array_interface__["data"][0], mapped.height * 8
    spans = [line.split()[0].split("-") for line in maps.read_text().splitlines() if NAMES[0] in line]
    assert any(int(low, 16) <= begin and begin + size <= int(high, 16) for low, high in spans)


def test_files_are_read_only_and_complete(cache: ArrowSegmentCache, tmp_path: Path) -> None:
    cache.store(NAMES[0], frame())
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".arrow", ".ok"]
    assert (tmp_path / f"{NAMES[0]}.arrow").stat().st_mode & 0o777 == 0o444


def test_a_replaced_file_is_verified_and_then_remembered(cache: ArrowSegmentCache, tmp_path: Path) -> None:
    cache.store(NAMES[0], frame())
    (tmp_path / "copy").write_bytes((tmp_path / f"{NAMES[0]}.arrow").read_bytes())
    (tmp_path / "copy").rename(tmp_path / f"{NAMES[0]}.arrow")
    asked: list[int] = []
    assert cache.load(NAMES[0], lambda found: asked.append(found.height) is None) is not None
    assert asked == [1_440]
    assert cache.load(NAMES[0], refuse) is not None


def test_a_file_that_fails_verification_is_dropped(cache: ArrowSegmentCache, tmp_path: Path) -> None:
    cache.store(NAMES[0], frame())
    os.utime(tmp_path / f"{NAMES[0]}.arrow", ns=(1, 1))
    assert cache.load(NAMES[0], lambda _: False) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"ARROW1", b"\0" * 5_000])
def test_a_file_that_is_no_segment_is_dropped(cache: ArrowSegmentCache, tmp_path: Path, damage: bytes) -> None:
    cache.store(NAMES[0], frame())
    (tmp_path / "bad").write_bytes(damage)
    (tmp_path / "bad").rename(tmp_path / f"{NAMES[0]}.arrow")
    assert cache.load(NAMES[0], lambda _: True) is None
    assert not list(tmp_path.iterdir())


def test_a_frame_outlives_its_file(cache: ArrowSegmentCache) -> None:
    mapped = cache.store(NAMES[0], frame(days=31))
    cache.drop(NAMES[0])
    cache.drop(NAMES[0])
    assert mapped.equals(frame(days=31))
    assert cache.load(NAMES[0], refuse) is None


def test_the_cache_stays_within_its_bound_and_keeps_what_was_opened_last(tmp_path: Path) -> None:
    one = ArrowSegmentCache(tmp_path, limit_bytes=1 << 40)
    one.store(NAMES[0], frame())
    each = one.size_bytes()
    cache = ArrowSegmentCache(tmp_path, limit_bytes=each * 3)
    for name in NAMES[1:3]:
        cache.store(name, frame())
    for age, name in enumerate((NAMES[1], NAMES[2])):  # opened long ago, by another process
        path = tmp_path / f"{name}.arrow"
        os.utime(path, ns=(10**9 + age, path.stat().st_mtime_ns))
    assert cache.load(NAMES[0], refuse) is not None
    cache.store(NAMES[3], frame())
    assert cache.size_bytes() <= each * 3
    assert cache.load(NAMES[1], refuse) is None
    assert cache.load(NAMES[0], refuse) is not None
    assert cache.load(NAMES[3], refuse) is not None


def test_a_folder_that_cannot_be_written_serves_from_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = ArrowSegmentCache(tmp_path / "file" / "below")
    assert cache.store(NAMES[0], frame()).equals(frame())
    assert cache.load(NAMES[0], refuse) is None
    assert cache.size_bytes() == 0


def test_abandoned_temporary_files_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".0123.tmp").write_bytes(b"half")
    os.utime(tmp_path / ".0123.tmp", (1, 1))
    (tmp_path / ".4567.tmp").write_bytes(b"being written")
    ArrowSegmentCache(tmp_path).store(NAMES[0], frame())
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".tmp") == [".4567.tmp"]
