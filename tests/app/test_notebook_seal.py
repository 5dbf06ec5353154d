"""What cells read, of each its latest run; the seal as JSON, and every change to it noticed."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.notebooks.checking import FreshStores, NotebookCheck, NotebookChecks, State, check_reads
from seamless_lab.app.notebooks.file import CodeCell
from seamless_lab.app.notebooks.journal import CellJournal, SealedCell, source_digest
from seamless_lab.app.notebooks.places import CellPlace
from seamless_lab.app.notebooks.seal import Seal, SealDamaged, seal_from
from seamless_lab.app.reads import NO_CELL, Cell, ReadRecord
from seamless_lab.app.result_records import ResultInput, ResultRecord
from seamless_lab.core.identity import parse_node
from seamless_lab.core.policy import Domain
from seamless_lab.core.time import TimeRange
from tests.app.rotting import rot
from tests.notebook.projects import minute, new_project, opened, restate

NODE = parse_node("ohlcv:binance:BTC/USDT:1m")
WINDOW = TimeRange(1_704_067_200, 1_704_153_600)


def read(cell: Cell = NO_CELL, number: int = 1) -> ReadRecord:
    digest = f"{number:064x}"
    return ReadRecord(
        cell, f"{NODE}@latest", f"{NODE}@sha256:{digest[:16]}", NODE, WINDOW, digest, digest, number, 1_704_153_600_123,
        1440, "", Domain.DRYRUN,
    )  # fmt: skip


def made(cell: Cell = NO_CELL, number: int = 1) -> ResultRecord:
    given = ResultInput("btc", f"{NODE}@sha256:0123456789abcdef", WINDOW, f"{number:064x}")
    return ResultRecord("sql", f"{number:064x}", (given,), {"query": "SELECT 1", "timeout_s": 1.5}, cell=cell)


def content(journal: CellJournal) -> list[tuple[str, int | None, list[int], list[int]]]:
    return [
        (
            each.cell.id,
            each.cell.execution_count,
            [r.seq for r in each.reads],
            [int(m.digest, 16) for m in each.results],
        )
        for each in journal.cells()
    ]


def test_a_cell_that_runs_again_supersedes_what_it_read() -> None:
    journal = CellJournal()
    journal.begin(first := Cell("a", 1), "s")
    journal.read(read(first, 1))
    journal.made(made(first, 1))
    journal.begin(again := Cell("a", 2), "s")
    assert content(journal) == []
    journal.read(read(again, 2))
    journal.read(read(again, 2))
    assert content(journal) == [("a", 2, [2], [])]
    journal.read(read(first, 3))
    assert content(journal) == [("a", 2, [2], [])], "a late read of a run that is over does not come back"


def test_cells_stand_in_the_order_in_which_they_last_ran() -> None:
    journal = CellJournal()
    for name, count in (("b", 1), ("a", 2), ("b", 3)):
        journal.begin(cell := Cell(name, count), name)
        journal.read(read(cell, count))
    assert [(name, count) for name, count, _, _ in content(journal)] == [("a", 2), ("b", 3)]


def test_without_ids_every_run_is_a_cell_of_its_own() -> None:
    journal = CellJournal()
    for count in (1, 2):
        journal.begin(cell := Cell("", count), "the same source")
        journal.read(read(cell, count))
    assert content(journal) == [("", 1, [1], []), ("", 2, [2], [])]


def test_a_thread_that_knows_no_cell_reads_for_the_one_that_runs() -> None:
    journal = CellJournal()
    journal.begin(Cell("a", 1), "s")
    journal.read(read(NO_CELL, 1))
    journal.made(made(NO_CELL, 2))
    assert content(journal) == [("a", 1, [1], [2])]


def test_which_thread_read_first_leaves_no_trace() -> None:
    orders = []
    for numbers in ((1, 2, 3), (3, 1, 2)):
        journal = CellJournal()
        journal.begin(cell := Cell("a", 1), "s")
        for number in numbers:
            journal.read(read(cell, number))
        orders.append(content(journal))
    assert orders == [[("a", 1, [1, 2, 3], [])]] * 2


runs = st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 5), max_size=4)), max_size=12)


@given(runs)
def test_the_journal_holds_the_latest_run_of_each_cell_as_a_naive_model_does(runs: list[tuple[str, list[int]]]) -> None:
    journal, model = CellJournal(), {}
    for count, (name, numbers) in enumerate(runs, 1):
        journal.begin(cell := Cell(name, count), name)
        model.pop(name, None)
        for number in numbers:
            journal.read(read(cell, number))
        if numbers:
            model[name] = (name, count, sorted(set(numbers)), [])
    assert content(journal) == list(model.values())


def test_what_was_read_live_is_vouched_for_only_if_it_was_sealed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(new_project(tmp_path / "project"))
    place = CellPlace(1, 1, "a")
    with opened(Path.cwd()) as lab:
        lab.fetch(str(NODE), "2024-01-01")
        [then] = lab.wiring.reads.records()
    restate(Path.cwd(), minute(0, 1))
    live = replace(then, domain=Domain.LIVE)
    unsealed = replace(live, content="0" * 64)
    with opened(Path.cwd()) as lab:
        found = check_reads(lab.wiring, lab.door, FreshStores(lab.wiring), [(place, [then, live, unsealed])])
    assert [each.state for each in found] == [State.DIFFERS, State.DIFFERS, State.UNKNOWN]
    assert "was read live" in found[2].why


@pytest.mark.parametrize("known_by", ["a fetch", "a list"])
def test_an_open_lab_reads_a_pin_from_an_older_store_as_a_new_one_does(tmp_path: Path, monkeypatch, known_by) -> None:
    monkeypatch.chdir(new_project(tmp_path / "project"))
    store = Path(".seamless/artifacts")
    shutil.copytree(store, "older")
    restate(Path.cwd(), minute(2, 5))
    with opened(Path.cwd()) as lab:
        lab.pin("newer", f"{NODE}@seq:2", "2024-01-01", "2024-01-02")
        lab.fetch("pin:newer", domain="research")
        [then] = lab.wiring.reads.records()
    with opened(Path.cwd()) as lab:
        lab.fetch("pin:newer", domain="research") if known_by == "a fetch" else lab.artifacts(str(NODE))
        shutil.rmtree(store)
        shutil.move("older", store)
        for _ in range(3):
            (pin,) = lab.check_lock(["newer"]).pins
            assert "histories differ, these bars do not" in pin.notes[0]
            [read] = check_reads(lab.wiring, lab.door, FreshStores(lab.wiring), [(CellPlace(1, 1, "a"), [then])])
            assert (read.state, read.why) == (State.SAME, "")
            assert lab.pin("again", "pin:newer", replace=True).pin.seq == 1
            assert lab.fetch("pin:newer", domain="research").frame.height == then.rows


def test_checking_reads_finds_a_cached_file_that_rotted(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(new_project(tmp_path / "project"))
    with opened(Path.cwd()) as lab:
        lab.fetch(str(NODE), "2024-01-01")
        [then] = lab.wiring.reads.records()
    wrong = rot(tmp_path / "cache")
    with opened(Path.cwd()) as lab:
        [one], [again] = ([(CellPlace(number, number, "a"), [then])] for number in (1, 2))
        fresh = FreshStores(lab.wiring)
        found = check_reads(lab.wiring, lab.door, fresh, [one, again])
        assert [each.state for each in found] == [State.SAME] * 2
        assert fresh.dropped == tuple(wrong)
        shown = NotebookCheck("a.ipynb", "output", found, (), fresh.dropped)
        assert shown.exit_code == 0
        assert shown.to_dict()["cached_files_removed"] == wrong
        for text in (shown.to_text(), NotebookChecks([shown, shown]).to_text()):
            assert wrong_files(wrong) in " ".join(text.split())


def sealed() -> Seal:
    pinned = replace(read(number=2), written="pin:btc", pin="btc", store="project")
    cells = (
        SealedCell(Cell("a", 3), "f" * 64, (read(), pinned), ()),
        SealedCell(Cell("", None), "", (), (made(),)),
    )
    return Seal(cells, {"python": "3.11", "polars": "2.1.0"}, ("0" * 64, "a" * 64), (read(number=4),))


def test_a_seal_read_back_is_the_same() -> None:
    written = json.loads(json.dumps(sealed().to_json()))
    again = seal_from(written, "there")
    assert again.to_json() == written
    assert again.reads == sealed().reads
    assert (again.ran, again.unheard) == (sealed().ran, sealed().unheard)
    assert again.digest == sealed().digest


def test_a_seal_that_does_not_say_what_ran_is_read_and_has_the_digest_it_had() -> None:
    cell = SealedCell(Cell("a", 1), "f" * 64, (read(),))
    old = Seal((cell,), {"python": "3.11"})
    assert set(old.to_json()) == {"format", "cells", "software", "digest"}
    assert seal_from(old.to_json(), "there").ran is None
    with pytest.raises(SealDamaged, match="ran is"):
        seal_from({**old.to_json(), "ran": ["x"]}, "there")


@pytest.mark.parametrize(
    "source, idle",
    [
        ("# one\n\n   # two", True),
        ("%seamless seal study.ipynb", True),
        ("# the end\n%seamless receipt --out r.json ;", True),
        ("%seamless lock --check", True),
        ("%seamless seal {{lab.fetch('pin:btc')}}", False),
        ("%seamless fetch pin:btc", False),
        ("%%seamless\nseal", False),
        ("x = 1  # not a comment", False),
        ("%seamless sealed", False),
    ],
)
def test_cells_that_read_nothing_to_be_sealed(source: str, idle: bool) -> None:
    assert CodeCell(1, "", None, source, ()).idle is idle


def test_what_ran_is_each_cell_s_latest_run_and_all_that_ran_before_anybody_watched() -> None:
    journal = CellJournal()
    journal.ran_before(["", "a"])
    journal.begin(Cell("b", 1), "1" * 64)
    journal.begin(Cell("c", 2), "")
    journal.begin(Cell("b", 3), "2" * 64)
    assert journal.ran() == tuple(sorted([source_digest("a"), "2" * 64]))


def leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The path of every scalar."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        case list():
            for at, inner in enumerate(value):
                yield from leaves(inner, (*path, at))
        case _:
            yield path


def changed(document: dict, path: tuple[object, ...], value: object) -> dict:
    """A document with another value in one place."""
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def other(value: object) -> list[object]:
    """Values of the same kind, and none."""
    match value:
        case bool() | None:
            return [not value, 7]
        case int():
            return [value + 1, None]
        case float():
            return [value + 1e-12]
        case str():
            swapped = value[:-1] + ("0" if not value.endswith("0") else "1")
            return [swapped, "", None]
    raise AssertionError(value)


def test_any_value_that_is_changed_is_noticed() -> None:
    document = json.loads(json.dumps(sealed().to_json()))
    tried = 0
    for path in leaves(document):
        value = document
        for key in path:
            value = value[key]
        for each in other(value):
            if each != value:
                tried += 1
                with pytest.raises(SealDamaged, match="was changed after it was written"):
                    seal_from(changed(document, path, each), "there")
    assert tried > 100


@pytest.mark.parametrize("found", [None, [], "x", {}, {"format": "seamless.seal/2"}, {"cells": 1}])
def test_what_is_no_seal_is_refused(found: object) -> None:
    with pytest.raises(SealDamaged):
        seal_from(found, "there")


def test_a_cell_left_out_is_noticed() -> None:
    document = sealed().to_json()
    with pytest.raises(SealDamaged):
        seal_from({**document, "cells": document["cells"][:1]}, "there")
    with pytest.raises(SealDamaged, match="unknown"):
        seal_from({**document, "more": 1}, "there")
