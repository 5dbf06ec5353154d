"""Receipts of notebooks: made in a kernel and from the file, reproduced by running it in a fresh kernel."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.app.receipts.receipt import read_receipt
from seamless_lab.errors import ConfigError, DataError, RequestError
from tests.app.receipts.verifying import states
from tests.notebook.kernels import Editor, shown
from tests.notebook.projects import BTC, ETH, minute, new_project, opened, restate
from tests.notebook.studies import LOAD, executed, fetch, seamless, study

BACKTEST = "from seamless_lab import crossover, lab\nfound = lab().backtest(crossover(5, 20), pins=['pin:eth'])"
CODE = """import pathlib
import polars as pl
assert not pathlib.Path('broken').exists()
flat = lab().backtest(lambda bars: pl.lit(1.0), pins=['pin:eth'], check_lookahead=False)"""


@pytest.fixture(scope="module")
def studied(tmp_path_factory) -> Path:
    """A project whose notebook reads the newest BTC, and backtests pinned ETH."""
    project = new_project(tmp_path_factory.mktemp("receipts") / "project")
    assert seamless(project, "pin", "eth", ETH, "--start", "2024-01-01", "--end", "2024-01-03").returncode == 0
    study(project, fetch("head", BTC, "2024-01-01"), BACKTEST, CODE)
    assert seamless(project, "receipt", "study.ipynb", "--out", "r.json").returncode == 0
    return project


@pytest.fixture
def project(studied: Path, tmp_path: Path, monkeypatch) -> Path:
    shutil.copytree(studied, tmp_path / "copy", copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def files(project: Path) -> dict[str, bytes]:
    """What people keep in version control."""
    return {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}


def test_the_receipt_of_a_file_is_that_of_its_seal(project: Path) -> None:
    receipt = read_receipt(project / "r.json")
    assert [each.read.written for each in receipt.inputs] == [BTC, "pin:eth"]
    assert [each.repeatable for each in receipt.results].count(True) == 1
    assert receipt.notebook is not None
    assert receipt.notebook.cells == 5
    again = seamless(project, "receipt", "study.ipynb", "--json")
    assert json.loads(again.stdout) == json.loads((project / "r.json").read_text())


def test_running_the_notebook_again_reproduces_all_of_it_and_writes_nothing(project: Path) -> None:
    before = files(project)
    ran = seamless(project, "verify", "r.json", "--run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "reproduced" in ran.stdout
    assert "made again by its notebook" in ran.stdout
    assert ran.stdout.startswith("running study.ipynb in a fresh kernel\n")
    assert files(project) == before


def test_without_running_the_part_that_is_code_cannot_be_verified(project: Path) -> None:
    with opened(project) as lab:
        found = lab.verify_receipt("r.json")
    assert states(found) == {"input": ["same", "same"], "result": ["same", "unknown"], "code": ["same"]} or states(
        found
    ) == {"input": ["same", "same"], "result": ["unknown", "same"], "code": ["same"]}
    assert found.exit_code == 3


def test_a_restated_bar_leaves_the_receipt_alone_and_changes_the_run(project: Path) -> None:
    restate(project, minute(0, 100))
    before = files(project)
    with opened(project) as lab:
        found = lab.verify_receipt("r.json", run=True)
    assert found.exit_code == 1
    assert states(found)["input"] == ["same", "same"], "the version that was read is still there"
    assert states(found)["run"] == ["differs"]
    assert f"{BTC} [2024-01-01T00:00Z, 2024-01-02T00:00Z) has the content" in " ".join(repr(found).split())
    assert files(project) == before


def test_edited_code_differs_and_is_not_run(project: Path) -> None:
    path = project / "study.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][2]["source"] = BACKTEST.replace("20", "21")
    path.write_text(json.dumps(notebook))
    with opened(project) as lab:
        found = lab.verify_receipt("r.json", run=True)
    assert states(found)["code"] == ["differs"]
    assert "run" not in states(found)
    assert found.exit_code == 1
    with pytest.raises(DataError, match="was edited since it was sealed"), opened(project) as lab:
        lab.receipt(notebook=path)


def test_outputs_and_prose_are_not_code(project: Path) -> None:
    path = project / "study.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell["outputs"], cell["execution_count"] = [], None
    notebook["cells"].insert(0, {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": "# Hello"})
    path.write_text(json.dumps(notebook))
    with opened(project) as lab:
        assert states(lab.verify_receipt("r.json"))["code"] == ["same"]


def test_another_number_of_cells_than_the_code_has_stands_against_a_receipt(project: Path) -> None:
    receipt = read_receipt(project / "r.json")
    assert receipt.notebook is not None
    forged = replace(receipt, notebook=replace(receipt.notebook, cells=999))
    (project / "r.json").write_text(json.dumps(forged.to_json(project)))
    with opened(project) as lab:
        found = lab.verify_receipt("r.json", run=True)
    assert found.exit_code == 1
    assert "study.ipynb: the receipt says 999 code cells, and it has 5" in repr(found)
    assert "run" not in states(found)


def test_a_notebook_that_moved_is_named(project: Path) -> None:
    (project / "elsewhere").mkdir()
    shutil.move(project / "study.ipynb", project / "elsewhere" / "study.ipynb")
    with opened(project) as lab:
        found = lab.verify_receipt("r.json")
        assert states(found)["code"] == ["unknown"]
        assert "--notebook" in repr(found)
        assert states(lab.verify_receipt("r.json", notebook="elsewhere/study.ipynb"))["code"] == ["same"]


def test_a_file_that_is_no_notebook_keeps_no_input_from_being_checked(project: Path) -> None:
    (project / "study.ipynb").write_text("no notebook")
    with opened(project) as lab:
        found = lab.verify_receipt("r.json")
    assert (found.exit_code, states(found)["code"]) == (3, ["unknown"])
    assert set(states(found)["input"]) == {"same"}
    assert "is no notebook" in repr(found)


def test_a_notebook_elsewhere_is_run_only_when_the_user_names_it(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project / "study.ipynb", elsewhere / "study.ipynb")
    document = json.loads((project / "r.json").read_text())
    (project / "r.json").write_text(json.dumps({**document, "notebook_path": "../elsewhere/study.ipynb"}))
    ran = seamless(project, "verify", "r.json", "--run")
    assert ran.returncode == 2
    assert "nothing was run" in ran.stderr
    assert f"--run --notebook {elsewhere / 'study.ipynb'}" in ran.stderr
    assert "running" not in ran.stdout
    assert seamless(project, "verify", "r.json").returncode == 3, "its code may be compared"
    heard: list[Path] = []
    with opened(project) as lab:
        with pytest.raises(RequestError, match="names the notebook"):
            lab.verify_receipt("r.json", run=True, on_run=heard.append)
        assert heard == []
        (elsewhere / "broken").touch()
        found = lab.verify_receipt("r.json", run=True, notebook=elsewhere / "study.ipynb", on_run=heard.append)
    assert heard == [elsewhere / "study.ipynb"]
    assert states(found)["run"] == ["differs"]


def test_a_notebook_that_fails_is_named_with_its_cell(project: Path) -> None:
    (project / "broken").touch()
    saved = json.loads((project / "study.ipynb").read_text())
    saved["cells"][-1]["outputs"].append({"output_type": "error", "ename": "Old", "evalue": "", "traceback": []})
    (project / "study.ipynb").write_text(json.dumps(saved))
    with opened(project) as lab:
        found = lab.verify_receipt("r.json", run=True)
    assert states(found)["run"] == ["differs"]
    assert "Cell 4 of study.ipynb fails: AssertionError." in repr(found)


def test_a_notebook_that_fails_for_want_of_its_bars_proves_nothing(project: Path) -> None:
    shutil.rmtree(project / ".seamless" / "artifacts")
    with opened(project) as lab:
        found = lab.verify_receipt("r.json", run=True)
    assert (found.exit_code, states(found)["run"]) == (3, ["unknown"])
    assert "fails: " in repr(found)
    assert ".." not in repr(found).replace("…", "")


def test_without_nbclient_running_says_what_to_install(project: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with opened(project) as lab, pytest.raises(ConfigError, match="needs nbclient") as caught:
        lab.verify_receipt("r.json", run=True)
    assert "pip install" in caught.value.hint


def test_the_kernel_s_receipt_is_that_of_the_saved_file(project: Path) -> None:
    with Editor(project / "live.ipynb") as editor:
        editor.run("load", LOAD)
        editor.run("fetch", fetch("head", BTC, "2024-01-01"))
        editor.run("seal", "%seamless seal")
        editor.save()
        told = shown(editor.run("r", "%seamless receipt --out live.json"))
        assert "1 input, 0 results" in told
        assert "not saved" not in told
        editor.run("fetch", fetch("head", BTC, "2024-01-02"))
        assert "live.ipynb was not saved since its cells ran" in shown(editor.run("again", "%seamless receipt"))
        assert seamless(project, "verify", "live.json").returncode == 0, "the code that was saved is the receipt's"
        editor.save()
    assert seamless(project, "verify", "live.json").returncode == 1


def test_a_notebook_that_writes_its_own_receipt_is_compared_and_not_stopped_by_the_file(project: Path) -> None:
    cells = {"load": LOAD, "fetch": fetch("head", BTC, "2024-01-01"), "receipt": "%seamless receipt --out own.json"}
    with Editor(project / "own.ipynb") as editor:
        for name, source in cells.items():
            editor.add(name, source)
        editor.save()
        for name in cells:
            editor.run(name)
        assert "reproduced" in shown(editor.run("check", "%seamless verify own.json --run"))
        restate(project, minute(0, 3))
        told = shown(editor.run("check"))
    assert "has the content" in told
    assert "fails" not in told


def test_what_the_kernel_knows_to_be_missing_from_its_receipt_keeps_it_from_being_verified(project: Path) -> None:
    early = f"from seamless_lab import Lab\nwith Lab() as early:\n    early.fetch('{ETH}', '2024-01-01')"
    heard, late = fetch("head", BTC, "2024-01-01"), fetch("late", BTC, "2024-01-02")
    path = executed(
        project,
        early,
        LOAD,
        heard,
        "%seamless receipt own.ipynb --out own.json",
        late,
        "%seamless seal",
        name="own.ipynb",
    )
    told = path.read_text()
    assert f"Not in this receipt: {ETH}, read while the extension was not loaded." in told
    assert "1 code cell of own.ipynb had not run" in told
    receipt = read_receipt(project / "own.json")
    assert [each.read.written for each in receipt.unheard] == [ETH]
    assert receipt.notebook is not None
    assert receipt.notebook.unrun == 1
    ran = seamless(project, "verify", "own.json", "--json")
    assert ran.returncode == 3
    unknown = [each for each in json.loads(ran.stdout)["findings"] if each["state"] != "same"]
    assert [(each["what"], each["name"]) for each in unknown] == [("input", ETH), ("code", "own.ipynb")]
    assert "was read while the extension was not loaded" in unknown[0]["said"]
    assert "1 code cell had not run when the receipt was made" in unknown[1]["said"]
    assert {"unheard", "unrun"}.isdisjoint(read_receipt(project / "r.json").to_dict())


def test_a_receipt_is_written_as_json_or_text_and_never_over_another(project: Path) -> None:
    assert seamless(project, "receipt", "study.ipynb", "--out", "r.json").returncode == 0, "the same bytes again"
    assert seamless(project, "receipt", "study.ipynb", "--out", "r.txt").returncode == 0
    assert "with its notebook" in (project / "r.txt").read_text()
    (project / "other.json").write_text("{}")
    ran = seamless(project, "receipt", "study.ipynb", "--out", "other.json")
    assert (ran.returncode, (project / "other.json").read_text()) == (2, "{}")
    assert "--force" in ran.stderr
    assert seamless(project, "receipt", "study.ipynb", "--out", "other.json", "--force").returncode == 0
    for refused in ("r.pdf", "r", "nowhere/r.json"):
        assert seamless(project, "receipt", "study.ipynb", "--out", refused).returncode == 2
    assert "a file of receipts ends in .json" in seamless(project, "receipt", "study.ipynb", "--out", "r.csv").stderr
    assert "receipts go into a file" in seamless(project, "receipt", "study.ipynb", "--out", ".").stderr
    ran = seamless(project, "receipt")
    assert ran.returncode == 2
    assert "%seamless receipt" in ran.stderr


def test_a_lockfile_that_cannot_be_read_changes_no_receipt(project: Path) -> None:
    with (project / "seamless.lock").open("a") as lock:
        lock.write("<<<<<<< HEAD\n")
    ran = seamless(project, "receipt", "study.ipynb", "--json")
    assert json.loads(ran.stdout) == json.loads((project / "r.json").read_text())


def test_a_result_that_the_seal_of_a_notebook_lacks_is_told_so(project: Path) -> None:
    with opened(project) as lab, pytest.raises(RequestError, match=r"The seal of study\.ipynb has no record") as caught:
        lab.receipt(lab.fetch(BTC, "2024-01-02"), notebook="study.ipynb")
    assert "%seamless seal" in caught.value.hint
