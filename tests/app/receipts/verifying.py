"""What a lab does that has a receipt, the receipt as a file, and what verifying it finds."""

from __future__ import annotations

import json
from pathlib import Path

from seamless_lab import crossover
from seamless_lab.app.lab import Lab
from tests.notebook.projects import BTC


def worked(lab: Lab) -> None:
    """One shipped strategy over two symbols, one strategy that is code, and one fetch."""
    lab.backtest(crossover(5, 20), pins=["pin:btc", "pin:eth"], fee_bps=10)
    lab.fetch(BTC, "2024-01-01")


def written(lab: Lab, path: Path) -> Path:
    path.write_text(json.dumps(lab.receipt().to_json(path.parent)))
    return path


def states(found) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for each in found.findings:
        by_kind.setdefault(each.what, []).append(str(each.state))
    return by_kind
