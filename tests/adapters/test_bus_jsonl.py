"""Governance events in a file."""

import gc
import json
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from seamless_lab.adapters.bus_jsonl import JsonlBus
from seamless_lab.engine.events import Event
from seamless_lab.errors import StoreUnavailable
from tests.waiting import until


def event(number: int) -> Event:
    return Event(
        "seamless.backfill.attempt", 1_000 + number, {"node_id": "ohlcv:x:Ä/B:1m", "start": number, "name": None}
    )


def lines(path: Path) -> list[bytes]:
    """Of all files kept, oldest first; nobody appends meanwhile."""
    rotated = sorted(path.parent.glob(path.name + ".[0-9]*"), key=lambda file: -int(file.suffix[1:]))
    return [line for file in (*rotated, path) if file.exists() for line in file.read_bytes().splitlines()]


def events(path: Path) -> list[Event]:
    return [Event(**json.loads(line)) for line in lines(path)]


def test_events_are_appended_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    bus = JsonlBus(path)
    bus.publish([event(1), event(2)])
    bus.publish([event(3)])
    assert events(path) == [event(1), event(2), event(3)]
    assert path.read_bytes().count(b"\n") == 3


def test_as_a_sink_it_never_waits_and_keeps_the_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    bus = JsonlBus(path)
    for number in range(500):
        bus(event(number))
    bus.close()
    assert [found.at_ms for found in events(path)] == [1_000 + number for number in range(500)]
    bus(event(500))
    bus.flush()
    assert len(events(path)) == 501


def writers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "seamless-bus"}


def test_a_closed_bus_leaves_no_thread_and_is_let_go(tmp_path: Path) -> None:
    before, bus = writers(), JsonlBus(tmp_path / "events.jsonl")
    for number in range(2):  # the second time after a close
        bus(event(number))
        assert len(writers() - before) == 1
        bus.close()
        bus.close()
        until(lambda: not writers() - before)
    assert events(tmp_path / "events.jsonl") == [event(0), event(1)]
    gone = weakref.ref(bus)
    del bus
    gc.collect()
    assert gone() is None, "atexit keeps every bus there ever was"


def test_a_bus_that_fails_to_flush_leaves_no_thread_either(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    before, bus = writers(), JsonlBus(tmp_path / "events.jsonl")
    bus(event(1))
    with pytest.raises(StoreUnavailable):
        bus.close()
    until(lambda: not writers() - before)


def test_events_that_come_while_it_is_closed_are_kept(tmp_path: Path) -> None:
    bus, ended = JsonlBus(tmp_path / "events.jsonl"), threading.Event()

    def close_often() -> None:
        while not ended.is_set():
            bus.close()

    closing = threading.Thread(target=close_often)
    closing.start()
    for number in range(200):
        bus(event(number))
    ended.set()
    closing.join()
    bus.close()
    assert [found.at_ms for found in events(tmp_path / "events.jsonl")] == [1_000 + number for number in range(200)]


def test_flushing_an_unused_bus_makes_no_file(tmp_path: Path) -> None:
    JsonlBus(tmp_path / "events.jsonl").flush()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_at_the_flush(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    bus = JsonlBus(tmp_path / "events.jsonl")
    with pytest.raises(StoreUnavailable, match="cannot be appended to"):
        bus.publish([event(1)])
    bus(event(1))
    with pytest.raises(StoreUnavailable, match="cannot be appended to"):
        bus.flush()
    bus.flush()


def test_files_are_rotated_by_size_and_the_oldest_forgotten(tmp_path: Path) -> None:
    bus = JsonlBus(tmp_path / "events.jsonl", max_bytes=300, files_kept=2)
    for number in range(30):
        bus.publish([event(number)])
    assert sorted(file.name for file in tmp_path.glob("events.jsonl*") if file.suffix != ".lock") == [
        "events.jsonl",
        "events.jsonl.1",
        "events.jsonl.2",
    ]
    kept = [found.at_ms for found in events(tmp_path / "events.jsonl")]
    assert kept == list(range(1_030 - len(kept), 1_030))
    assert 6 <= len(kept) < 30


def test_a_torn_line_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    bus = JsonlBus(path)
    bus.publish([event(1)])
    with path.open("ab") as file:
        file.write(b'{"name":"seam')
    bus.publish([event(2)])
    first, torn, last = lines(path)
    assert torn == b'{"name":"seam'
    assert [Event(**json.loads(line)) for line in (first, last)] == [event(1), event(2)]


APPEND = """
import sys
from pathlib import Path
from seamless_lab.adapters.bus_jsonl import JsonlBus
from seamless_lab.engine.events import Event
bus = JsonlBus(Path(sys.argv[1]), max_bytes=2_000, files_kept=50)
for number in range(60):
    bus(Event(sys.argv[2], number, {"filler": "x" * 40}))
    if number % 7 == 0:
        bus.flush()
"""


def test_what_is_lost_at_exit_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    code = APPEND.replace("bus.flush()", "pass").replace(", max_bytes=2_000, files_kept=50", "")
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "events.jsonl"), "a"], capture_output=True, text=True, check=True
    )
    assert "RuntimeWarning" in ran.stderr
    assert "cannot be appended to: Is a directory" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_processes_append_whole_lines_across_rotations_and_lose_none_at_exit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPEND, str(tmp_path / "events.jsonl")]
    running = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in "abc"]
    assert [process.communicate()[1] for process in running] == [b""] * 3
    found = events(tmp_path / "events.jsonl")
    for name in "abc":
        assert [one.at_ms for one in found if one.name == name] == list(range(60))
