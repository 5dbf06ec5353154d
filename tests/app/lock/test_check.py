"""Checking what is pinned: any change is found and named."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.app.home import FOLDER
from seamless_lab.app.lab import Lab
from seamless_lab.app.lock.disk import edit, load
from seamless_lab.app.lock.lockfile import NotebookRead
from seamless_lab.app.lock.results import Checked, slots_text
from seamless_lab.core.bars import COLUMNS
from seamless_lab.core.identity import parse_node
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.errors import ConfigError, Corrupted, InvalidReference
from tests.app.lock.pinned import HOUR, HOURLY, MINUTES, data_files, move_one_tick, rewrite
from tests.sealed_market import START, seal, walk


def test_what_is_as_it_was_pinned_is_verified(lab) -> None:
    report = lab.check_lock()
    assert (report.state, report.exit_code) == (Checked.VERIFIED, 0)
    assert [check.pin.name for check in report.pins] == ["btc", "eth"]
    assert report.notes == ()
    assert "17,424 bars read and hashed again" in report.to_text()


def test_some_pins_can_be_checked_alone(lab) -> None:
    assert [check.pin.name for check in lab.check_lock(["eth"]).pins] == ["eth"]
    assert [check.pin.name for check in lab.check_lock(["pin:btc"]).pins] == ["btc"]
    with pytest.raises(InvalidReference, match="has no pin 'etc'"):
        lab.check_lock(["etc"])


def test_sealed_notebooks_that_were_not_checked_are_named_with_the_command(lab, project, monkeypatch) -> None:
    def sealed(names: list[str]) -> None:
        read = NotebookRead("a", "pin:btc", parse_node(HOURLY), TimeRange(START, START + HOUR), "0" * 64, "0" * 64)
        notebooks = dict.fromkeys(names, (read,))
        edit(project / "seamless.lock", lambda lock: replace(lock, notebooks={**lock.notebooks, **notebooks}))

    sealed(["notebooks/my study.ipynb", "a.ipynb"])
    (project / "notebooks").mkdir()
    monkeypatch.chdir(project / "notebooks")
    report = lab.check_lock()
    assert report.exit_code == 0, "what was asked is all right"
    assert report.to_dict()["notebooks_not_checked"] == ["../a.ipynb", "my study.ipynb"]
    assert "2 sealed notebooks: seamless lock --check ../a.ipynb 'my study.ipynb'" in report.to_text()
    assert lab.check_lock(["btc"]).notebooks == (), "who names pins knows what is left out"
    sealed([f"{number}.ipynb" for number in range(9)])
    assert "11 sealed notebooks: seamless lock --check NOTEBOOK.ipynb" in lab.check_lock().to_text()
    edit(project / "seamless.lock", lambda lock: replace(lock, pins={}))
    assert "11 sealed notebooks" in lab.check_lock().to_text()


def test_without_a_lockfile_there_is_nothing_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Lab(str(tmp_path / "home")) as lab, pytest.raises(ConfigError, match="There is no lockfile"):
        lab.check_lock()


def test_other_engines_are_noted_and_no_failure(lab, project) -> None:
    edit(project / "seamless.lock", lambda lock: lock.with_pins([], {"polars": "1.0.0", "conformance": "v1"}))
    report = lab.check_lock()
    assert report.exit_code == 0
    assert report.notes[0] == "Pinned with conformance v1; here is v2."
    assert report.notes[1].startswith("Pinned with polars 1.0.0; here is 2")


def test_the_same_bars_in_another_history_are_verified_with_a_note(lab, project, tmp_path) -> None:
    shutil.rmtree(project / FOLDER / "artifacts")
    more = walk(24, HOUR, 3, start=START + 426 * 24 * HOUR)
    seal(project / FOLDER, "BTC/USDT", pl.concat([walk(426 * 24, HOUR, 1), more]))
    report = lab.check_lock(["btc"])
    assert report.exit_code == 0
    assert "histories differ, these bars do not" in report.pins[0].notes[0]


@pytest.mark.parametrize(
    "surroundings",
    [{}, {"TZ": "America/St_Johns"}, {"POLARS_MAX_THREADS": "1"}, {"PYTHONHASHSEED": "7", "LC_ALL": "C"}],
    ids=["here", "another time zone", "one thread", "another seed and locale"],
)
def test_any_process_with_a_cold_cache_verifies_the_same(project, tmp_path, surroundings) -> None:
    program = "import sys; from seamless_lab.cli import main; sys.exit(main())"
    places = {"SEAMLESS_CACHE_DIR": str(tmp_path / "cold")}
    done = subprocess.run(
        [sys.executable, "-c", program, "lock", "--check", "--json"],
        cwd=project, env={**os.environ, **places, **surroundings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, '"state": "verified"' in done.stdout.replace('":"', '": "')) == (0, True), done.stderr


def test_one_tick_anywhere_is_found_and_named(lab, project, original) -> None:
    lab.check_lock()  # so that whatever can be remembered is
    lab.fetch("pin:btc"), lab.fetch("pin:eth")
    chance, files = random.Random(5), data_files(project)
    places = [(path, column) for path in files for column in COLUMNS]
    for path, column in chance.sample(places, min(len(places), 18)) + [(path, "close") for path in files]:
        frame = ParquetSegments().decode(path.read_bytes(), path=path.name)
        bar = move_one_tick(path, chance.randrange(frame.height), column)
        report = lab.check_lock()
        assert report.exit_code == 1
        broken = [check for check in report.pins if check.state is Checked.DIFFERS]
        assert [check.pin.name for check in broken] == ["btc" if "BTC" in str(path) else "eth"]
        found = broken[0].findings[0]
        assert (found.what, found.path) == ("bars", str(path))
        moment = pl.from_epoch(bar["ts"]).dt.strftime("%Y-%m-%d")[0]
        assert column == "ts" or moment.startswith(found.where)
        assert f"--start {found.where[:7]}" in broken[0].hint
        changes = [(one.ts, one.column) for one in broken[0].changes]  # the machine's cache still knows what it was
        assert column == "ts" or changes == [(bar["ts"][0], column)]
        assert column != "ts" or bar["ts"][0] in {ts for ts, _ in changes}
        rewrite(path, (original / path.relative_to(project)).read_bytes())
    assert lab.check_lock().exit_code == 0


def test_damage_beside_a_pin_in_its_file_is_told_as_such(lab, project) -> None:
    lab.pin("january", HOURLY, "2024-01")
    move_one_tick(max(data_files(project), key=lambda path: ("BTC" in str(path), path.stat().st_size)), 5_000, "low")
    (check,) = lab.check_lock(["january"]).pins
    assert check.findings[0].said.startswith("2024-07 in a file with pinned bars: ")
    with pytest.raises(Corrupted):
        lab.wiring.sealed_stores.unremembered(lab.wiring.sealed).read(
            lab.wiring.pins.version(check.pin), check.pin.window
        )


def test_a_flipped_bit_anywhere_in_a_data_file_is_found(lab, project, original) -> None:
    chance = random.Random(6)
    for path in data_files(project):
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        rewrite(path, bytes(data))
        report = lab.check_lock()
        assert report.exit_code == 1
        assert str(path) in report.to_text()
        rewrite(path, (original / path.relative_to(project)).read_bytes())


def test_valid_files_in_each_others_place_are_found(lab, project) -> None:
    one, other = [path for path in data_files(project) if "ETH" in str(path)][:2]
    first, second = one.read_bytes(), other.read_bytes()
    rewrite(one, second)
    rewrite(other, first)
    report = lab.check_lock()
    assert report.exit_code == 1
    assert {finding.path for finding in report.pins[1].findings} == {str(one), str(other)}
    assert report.pins[0].state is Checked.VERIFIED


def test_a_missing_data_file_is_named_and_cannot_be_verified(lab, project) -> None:
    path, other = data_files(project)[:2]
    path.unlink()
    report = lab.check_lock()
    assert report.exit_code == 3
    assert [finding.path for check in report.pins for finding in check.findings] == [str(path)], "and no part of it"
    rewrite(other, other.read_bytes()[:-40] + bytes(40))
    assert lab.check_lock().exit_code == 1


@pytest.mark.parametrize("place", range(4))
def test_a_missing_document_is_named_and_cannot_be_verified(lab, project, place) -> None:
    """Trees and packs as well as data: nothing that is there is wrong."""
    documents = sorted(project.glob("**/trees/*.json"))
    assert len(documents) > 4
    documents[place * len(documents) // 4].unlink()
    report = lab.check_lock()
    assert report.exit_code == 3
    assert "is missing" in report.to_text()
    move_one_tick(data_files(project)[0], 3, "open")
    move_one_tick(data_files(project)[-1], 3, "open")
    assert lab.check_lock().exit_code == 1


def test_a_damaged_document_is_named(lab, project) -> None:
    for kind in ("trees", "commits"):
        path = sorted(project.glob(f"**/{kind}/*.json"))[0]
        kept = path.read_bytes()
        rewrite(path, kept.replace(b"1", b"2", 1))
        report = lab.check_lock()
        assert report.exit_code == 1, kind
        rewrite(path, kept)
    assert lab.check_lock().exit_code == 0


@pytest.mark.parametrize(
    "old, new, what, said",
    [
        ("rows = 10224", "rows = 10223", "rows", "10,224 bars have the pinned content, and the lockfile says 10,223"),
        ("start = 2024-01-01T00", "start = 2024-01-01T01", "content", "and the lockfile says sha256:"),
        ("start = 2024-01-01T00:00", "start = 2024-01-01T00:30", "content", "is not on the grid"),
    ],
)
def test_a_lock_that_says_something_else_than_its_bars_differs(lab, project, old, new, what, said) -> None:
    path = project / "seamless.lock"
    path.write_text(path.read_text().replace(old, new, 1))
    report = lab.check_lock(["btc"])
    assert report.exit_code == 1
    assert report.pins[0].findings[0].what == what
    assert said in report.pins[0].findings[0].said


def test_a_window_longer_than_what_the_version_holds_is_noted(lab, project) -> None:
    path = project / "seamless.lock"
    path.write_text(path.read_text().replace("start = 2024-01-01T00", "start = 2020-01-01T00", 1))
    [btc] = lab.check_lock(["btc"]).pins
    assert btc.state is Checked.VERIFIED
    assert "the version holds [2024-01-01T00:00Z" in btc.notes[-1]


def test_what_differs_outweighs_what_cannot_be_verified(lab, project) -> None:
    shutil.rmtree(next(project.glob("**/symbol=ETH*")))
    report = lab.check_lock()
    assert (report.pins[1].state, report.exit_code) == (Checked.UNVERIFIED, 3)
    assert report.pins[1].hint.startswith(f"Get it: seamless backfill {MINUTES} --start 2024-01-29")
    move_one_tick(next(path for path in data_files(project)), 3, "open")
    assert lab.check_lock().exit_code == 1


def test_a_store_that_is_not_there_cannot_be_verified(lab, project) -> None:
    text = (project / "seamless.lock").read_text()
    (project / "seamless.lock").write_text(text.replace("rows = 10224\n", 'rows = 10224\nstore = "gone"\n'))
    report = lab.check_lock(["btc"])
    assert report.exit_code == 3
    assert "there is no such folder" in report.pins[0].findings[0].said


def test_a_swept_version_cannot_be_verified(lab, project) -> None:
    text = (project / "seamless.lock").read_text()
    pin = load(project / "seamless.lock").pins["btc"]
    swapped = text.replace(pin.content, "0" * 64).replace(pin.fingerprint, "1" * 64)
    (project / "seamless.lock").write_text(swapped)
    report = lab.check_lock(["btc"])
    assert report.exit_code == 3
    assert "has the content sha256:0000000000000000" in report.pins[0].findings[0].said
    assert f"its newest is sha256:{pin.fingerprint[:16]}" in report.pins[0].findings[0].said


@pytest.mark.parametrize(
    "start, end, said",
    [
        ("2024-06-03", None, "2024-06-03"),
        ("2024-06", None, "2024-06"),
        ("2024-12", None, "2024-12"),
        ("2024", None, "2024"),
        ("2020-01-01", "2030-01-01", "2020-01-01 to 2030-01-01"),
        ("2024-06-03T05:00Z", "2024-06-03T06:00Z", "2024-06-03T05:00Z to 2024-06-03T06:00Z"),
    ],
)
def test_a_cell_of_the_calendar_is_named_as_people_do(start: str, end: str | None, said: str) -> None:
    assert slots_text(parse_window(start, end, now_s=0)) == said
