"""Checking and moving what is pinned: any change is found and named, and nothing moves by itself."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from scripts.make_datasets import SPRING
from scripts.make_datasets import exchange as market
from scripts.make_datasets import lab as dataset_lab
from seamless_lab.adapters.segments_parquet import ParquetSegments
from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.home import FOLDER
from seamless_lab.app.lab import Lab
from seamless_lab.app.lock.disk import edit, load
from seamless_lab.app.lock.lockfile import NotebookRead
from seamless_lab.app.lock.results import Checked, slots_text
from seamless_lab.core.bars import COLUMNS
from seamless_lab.core.identity import parse_node
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.errors import ConfigError, Corrupted, InvalidReference
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.app.rotting import rot
from tests.labs import NOW_MS, open_lab
from tests.sealed_market import START, seal, walk

HOURLY, MINUTES = "ohlcv:binance:BTC/USDT:1h", "ohlcv:binance:ETH/USDT:1m"
HOUR = 3_600
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose lockfile pins fourteen months of hours and five days of minutes."""
    root = tmp_path_factory.mktemp("original") / "project"
    home = root / FOLDER
    home.mkdir(parents=True)
    seal(home, "BTC/USDT", walk(426 * 24, HOUR, 1))
    seal(home, "ETH/USDT", walk(5 * 1_440, 60, 2, start=START + 28 * 86_400), timeframe="1m")
    with chdir(root), Lab() as lab:
        lab.pin("btc", HOURLY)
        lab.pin("eth", MINUTES)
    return root


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    shutil.copytree(original, root)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def lab(project: Path):
    with Lab() as opened:
        yield opened


def data_files(project: Path) -> list[Path]:
    return sorted(project.rglob("*.parquet"))


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def move_one_tick(path: Path, row: int, column: str) -> pl.DataFrame:
    """Change one value in a file, its checksum included, as someone would who knows the format."""
    codec = ParquetSegments()
    frame = codec.decode(path.read_bytes(), path=path.name)
    by = 1 if column == "ts" else 0.01
    moved = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.col(column) + by).otherwise(pl.col(column)).alias(column)
    )
    rewrite(path, codec.encode(moved))
    return frame.slice(row, 1)


# -- verified -------------------------------------------------------------------------------------------------------


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


# -- differs --------------------------------------------------------------------------------------------------------


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
    assert "is missing" in report.to_text()
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


# -- update ---------------------------------------------------------------------------------------------------------


def restated(home: Path, slots: range) -> None:
    """Seal BTC again with another close in some slots."""
    frame = walk(426 * 24, HOUR, 1)
    moved = pl.when(pl.int_range(pl.len()).is_in(list(slots))).then(pl.col("close") + 0.01).otherwise(pl.col("close"))
    seal(home, "BTC/USDT", frame.with_columns(close=moved), at_ms=1_718_000_000_000)


def test_an_update_shows_what_would_change_and_writes_nothing(lab, project) -> None:
    before = (project / "seamless.lock").read_text()
    restated(project / FOLDER, range(100, 107))
    shown = lab.update_lock()
    assert [str(one.move) for one in shown.pins] == ["changes", "unchanged"]
    assert (shown.pins[0].restated, shown.pins[0].added, shown.pins[0].removed) == (7, 0, 0)
    assert (shown.exit_code, shown.written) == (0, False)
    assert "seamless lock --update --yes" in shown.to_text()
    assert (project / "seamless.lock").read_text() == before


def test_an_update_with_yes_moves_what_changed_and_nothing_else(lab, project) -> None:
    before = load(project / "seamless.lock").pins
    restated(project / FOLDER, range(100, 107))
    moved = lab.update_lock(write=True)
    after = load(project / "seamless.lock").pins
    assert moved.written
    assert after["eth"] == before["eth"]
    assert after["btc"] == moved.pins[0].now != before["btc"]
    assert after["btc"].window == before["btc"].window
    assert lab.check_lock().exit_code == 0
    assert lab.update_lock(write=True).written is False


def test_only_the_named_pins_move(lab, project) -> None:
    before = (project / "seamless.lock").read_text()
    restated(project / FOLDER, range(3, 5))
    assert not lab.update_lock(["eth"], write=True).written
    assert (project / "seamless.lock").read_text() == before
    assert "seamless lock --update btc --yes" in lab.update_lock(["btc"]).to_text()


def test_a_restatement_outside_a_pin_moves_nothing(lab, project) -> None:
    lab.pin("week", HOURLY, "2024-01-01", "2024-01-08")
    restated(project / FOLDER, range(1_000, 1_001))
    assert [str(one.move) for one in lab.update_lock(["week"]).pins] == ["unchanged"]


def test_a_pin_whose_series_is_gone_cannot_move(lab, project) -> None:
    shutil.rmtree(next(project.glob("**/symbol=ETH*")))
    shown = lab.update_lock()
    assert shown.exit_code == 1
    assert "no sealed version" in shown.pins[1].said


# -- rebuild --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(seed=12, now_ms=NOW_MS)) as running:
        yield running


