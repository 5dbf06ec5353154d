"""What a lab does that has a receipt, the receipt as a file, and what verifying it finds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from seamless_lab import crossover
from seamless_lab.app.lab import Lab
from tests.notebook.projects import BTC, opened


def worked(lab: Lab) -> None:
    """One shipped strategy over two symbols, one strategy that is code, and one fetch."""
    lab.backtest(crossover(5, 20), pins=["pin:btc", "pin:eth"], fee_bps=10)
    lab.fetch(BTC, "2024-01-01")


def written(lab: Lab, path: Path) -> Path:
    path.write_text(json.dumps(lab.receipt().to_json(path.parent)))
    return path


def receipt_of_work(project: Path) -> Path:
    with opened(project) as lab:
        worked(lab)
        return written(lab, project / "r.json")


def read_from_a_folder(project: Path) -> None:
    """The pins of the project have a store of their own from here on."""
    shutil.move(project / ".seamless" / "artifacts", project / "data")
    lock = project / "seamless.lock"
    lock.write_text(lock.read_text().replace("rows = 2880\n", 'rows = 2880\nstore = "data"\n'))


def states(found) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for each in found.findings:
        by_kind.setdefault(each.what, []).append(str(each.state))
    return by_kind
