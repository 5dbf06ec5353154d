from __future__ import annotations

import json
from pathlib import Path

from seamless_lab.app.config.view import ConfigRow, ConfigView, view
from seamless_lab.app.home import Home
from seamless_lab.app.settings import resolve_settings, validate_settings
from seamless_lab.app.setup_results import ConfigShown


def test_every_value_is_shown_sorted_with_its_origin() -> None:
    settings = resolve_settings(env={"SEAMLESS_STRATEGY": "FAIL_FAST"}, overrides={"preset": "baseline"})
    shown = view(settings)
    keys = [row.key for row in shown.rows]
    assert keys == sorted(settings.values)
    origins = {row.key: (row.value, row.origin) for row in shown.rows}
    assert origins["seamless.strategy"] == ("FAIL_FAST", "environment SEAMLESS_STRATEGY")
    assert origins["seamless.sla.total_deadline_ms"] == (1_500, "preset baseline")
    assert origins["cache.enable"] == (True, "default")
    assert json.loads(json.dumps(shown.to_dict()))["settings"]["cache.enable"] == {"value": True, "origin": "default"}


def test_a_section_or_the_changes_can_be_shown_alone() -> None:
    settings = resolve_settings(overrides={"seamless.strategy": "FAIL_FAST"})
    assert {row.key for row in view(settings, section="cache").rows} == {
        "cache.enable",
        "cache.key_template",
        "cache.max_shards",
        "cache.ttl_ms",
    }
    changed = {row.key for row in view(settings, changed=True).rows}
    assert "seamless.strategy" in changed
    assert "cache.enable" not in changed
    assert [row.key for row in view(settings, section="seamless.strategy").rows] == ["seamless.strategy"]


def test_a_long_value_leaves_the_rows_of_the_others_readable(tmp_path: Path) -> None:
    rows = (ConfigRow("a.key", "x" * 3_000, "default"), ConfigRow("b.key", "short", "default"))
    shown = ConfigShown(ConfigView(rows, ""), Home(tmp_path, None, tmp_path / "cache", "given"))
    lines = str(shown).splitlines()
    assert max(len(line) for line in lines if "key" in line) < 120
    assert "…  default" in str(shown)
    assert "--json" in lines[-1]
    assert shown.to_dict()["settings"]["a.key"]["value"] == "x" * 3_000


def test_a_report_is_json_with_errors_first(tmp_path: Path) -> None:
    path = tmp_path / "seamless.yaml"
    path.write_text("seamless: {stratgy: x}\n")
    found = json.loads(json.dumps(validate_settings(config_file=path).to_dict()))
    assert (found["exit_code"], found["file"], found["profile"]) == (2, str(path), "dev")
    assert [finding["level"] for finding in found["findings"]] == ["error", "warning"]
    assert found["findings"][0]["hint"] == "Did you mean strategy?"
