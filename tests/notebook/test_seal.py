"""Sealing a notebook from inside, in a real kernel over a real project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import seamless_lab
from seamless_lab.app.lock.disk import load
from seamless_lab.app.notebooks.seal import MIME
from seamless_lab.app.reads import Cell
from seamless_lab.notebook.cells import this_notebook
from seamless_lab.notebook.session import SESSION
from tests.notebook.kernels import CellFailed, Editor, shown
from tests.notebook.projects import BTC, ETH, new_project
from tests.notebook.studies import LOAD, fetch


def reads(cell: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """Cell id, reference and first day of each read that a seal lists."""
    [output] = cell.outputs
    seal = output.data[MIME]
    return [(each["id"], read["written"], read["start"][:10]) for each in seal["cells"] for read in each["reads"]]


@pytest.fixture(scope="module")
def editor(tmp_path_factory) -> Iterator[Editor]:
    with Editor(new_project(tmp_path_factory.mktemp("project")) / "study.ipynb") as opened_editor:
        opened_editor.run("load", LOAD)
        yield opened_editor


def test_a_seal_has_the_latest_run_of_each_cell(editor: Editor) -> None:
    editor.run("btc", fetch("btc", BTC, "2024-01-01"))
    editor.run("eth", fetch("eth", ETH, "2024-01-01"))
    assert reads(editor.run("seal", "%seamless seal")) == [("btc", BTC, "2024-01-01"), ("eth", ETH, "2024-01-01")]
    editor.run("btc", fetch("btc", BTC, "2024-01-02"))
    assert reads(editor.run("seal")) == [("eth", ETH, "2024-01-01"), ("btc", BTC, "2024-01-02")]
    editor.run("eth", "eth = None")
    assert reads(editor.run("seal")) == [("btc", BTC, "2024-01-02")]
    with pytest.raises(CellFailed):
        editor.run("btc", "1/0")
    sealed = editor.run("seal")
    assert reads(sealed) == []
    assert "No cell of this notebook has read sealed bars" in shown(sealed)


def test_labs_of_one_s_own_threads_and_tasks_belong_to_their_cell(editor: Editor) -> None:
    editor.run(
        "own",
        "import asyncio, threading\nfrom seamless_lab import Lab\n"
        f"with Lab() as own:\n    own.fetch('{BTC}', '2024-01-01')\n"
        "import seamless_lab\nlab = seamless_lab.lab()\n"
        f"worker = threading.Thread(target=lab.fetch, args=('{ETH}', '2024-01-02'))\nworker.start(); worker.join()\n"
        f"await lab.afetch('{BTC}', '2024-01-03')",
    )
    found = reads(editor.run("seal", "%seamless seal"))
    assert found == [("own", BTC, "2024-01-01"), ("own", BTC, "2024-01-03"), ("own", ETH, "2024-01-02")]
    editor.run("own", "pass")


def test_what_a_cell_runs_by_itself_is_part_of_that_cell(editor: Editor) -> None:
    editor.run("outer", f"get_ipython().run_cell({fetch('x', BTC, '2024-01-01')!r})\n{fetch('y', ETH, '2024-01-01')}")
    assert {cell for cell, _, _ in reads(editor.run("seal", "%seamless seal"))} == {"outer"}
    editor.run("outer", "pass")


def test_the_seal_is_shown_kept_in_the_output_and_written_to_the_lock(editor: Editor) -> None:
    editor.run("btc", fetch("btc", BTC, "2024-01-01"))
    cell = editor.run("seal", "%seamless seal")
    [output] = cell.outputs
    assert {MIME, "text/plain", "text/html"} == set(output.data)
    assert "<script" not in output.data["text/html"]
    for part in (
        f"[{editor_count(editor, 'btc')}] btc",
        BTC,
        "2024-01-02",
        "1,440",
        "study.ipynb",
        "seal  1 read in 1 cell",
    ):
        assert part in shown(cell), part
    lock = load(editor.path.parent / "seamless.lock")
    assert lock is not None
    [kept] = lock.notebooks["study.ipynb"]
    assert (kept.cell, kept.ref, str(kept.node)) == ("btc", BTC, BTC)
    assert kept.content == output.data[MIME]["cells"][0]["reads"][0]["content"]


def editor_count(editor: Editor, name: str) -> int:
    return next(cell.execution_count for cell in editor.notebook.cells if cell.id == name)


def test_what_was_read_before_the_extension_was_loaded_is_said_to_be_missing(tmp_path: Path) -> None:
    early = f"from seamless_lab import Lab\nwith Lab() as early:\n    early.fetch('{BTC}', '2024-01-01')"
    with Editor(new_project(tmp_path / "p") / "n.ipynb", named=False) as fresh:
        fresh.run("early", early)
        fresh.run("load", LOAD)
        fresh.run("eth", fetch("eth", ETH, "2024-01-02"))
        sealed = fresh.run("seal", "%seamless seal")
        assert reads(sealed) == [("eth", ETH, "2024-01-02")]
        assert f"Not in this seal: {BTC}, read while the extension was not loaded." in " ".join(shown(sealed).split())
        fresh.run("early")
        sealed = fresh.run("seal")
        assert reads(sealed) == [("eth", ETH, "2024-01-02"), ("early", BTC, "2024-01-01")]
        assert "Not in this seal" not in shown(sealed)


def test_the_cell_that_loads_the_extension_is_watched_too(tmp_path: Path) -> None:
    with Editor(new_project(tmp_path / "p") / "n.ipynb", named=False) as fresh:
        fresh.run("all", f"{LOAD}\n{fetch('x', BTC, '2024-01-01')}")
        sealed = fresh.run("seal", "%seamless seal")
        assert reads(sealed) == [("all", BTC, "2024-01-01")]
        assert "the lock needs the notebook's name: %seamless seal NOTEBOOK.ipynb" in shown(sealed)
        assert not (tmp_path / "p" / "seamless.lock").exists()
        assert "Which code this is of is not known" in shown(fresh.run("receipt", "%seamless receipt"))
        fresh.save()
        fresh.run("seal", "%seamless seal n.ipynb")
        assert (tmp_path / "p" / "seamless.lock").exists()


def test_the_front_end_tells_which_file_this_is(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.ipynb", "b.ipynb"):
        (tmp_path / name).touch()
    jupyter = {"JPY_SESSION_NAME": str(tmp_path / "a.ipynb")}
    assert this_notebook(jupyter, {}) == tmp_path / "a.ipynb"
    assert this_notebook(jupyter, {"__vsc_ipynb_file__": str(tmp_path / "b.ipynb")}) == tmp_path / "b.ipynb"
    assert this_notebook({"JPY_SESSION_NAME": "server/folder/a.ipynb"}, {}) == tmp_path / "a.ipynb"
    assert this_notebook({"JPY_SESSION_NAME": str(tmp_path / "renamed.ipynb")}, {}) is None
    assert this_notebook({"JPY_SESSION_NAME": "console-1"}, {"__vsc_ipynb_file__": 7}) is None
    assert this_notebook({}, {}) is None


def test_a_runner_that_keeps_no_history_gives_the_same_seal() -> None:
    cells = [LOAD, "from seamless_lab.app.reads import CURRENT_CELL\na = CURRENT_CELL.get()", "b = CURRENT_CELL.get()"]
    found = []
    for history in (True, False):
        shell = InteractiveShell(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
        held, SESSION.close = SESSION.close, lambda: None  # type: ignore[method-assign]  # it is other tests' session
        try:
            for source in cells:
                shell.run_cell(source, store_history=history).raise_error()
            found.append((shell.user_ns["a"], shell.user_ns["b"]))
            seamless_lab.unload_ipython_extension(shell)
        finally:
            SESSION.close = held  # type: ignore[method-assign]  # as it was
    assert found == [(Cell("", 2), Cell("", 3))] * 2
