"""The table and the JSON of a run."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.bench import Sizes
from benchmarks.environment import VENV
from benchmarks.measure import Check, Row

PACKAGES = ("polars", "pyarrow", "numpy", "apsw", "ccxt")
PEERS = ("arcticdb", "deltalake", "pyiceberg", "nautilus_trader", "freqtrade", "duckdb", "pandas", "portion",
         "intervaltree", "ccxt")  # fmt: skip
_PREAMBLE = """# Benchmarks

Written by `make bench`; the numbers behind it are in `benchmarks/results.json`. Every row runs ours, a *floor* (the
same work with nothing around it, in `benchmarks/rows/`) and the peers in interleaved rounds on one machine, and shows
the fastest round of each with its CPU time. Goals are ratios within a row's run. A peer that is missing or fails keeps
its line.
"""

_LOAD = (
    "Above one a core, wall times of syncs, threads and processes say as much about the neighbours as about the work."
)


def _runs(again: list[str]) -> str:
    """How many runs the rows come from."""
    if not again:
        return "All rows come from one run."
    return f"Measured again after the run of all rows, under other loads: {', '.join(again)}."


def to_json(rows: list[Row], sizes: Sizes) -> dict[str, object]:
    """A run as JSON values."""
    return {
        "machine": machine(),
        "sizes": asdict(sizes),
        "again": [],
        "rows": [
            {
                "name": row.name,
                "work": row.work,
                "error": row.error,
                "seconds": round(row.seconds, 1),
                "measures": [
                    {
                        "kind": str(measure.kind),
                        "label": measure.label,
                        "wall_ms": _digits(measure.wall_ms),
                        "cpu_ms": _digits(measure.cpu_ms),
                        "rounds": measure.rounds,
                        "error": measure.error,
                    }
                    for measure in row.measures
                ],
                "checks": [
                    {"goal": check.goal, "value": _digits(check.value), "limit": check.limit, "unit": check.unit,
                     "met": check.met}
                    for check in row.checks
                ],
                "notes": row.notes,
            }
            for row in rows
        ],
    }  # fmt: skip


def machine() -> dict[str, object]:
    """What the run was made on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[2], 1),
        "packages": {name: version(name) for name in PACKAGES},
        "peers": _peer_versions(),
    }


def to_markdown(result: dict[str, object]) -> str:
    """The page in the documentation, from a run's JSON alone."""
    about, rows, again = result["machine"], result["rows"], result["again"]
    assert isinstance(about, dict)
    assert isinstance(rows, list)
    assert isinstance(again, list)
    checks = [check for row in rows for check in row["checks"]]
    met = sum(check["met"] for check in checks)
    peers = ", ".join(f"{name} {number}" for name, number in about["peers"].items()) or "none"
    lines = [
        _PREAMBLE,
        _runs(again),
        "",
        f"Machine: {about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, "
        f"{about['date']}; " + ", ".join(f"{name} {number}" for name, number in about["packages"].items()) + ".",
        f"Peers: {peers}.",
        "",
        f"Load average at its end: {about['load']} on {about['cores']} cores. {_LOAD}",
        "",
        f"**{met} of {len(checks)} goals met.**",
        "",
        "| row | goal | measured | limit | |",
        "|---|---|--:|--:|---|",
    ]
    for row in rows:
        for check in row["checks"] or [
            {"goal": row["error"] or "none", "value": None, "limit": 0, "unit": "", "met": False}
        ]:
            unit = f" {check['unit']}" if check["unit"] else ""
            value = "failed" if check["value"] is None else _number(check["value"]) + unit
            limit, verdict = _number(check["limit"]) + unit, "met" if check["met"] else "**missed**"
            lines.append(f"| [{row['name']}](#{row['name']}) | {check['goal']} | {value} | {limit} | {verdict} |")
    for row in rows:
        lines += ["", f"## {row['name']}", "", _sentence(row["work"]), ""]
        if row["error"]:
            lines += [f"**Failed**: {row['error']}", ""]
        if row["measures"]:
            lines += ["| who | what | wall ms | CPU ms | rounds |", "|---|---|--:|--:|--:|"]
            for measure in row["measures"]:
                if measure["wall_ms"] is None:
                    lines.append(f"| {measure['kind']} | {measure['label']} | **failed**: {measure['error']} | | |")
                else:
                    lines.append(
                        f"| {measure['kind']} | {measure['label']} | {_number(measure['wall_ms'])} | "
                        f"{_number(measure['cpu_ms'])} | {measure['rounds']} |"
                    )
        for note in row["notes"]:
            lines += ["", note]
    return "\n".join(lines) + "\n"


def summary(row: Row) -> str:
    """A row in a terminal."""
    lines = [f"{row.name}  ({row.seconds:.0f} s)  {row.work}"]
    if row.error:
        lines.append(f"    FAILED {row.error}")
    for measure in row.measures:
        shown = measure.error if measure.wall_ms is None else f"{measure.wall_ms:10.3f} ms {measure.cpu_ms:10.3f} CPU"
        lines.append(f"    {measure.kind:5} {measure.label:48} {shown}")
    lines += [f"    {_verdict(check)}" for check in row.checks]
    return "\n".join(lines)


def updated(result: dict[str, object], root: Path, order: list[str]) -> dict[str, object]:
    """The kept results with the rows of a new run in place of the old ones."""
    kept = json.loads((root / "benchmarks" / "results.json").read_text())
    new = result["rows"]
    assert isinstance(new, list)
    rows = {row["name"]: row for row in [*kept["rows"], *new]}
    again = sorted({*kept["again"], *(row["name"] for row in new)})
    return {**result, "again": again, "rows": [rows[name] for name in order if name in rows]}


def write(result: dict[str, object], root: Path) -> None:
    """Keep a run: the JSON and the page."""
    (root / "benchmarks" / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    (root / "docs" / "benchmarks.md").write_text(to_markdown(result))


def _verdict(check: Check) -> str:
    value = "failed" if check.value is None else f"{check.value:.4g}"
    return f"{'met   ' if check.met else 'MISSED'} {check.goal}: {value} {check.unit} (limit {check.limit:.4g})"


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _peer_versions() -> dict[str, str]:
    found = {}
    for name in PEERS:
        for path in VENV.glob(f"lib/python*/site-packages/{name}-*.dist-info"):
            found[name] = path.name.removeprefix(f"{name}-").removesuffix(".dist-info")
    return found
