from __future__ import annotations

import json
from pathlib import Path

from seamless_lab.app.config.health import ATTEMPTS, WAIT_S, check_health, services
from seamless_lab.app.config.view import view
from seamless_lab.app.secret import Secret
from seamless_lab.app.settings import resolve_settings, validate_settings
from seamless_lab.errors import SourceUnavailable


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


def test_a_report_is_json_with_errors_first(tmp_path: Path) -> None:
    path = tmp_path / "seamless.yaml"
    path.write_text("seamless: {stratgy: x}\n")
    found = json.loads(json.dumps(validate_settings(config_file=path).to_dict()))
    assert (found["exit_code"], found["file"], found["profile"]) == (2, str(path), "dev")
    assert [finding["level"] for finding in found["findings"]] == ["error", "warning"]
    assert found["findings"][0]["hint"] == "Did you mean strategy?"


class Network:
    """Services that answer from the given attempt on; never for None."""

    def __init__(self, answers: dict[str, int | None]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.slept: list[float] = []

    def probe(self, key: str, url: str) -> None:
        self.asked.append(url)
        wanted = self.answers[key]
        if wanted is None or self.asked.count(url) < wanted:
            raise SourceUnavailable(f"connection to {url} refused")


TARGETS = {
    "seamless.coordinator_url": "http://c:8080",
    "connectors.ccxt_rate_limiter_redis": Secret("redis://u:hunter2@r:6379"),
}


def test_a_healthy_service_is_asked_once_and_nobody_waits() -> None:
    network = Network(dict.fromkeys(TARGETS, 1))
    assert check_health(TARGETS, network.probe, network.slept.append) == ()
    assert network.asked == ["http://c:8080", "redis://u:hunter2@r:6379"]
    assert network.slept == []


def test_a_late_service_is_asked_again_after_ten_seconds() -> None:
    network = Network({"seamless.coordinator_url": 3, "connectors.ccxt_rate_limiter_redis": 1})
    assert check_health(TARGETS, network.probe, network.slept.append) == ()
    assert network.slept == [WAIT_S, WAIT_S]


def test_a_dead_service_is_unhealthy_after_three_attempts_and_its_password_stays_hidden() -> None:
    network = Network({"seamless.coordinator_url": 1, "connectors.ccxt_rate_limiter_redis": None})
    (finding,) = check_health(TARGETS, network.probe, network.slept.append)
    assert finding.level == "unhealthy"
    assert finding.key == "connectors.ccxt_rate_limiter_redis"
    assert f"{ATTEMPTS} times" in finding.message
    assert "hunter2" not in finding.message
    assert sum(network.slept) == 20  # with time-outs of a few seconds, three attempts over about thirty


def test_without_services_there_is_nothing_to_ask(tmp_path: Path) -> None:
    assert services(resolve_settings(overrides={"seamless.artifact.object_store_uri": str(tmp_path)})) == {}
