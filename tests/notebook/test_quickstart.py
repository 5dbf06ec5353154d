"""The quickstart notebook: what is stored is what runs, and one changed bar is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOK = ROOT / "notebooks" / "00_quickstart.ipynb"


CHANGES = {"another market": ("--seed 7", "--seed 8"), "another price": ("45638.2", "45638.3")}
CELLS = 7  # up to the fetch and its bars


def test_one_changed_bar_fails_the_notebook(tmp_path: Path) -> None:
    text = NOTEBOOK.read_text()
    for name, (old, new) in CHANGES.items():
        assert old in text
        changed = json.loads(text.replace(old, new))
        changed["cells"] = changed["cells"][:CELLS]
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(changed))
    environment = {"SEAMLESS_RENDER": "static", "COLUMNS": "100", "POLARS_TABLE_WIDTH": "100", "TZ": "UTC"}
    arguments = ["--nbval-lax", "--nbval-current-env", f"--nbval-sanitize-with={ROOT / 'notebooks' / 'nbval.cfg'}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments, "."]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1, ran.stdout
    for name in CHANGES:
        assert f"{name}.ipynb::Cell 2" in ran.stdout
    assert "Cell outputs differ" in ran.stdout


def test_the_stored_notebook_is_static_small_and_of_no_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) <= 300_000
    outputs = [output for cell in json.loads(text)["cells"] for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "text/html"}
    assert "127.0.0.1" not in json.dumps(outputs)
    assert "/tmp" not in json.dumps(outputs)
