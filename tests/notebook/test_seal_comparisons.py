"""Seals and receipts of notebooks whose cells compare versions and look back."""

from __future__ import annotations

import json
from pathlib import Path

from seamless_lab.app.notebooks.checking import State
from seamless_lab.app.notebooks.seal import MIME
from tests.notebook.projects import BTC, ETH, minute, new_project, opened, restate
from tests.notebook.studies import seamless, study


def test_what_comparisons_read_is_sealed_and_noticed_when_a_pin_or_the_newest_version_moves(
    tmp_path: Path, monkeypatch
) -> None:
    project = new_project(tmp_path / "p")
    monkeypatch.chdir(project)
    with opened(project) as lab:
        lab.pin("before", f"{BTC}@seq:1", "2024-01-01", "2024-01-02")
    restate(project, minute(0, 9))
    with opened(project) as lab:
        lab.pin("after", f"{BTC}@seq:2", "2024-01-01", "2024-01-02")
    path = study(
        project,
        "from seamless_lab import lab\nd = lab().diff('pin:before', 'pin:after')\nd.restated['close_new'].sum()",
        f"h = lab().history('{ETH}', '2024-01-02T00:05')",
        f"%seamless diff {BTC} --start 2024-01-02",
    )
    sealed = json.loads(path.read_text())["cells"][-1]["outputs"][0]["data"][MIME]
    assert [
        (each["execution_count"], read["written"], read["rows"]) for each in sealed["cells"] for read in each["reads"]
    ] == [
        (2, "pin:after", 1_440),
        (2, "pin:before", 1_440),
        (3, ETH, 1),
        (4, f"{BTC}@latest", 1_440),
        (4, f"{BTC}@seq:1", 1_440),
    ]
    with opened(project) as lab:
        found = lab.check_notebook(path)
    assert (found.exit_code, {each.state for each in found.checks}) == (0, {State.SAME})
    ran = seamless(project, "receipt", "study.ipynb", "--out", "r.json")
    assert ran.returncode == 0, ran.stderr
    assert "5 inputs" in ran.stdout
    assert seamless(project, "verify", "r.json").returncode == 0

    ran = seamless(project, "lock", "--update", "before", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert changed(project) == ["pin:before"]
    restate(project, minute(1, 5), symbol="ETH/USDT")
    assert changed(project) == ["pin:before", ETH]
    restate(project, minute(1, 700))
    assert changed(project) == ["pin:before", ETH, f"{BTC}@latest"]
    assert seamless(project, "lock", "--check", "study.ipynb").returncode == 1


def changed(project: Path) -> list[str]:
    """What a cell would read otherwise today."""
    with opened(project) as lab:
        found = lab.check_notebook(project / "study.ipynb")
    return [each.read.written for each in found.checks if each.state is State.DIFFERS]
