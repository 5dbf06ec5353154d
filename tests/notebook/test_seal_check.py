"""Checking the seal of a notebook that ran without an editor, over a real project."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_lab.app.lock.disk import load
from seamless_lab.app.notebooks.checking import State
from seamless_lab.app.notebooks.places import NoSeal
from seamless_lab.app.notebooks.seal import MIME, SealDamaged, seal_from
from seamless_lab.errors import RequestError
from tests.notebook.projects import BTC, ETH, head, minute, new_project, opened, restate
from tests.notebook.studies import LOAD, executed, fetch, seamless, study


@pytest.fixture(scope="module")
def sealed_study(tmp_path_factory) -> Path:
    project = new_project(tmp_path_factory.mktemp("studied"))
    return study(
        project,
        fetch("head", BTC, "2024-01-01"),
        fetch("fixed", head(project), "2024-01-01", "--domain research"),
        fetch("other", ETH, "2024-01-02"),
    )


@pytest.fixture
def project(sealed_study: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the project that a test may change, and in which it is."""
    shutil.copytree(sealed_study.parent, tmp_path / "copy", copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_nothing_differs_right_after_sealing(project: Path) -> None:
    with opened(project) as lab:
        found = lab.check_notebook(project / "study.ipynb")
    assert (found.exit_code, found.sealed_in, len(found.checks)) == (0, "outputs", 3)
    assert {each.state for each in found.checks} == {State.SAME}
    assert "3 reads as sealed" in repr(found)


@pytest.mark.parametrize("number", [0, 719, 1439])
def test_one_price_one_tick_away_names_the_cell_and_the_bar(project: Path, number: int) -> None:
    head_then = head(project)
    restate(project, minute(0, number))
    with opened(project) as lab:
        found = lab.check_notebook(project / "study.ipynb")
    assert found.exit_code == 1
    [different] = [each for each in found.checks if each.state is State.DIFFERS]
    assert (different.place.id, different.place.number, different.place.name) == ("cell-1", 2, "[2]")
    assert different.difference is not None
    assert different.difference.restated["ts"].to_list() == [minute(0, number)]
    said = repr(found)
    assert "cell 2 [2] cell-1 would read other data" in said
    assert "1 bar restated" in said
    assert "close" in said
    assert f"To have the bars of then: {head_then}" in said
    facts = found.to_dict()
    assert [each["state"] for each in facts["reads"]] == ["differs", "same", "same"]
    assert facts["reads"][0]["changed"] | {"first": None} == {"restated": 1, "added": 0, "removed": 0, "first": None}
    assert json.loads(json.dumps(facts)) == facts


def test_a_bar_outside_every_window_differs_nowhere(project: Path) -> None:
    restate(project, minute(2, 5))
    restate(project, minute(0, 5), symbol="ETH/USDT")
    with opened(project) as lab:
        assert lab.check_notebook(project / "study.ipynb").exit_code == 0


@settings(max_examples=max(6, settings().max_examples // 10))
@given(
    symbol=st.sampled_from(["BTC/USDT", "ETH/USDT"]),
    day=st.integers(0, 2),
    number=st.integers(0, 1439),
    tick=st.sampled_from([0.1, -0.1, 1e-9, 500.0]),
)
def test_any_bar_restated_by_anything_names_exactly_the_cells_that_read_it(
    sealed_study: Path, tmp_path_factory, symbol: str, day: int, number: int, tick: float
) -> None:
    place = tmp_path_factory.mktemp("restated") / "copy"
    shutil.copytree(sealed_study.parent, place, copy_function=shutil.copy2)
    restate(place, minute(day, number), symbol=symbol, tick=tick)
    reads_newest = {("BTC/USDT", 0): ["cell-1"], ("ETH/USDT", 1): ["cell-3"]}
    with opened(place) as lab:
        found = lab.check_notebook(place / "study.ipynb")
    different = [each for each in found.checks if each.state is State.DIFFERS]
    assert [each.place.id for each in different] == reads_newest.get((symbol, day), [])
    for each in different:
        assert each.difference is not None
        assert each.difference.restated["ts"].to_list() == [minute(day, number)]
    assert found.exit_code == bool(different)


def test_damage_on_the_disk_is_found_though_it_was_verified_before(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch(BTC, "2024-01-01")
        path = sorted((project / ".seamless").rglob("*.parquet"))[0]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
        assert lab.check_notebook(project / "study.ipynb").exit_code == 1


@pytest.mark.parametrize("kind", ["data/*.parquet", "trees/*.json"])
def test_files_that_are_missing_cannot_be_verified_and_differ_from_nothing(project: Path, kind: str) -> None:
    for file in (project / ".seamless").rglob(kind):
        file.unlink()
    with opened(project) as lab:
        report = lab.check_notebook(project / "study.ipynb")
    assert report.exit_code == 3
    assert "missing" in repr(report)


def test_a_store_that_is_gone_cannot_be_verified(project: Path) -> None:
    shutil.rmtree(project / ".seamless" / "artifacts")
    with opened(project) as lab:
        found = lab.check_notebook(project / "study.ipynb")
    assert found.exit_code == 3
    assert {each.state for each in found.checks} == {State.UNKNOWN}
    assert "cannot be verified" in repr(found)


def test_the_terminal_copies_the_seal_into_the_metadata_and_changes_nothing_else(project: Path) -> None:
    path = project / "study.ipynb"
    before = json.loads(path.read_text())
    ran = seamless(project, "seal", "study.ipynb")
    assert ran.returncode == 0, ran.stderr
    after = json.loads(path.read_text())
    seal = after["metadata"].pop("seamless")["seal"]
    assert after == before
    assert seal == before["cells"][-1]["outputs"][0]["data"][MIME]
    lock = load(project / "seamless.lock")
    assert lock is not None
    assert [read.cell for read in lock.notebooks["study.ipynb"]] == ["cell-1", "cell-2", "cell-3"]
    again = path.read_bytes()
    assert seamless(project, "seal", "study.ipynb").returncode == 0
    assert path.read_bytes() == again
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert path.read_bytes() == again, "written as nbformat writes"


def stripped(path: Path, *, metadata: bool) -> None:
    """Take the outputs away, as many do before they commit; `metadata`: that too."""
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell["outputs"], cell["execution_count"] = [], None
    if metadata:
        notebook["metadata"] = {}
    path.write_text(json.dumps(notebook))


@pytest.mark.parametrize("metadata, where", [(False, "metadata"), (True, "lock")])
def test_a_seal_outlives_the_outputs(project: Path, metadata: bool, where: str) -> None:
    seamless(project, "seal", "study.ipynb")
    stripped(project / "study.ipynb", metadata=metadata)
    restate(project, minute(0, 9))
    with opened(project) as lab:
        found = lab.check_notebook(project / "study.ipynb")
    assert (found.sealed_in, found.exit_code) == (where, 1)
    assert [each.place.id for each in found.checks if each.state is State.DIFFERS] == ["cell-1"]


def test_cells_that_changed_after_the_seal_cannot_be_vouched_for(project: Path) -> None:
    path = project / "study.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["source"] = fetch("head", BTC, "2024-01-02")
    path.write_text(json.dumps(notebook))
    with opened(project) as lab:
        found = lab.check_notebook(path)
    assert found.exit_code == 3
    assert "cell 2 [2] cell-1 was edited since it was sealed" in repr(found)
    del notebook["cells"][1]
    path.write_text(json.dumps(notebook))
    with opened(project) as lab:
        assert "is not in the notebook any more" in repr(lab.check_notebook(path))


EARLY = f"from seamless_lab import Lab\nwith Lab() as early:\n    early.fetch('{BTC}', '2024-01-01')"
SEALED = [LOAD, fetch("eth", ETH, "2024-01-02"), "%seamless seal"]
NOT_RUN = "had not run when the notebook was sealed"


@pytest.mark.parametrize(
    "sources, said",
    [
        ([EARLY, *SEALED], f"Not in this seal: {BTC}, read while the extension was not loaded. Put %load_ext"),
        (
            [*SEALED, fetch("late", BTC, "2024-01-01")],
            f"cell 4 [4] cell-3 {NOT_RUN}: run all cells, with %seamless seal",
        ),
    ],
    ids=["before the extension", "after the seal"],
)
def test_a_read_that_the_seal_lacks_keeps_the_notebook_from_being_verified(
    project: Path, sources: list[str], said: str
) -> None:
    path = executed(project, *sources, name="lacking.ipynb")
    with opened(project) as lab:
        found = lab.check_notebook(path)
        assert {each.state for each in found.checks} == {State.SAME}
        assert (found.exit_code, said in " ".join(found.to_text().split())) == (3, True)
        assert any(said in each for each in found.to_dict()["stale"])
        assert any(said.partition(":")[0] in note for note in lab.seal(path).notes)
    refused = seamless(project, "receipt", "lacking.ipynb", "--out", "lacking.json")
    assert (refused.returncode, said.partition(":")[0] in refused.stderr) == (3, True)
    assert not (project / "lacking.json").exists()


def added(path: Path, source: str) -> None:
    """Another code cell at the end, as an editor saves it that did not run it."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, path)


@pytest.mark.parametrize("sealed_in", ["outputs", "metadata"])
def test_a_cell_that_was_added_after_the_seal_cannot_be_vouched_for(project: Path, sealed_in: str) -> None:
    path = project / "study.ipynb"
    if sealed_in == "metadata":
        seamless(project, "seal", "study.ipynb")
        stripped(path, metadata=False)
    for nothing in ("", "# a comment\n\n  # and another", "%seamless receipt --out r.json", "%seamless seal  # again"):
        added(path, nothing)
        with opened(project) as lab:
            assert lab.check_notebook(path).exit_code == 0, nothing
    added(path, "x = 1")
    with opened(project) as lab:
        found = lab.check_notebook(path)
    assert (found.sealed_in, found.exit_code) == (sealed_in, 3)
    [said] = found.stale
    assert said.startswith("cell 10 [ ] ")
    assert NOT_RUN in said
    assert seamless(project, "receipt", "study.ipynb").returncode == 3


def test_a_cell_that_runners_are_told_to_skip_and_skipped_does_not_matter(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    path = executed(project, LOAD, fetch("x", BTC, "2024-01-01"), "%pip install x", "%seamless seal", skipped=2)
    with opened(project) as lab:
        assert lab.check_notebook(path).exit_code == 0
        assert lab.receipt(notebook=path).exit_code == 0


def test_a_seal_of_before_that_does_not_say_what_ran_means_what_it_meant(project: Path) -> None:
    path = project / "study.ipynb"
    notebook = json.loads(path.read_text())
    data = notebook["cells"][-1]["outputs"][0]["data"]
    old = replace(seal_from(data[MIME], "there"), ran=None).to_json()
    assert "ran" not in old
    data[MIME] = old
    path.write_text(json.dumps(notebook))
    added(path, "x = 1")
    with opened(project) as lab:
        found = lab.check_notebook(path)
    assert (found.exit_code, found.stale) == (0, ())


def test_a_line_end_that_no_history_keeps_is_no_edit(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    path = executed(project, "x = 1\n\n", f"{LOAD}\n{fetch('x', BTC, '2024-01-01')}\n", "%seamless seal\n")
    with opened(project) as lab:
        assert lab.check_notebook(path).exit_code == 0


def test_a_notebook_without_a_seal_and_one_with_a_forged_one_are_told_apart(project: Path) -> None:
    path = project / "study.ipynb"
    with opened(project) as lab:
        notebook = json.loads(path.read_text())
        notebook["cells"][-1]["outputs"][0]["data"][MIME]["cells"][0]["reads"][0]["rows"] += 1
        path.write_text(json.dumps(notebook))
        with pytest.raises(SealDamaged, match="was changed after it was written"):
            lab.check_notebook(path)
        stripped(path, metadata=True)
        for refused in (lab.check_notebook, lab.seal):
            with pytest.raises(NoSeal, match="has no seal") as caught:
                refused(path)
            assert "%seamless seal" in caught.value.hint
        with pytest.raises(RequestError, match="There is no notebook"):
            lab.check_notebook(project / "nothing.ipynb")


def test_a_terminal_without_a_notebook_says_what_to_do(tmp_path: Path) -> None:
    ran = seamless(tmp_path, "seal")
    assert ran.returncode == 2
    assert "%seamless seal" in ran.stderr
    assert "seamless seal NOTEBOOK.ipynb" in ran.stderr


def test_lock_check_takes_notebooks(project: Path) -> None:
    shutil.copy(project / "study.ipynb", project / "twin.ipynb")
    assert seamless(project, "lock", "--check", "study.ipynb").returncode == 0
    restate(project, minute(0, 9))
    ran = seamless(project, "lock", "--check", "study.ipynb", "twin.ipynb", "--json")
    assert ran.returncode == 1
    both = json.loads(ran.stdout)["notebooks"]
    assert [each["reads"][0]["state"] for each in both] == ["differs", "differs"]
    assert "0 of 2 as sealed" in seamless(project, "lock", "--check", "study.ipynb", "twin.ipynb").stdout
    stripped(project / "study.ipynb", metadata=True)
    ran = seamless(project, "lock", "--check", "study.ipynb")
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (3, "error[E-NO-SEAL]: study.ipynb has no seal.")
    for words in (("study.ipynb", "btc"), ("study.ipynb", "--rebuild"), ("nothing.ipynb",)):
        assert seamless(project, "lock", "--check", *words).returncode == 2