@pytest.fixture
def sandboxed(exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = tmp_path / "project"
    (root / FOLDER).mkdir(parents=True)
    monkeypatch.chdir(root)
    with open_lab(root / FOLDER, exchange.url) as lab:
        for symbol, timeframe in (("BTC/USDT", "1m"), ("ETH/USDT", "1h")):
            node = f"ohlcv:binance:{symbol}:{timeframe}"
            lab.backfill(node, "2024-06-01", "2024-06-04")
            lab.pin(symbol[:3].lower(), node, "2024-06-01T07:00Z", "2024-06-03T05:00Z")
        yield lab


def test_a_rebuild_from_the_exchange_has_the_same_content(sandboxed, tmp_path) -> None:
    report = sandboxed.check_lock(rebuild=True)
    assert (report.exit_code, report.rebuilt) == (0, True)
    assert "fetched again from the exchanges" in report.to_text()


def test_a_shipped_pin_can_be_rebuilt_from_the_exchange_it_came_from(tmp_path, monkeypatch) -> None:
    shutil.copy(ROOT / "seamless.lock", tmp_path)
    monkeypatch.chdir(tmp_path)
    with market() as exchange, dataset_lab(tmp_path / "home", exchange, SPRING) as lab:
        report = lab.check_lock(["btc", "sol"], rebuild=True)
        assert (report.exit_code, lab.check_lock(["btc", "sol"]).exit_code) == (0, 3)


def test_a_rebuild_needs_no_store_and_leaves_none(sandboxed, tmp_path, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    shutil.rmtree(tmp_path / "project" / FOLDER / "artifacts")
    assert sandboxed.check_lock().exit_code == 3
    assert sandboxed.check_lock(rebuild=True).exit_code == 0
    assert not list(scratch.iterdir())
    assert not (tmp_path / "project" / FOLDER / "artifacts").exists()


def test_a_rebuild_that_gives_other_bars_names_the_first_of_them(sandboxed, tmp_path) -> None:
    home = tmp_path / "project" / FOLDER
    with SandboxExchange(SandboxConfig(seed=13, now_ms=NOW_MS)) as other, open_lab(home, other.url) as lab:
        report = lab.check_lock(["eth"], rebuild=True)
    assert report.exit_code == 1
    check = report.pins[0]
    assert [finding.what for finding in check.findings] == ["content", "bars"]
    assert "46 bars restated; the first at 2024-06-01T07:00Z" in check.findings[1].said
    assert (check.changes[0].ts, check.changes[0].column) == (
        parse_window("2024-06-01", None, now_s=0).start + 7 * HOUR,
        "open",
    )
    assert check.changes[0].pinned != check.changes[0].now


def test_an_exchange_that_does_not_answer_proves_nothing(sandboxed, tmp_path) -> None:
    with SandboxExchange(SandboxConfig(seed=12, now_ms=NOW_MS)) as other:
        url = other.url
    with open_lab(tmp_path / "project" / FOLDER, url) as lab:
        report = lab.check_lock(["eth"], rebuild=True)
    assert report.exit_code == 3
    assert "did not answer" in report.pins[0].findings[0].said


# -- words ----------------------------------------------------------------------------------------------------------


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


def test_a_cached_file_that_rotted_unseen_is_found_and_removed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))  # what rots here is read by no other test
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab:
        right = lab.sql(query).frame["s"][0]
    wrong = rot(tmp_path / "cache")
    with Lab() as lab:
        assert lab.sql(query).frame["s"][0] != right
        checked = lab.check_lock()
        assert checked.exit_code == 0  # the store holds what was pinned
        said = [note for check in checked.pins for note in check.notes]
        assert said == [wrong_files(wrong)]
        assert lab.sql(query).frame["s"][0] == right
        assert not any(check.notes for check in lab.check_lock().pins)


@pytest.mark.parametrize("check", [Lab.check_lock, Lab.verify, lambda lab: lab.verify("pin:btc")])
def test_a_fetch_after_a_check_gives_no_bars_that_were_kept_from_a_wrong_file(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[[Lab], object]
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    with Lab() as lab:
        right = lab.fetch("pin:btc").content
        close = lab.fetch("pin:btc").frame["close"].sum()
        assert rot(tmp_path / "cache")
        assert lab.fetch("pin:btc").frame["close"].sum() != close, "kept in memory, which is the file's"
        check(lab)
        again = lab.fetch("pin:btc")
        assert (again.content, again.frame["close"].sum()) == (right, close)


@pytest.mark.parametrize("ref", ["pin:btc", HOURLY, f"{HOURLY}@seq:1", None])
def test_verifying_finds_a_cached_file_that_rotted_too(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str | None
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab:
        right = lab.sql(query).frame["s"][0]
        wrong = rot(tmp_path / "cache")
        assert lab.verify(ref).dropped == tuple(wrong), "maps of this process show what the disk has"
        rot(tmp_path / "cache")
    with Lab() as lab:
        lab.sql(query)
        rot(tmp_path / "cache")
        report = lab.verify(ref)
        assert report.exit_code == 0  # the store holds what was sealed, and the cache is no part of it
        assert report.to_dict()["cached_files_removed"] == wrong
        assert wrong_files(wrong) in " ".join(report.to_text().split())
        assert lab.sql(query).frame["s"][0] == right
        assert lab.verify(ref).dropped == ()


def test_what_a_process_holds_of_a_cached_file_that_another_removed_is_found(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    query = "SELECT sum(close) AS s FROM btc"
    with Lab() as lab, Lab() as other:
        right = lab.sql(query).frame["s"][0]
        wrong = rot(tmp_path / "cache")
        assert lab.sql(query).frame["s"][0] != right, "mapped, and shared with the file"
        assert other.verify("pin:btc").dropped == tuple(wrong)
        assert lab.verify("pin:btc").dropped == tuple(wrong)
        assert lab.sql(query).frame["s"][0] == right
