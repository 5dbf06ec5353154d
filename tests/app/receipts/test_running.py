"""Which notebook a receipt has run again, and what is told of what comes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab import crossover
from seamless_lab.app.home import FOLDER, Home
from seamless_lab.app.reads import ReadRecord
from seamless_lab.app.receipts.receipt import Receipt, Sources, receipt_of
from seamless_lab.app.receipts.running import differences, notebook_to_run
from seamless_lab.errors import RequestError
from tests.app.receipts.verifying import states
from tests.notebook.projects import BTC, opened


def run_of(receipt: Receipt, *reads: ReadRecord, digests: Sequence[str] = ()) -> Receipt:
    """A receipt of some reads, and of results with some digests."""
    [made] = receipt.results
    results = [replace(made, digest=digest) for digest in digests]
    return receipt_of(reads, results, receipt.software)


def test_what_a_run_reads_otherwise_is_told_though_a_reference_was_read_twice(project: Path) -> None:
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:btc"])
        receipt = lab.receipt()
    a, b, c = (replace(receipt.inputs[0].read, content=letter * 64) for letter in "abc")

    def told(before: tuple[ReadRecord, ...], after: tuple[ReadRecord, ...]) -> list[str]:
        said = differences(run_of(receipt, *before), run_of(receipt, *after))
        assert all(each.startswith("pin:btc [2024-01-01T00:00Z, 2024-01-03T00:00Z) ") for each in said)
        return [each.partition(") ")[2] for each in said]

    assert told((a,), (a,)) == told((a, b), (b, a)) == []
    assert told((a, b), (b,)) == ["is not read with the content aaaaaaaaaaaa"]
    assert told((a, b), (a,)) == ["is not read with the content bbbbbbbbbbbb"]
    assert told((b,), (a, b)) == ["is read with the content aaaaaaaaaaaa too"]
    assert told((a, b), (a, c)) == ["has the content cccccccccccc instead of bbbbbbbbbbbb"]
    assert len(told((a, b), (c,))) == 3
    assert told((a,), ()) == ["is not read"]
    assert told((), (a,)) == ["is read too"]


def test_results_of_a_run_are_compared_by_their_whole_digests(project: Path) -> None:
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:btc"])
        receipt = lab.receipt()
    one, near = "0" * 64, "0" * 63 + "1"
    assert differences(run_of(receipt, digests=[one]), run_of(receipt, digests=[one])) == ()
    assert differences(run_of(receipt, digests=[one]), run_of(receipt, digests=[near])) == (
        "backtest 000000000000 does not come out",
        "backtest 000000000000 comes out instead",
    )


def test_a_notebook_that_only_the_receipt_names_is_run_from_its_folder_or_the_project_alone(
    tmp_path: Path, monkeypatch
) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (project / "receipts", project / "notebooks", outside):
        folder.mkdir(parents=True)
    home = Home(project / FOLDER, project, tmp_path / "cache", "a test")
    nowhere = Home(tmp_path / "data", None, tmp_path / "cache", "a test")
    path, sources = project / "receipts" / "r.json", Sources("0" * 64, 1)

    def receipt(place: Path) -> Receipt:
        return replace(receipt_of((), (), {}), notebook=sources, notebook_path=place)

    (outside / "n.ipynb").touch()
    (project / "link.ipynb").symlink_to(outside / "n.ipynb")
    beside, inside = path.parent / "n.ipynb", path.parent / ".." / "notebooks" / "n.ipynb"
    assert notebook_to_run(receipt(beside), path, None, nowhere) == beside
    assert notebook_to_run(receipt(inside), path, None, home) == inside
    for place, where in (
        (inside, nowhere),
        (project / "link.ipynb", home),
        (path.parent / ".." / ".." / "outside" / "n.ipynb", home),
        (outside / "n.ipynb", home),
    ):
        with pytest.raises(RequestError, match="nothing was run") as caught:
            notebook_to_run(receipt(place), path, None, where)
        assert f"--run --notebook {place.resolve()}" in caught.value.hint
        assert str(place.resolve()) in caught.value.message
        assert notebook_to_run(receipt(place), path, place, where) == place, "the user names it"
    monkeypatch.chdir(path.parent)
    assert notebook_to_run(receipt(Path("n.ipynb")), Path("r.json"), None, nowhere) == Path("n.ipynb")


def test_a_pipe_that_a_receipt_names_as_its_notebook_is_not_opened(project: Path) -> None:
    os.mkfifo(project / "n.ipynb")
    with opened(project) as lab:
        lab.fetch(BTC, "2024-01-01")
        found = replace(lab.receipt(), notebook=Sources("0" * 64, 1), notebook_path=project / "n.ipynb")
        (project / "r.json").write_text(json.dumps(found.to_json(project)))
        assert states(lab.verify_receipt(project / "r.json"))["code"] == ["unknown"]


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "loop.ipynb"])
@pytest.mark.parametrize("run", [False, True])
def test_a_notebook_that_no_path_leads_to_is_not_raised_raw(project: Path, name: str, run: bool) -> None:
    (project / "loop.ipynb").symlink_to("loop.ipynb")
    with opened(project) as lab:
        lab.fetch(BTC, "2024-01-01")
        found = replace(lab.receipt(), notebook=Sources("0" * 64, 1), notebook_path=project / name)
        (project / "r.json").write_text(json.dumps(found.to_json(project)))
        if run and len(name) < 5_000:
            with pytest.raises(RequestError, match="no path leads to") as caught:
                lab.verify_receipt(project / "r.json", run=True)
            assert "--notebook" in caught.value.hint
            return
        found = lab.verify_receipt(project / "r.json", run=run)
        assert states(found)["code"] == ["unknown"]
        assert len(repr(found)) < 4_000
