"""Settings: defaults, presets, and which source is heard."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.config.schema import ALIASES, ENVIRONMENT, KEYS
from seamless_lab.app.config.sources import config_file
from seamless_lab.app.settings import resolve_settings, validate_settings
from seamless_lab.core.policy import NOTEBOOK, BackfillPolicy, Domain, OnViolation, SLAPolicy, Strategy
from seamless_lab.core.report import DEFAULT, FLAGS
from seamless_lab.errors import NotAvailableYet, RequestError
from tests.app.configurations import refused, settings_of

PRESETS = files("seamless_lab.app") / "presets"


# -- defaults and presets --------------------------------------------------------------------------------------------


BASELINE = SLAPolicy(
    max_wait_storage_ms=300,
    max_wait_backfill_ms=5_000,
    max_wait_live_ms=800,
    total_deadline_ms=1_500,
    max_sync_gap_bars=2,
)
"""The reference budgets of the architecture."""


def test_the_defaults_are_the_declared_policies() -> None:
    settings = settings_of()
    assert settings.sla == NOTEBOOK
    assert settings.backfill == BackfillPolicy()
    assert settings.conformance.policy == DEFAULT
    assert (settings.strategy, settings.context.domain, settings.context.world_id) == (
        Strategy.SEAMLESS,
        Domain.DRYRUN,
        "default",
    )
    assert settings.artifact.folder is None
    assert settings.now_ms is None


def test_every_default_is_a_value_of_its_kind_that_works() -> None:
    for key in KEYS:
        value = key.kind.read(list(key.default) if isinstance(key.default, tuple) else key.default, False)
        assert value == key.default, key.name
        assert key.works is None or key.works(value), key.name
        assert key.doc, key.name


def test_packaged_presets_are_the_constants_of_core() -> None:
    settings = settings_of()
    assert settings.sla_named("baseline") == BASELINE
    assert settings.sla_named("notebook") == NOTEBOOK
    assert settings.sla_named(None) == settings.sla
    assert list(settings.sla_presets) == ["notebook", "baseline", "tolerant-partial"]
    assert settings_of(preset="baseline").sla == BASELINE
    assert settings_of(preset="strict-blocking").conformance.policy.blocking == frozenset(FLAGS)
    assert settings_of(preset="permissive-dev").conformance.policy.blocking == frozenset()


@pytest.mark.parametrize("name", ["baseline", "tolerant-partial", "strict-blocking", "permissive-dev", "notebook"])
def test_every_preset_resolves_without_an_error(name: str) -> None:
    assert validate_settings(overrides={"preset": name}).exit_code == 0


def test_a_file_may_hold_its_own_presets(write) -> None:
    path = write(
        "sla_presets:\n"
        "  nightly:\n"
        "    description: After midnight.\n"
        "    policy: {total_deadline_ms: 600000, on_violation: FAIL_FAST}\n"
        "seamless:\n"
        "  sla_preset: nightly\n"
    )
    settings = settings_of(path)
    assert settings.sla.total_deadline_ms == 600_000
    assert settings.sla.on_violation is OnViolation.FAIL_FAST
    assert str(settings.origins["seamless.sla.total_deadline_ms"]) == "preset nightly"
    assert settings.sla_named("nightly") == settings.sla


def test_an_unknown_preset_names_the_nearest() -> None:
    error = refused(preset="baselin")
    assert "baselin" in error.message
    assert error.hint == "Did you mean baseline?"
    error = refused(env={"QMTL_SEAMLESS_SLA_PRESET": "notebok"})
    assert "QMTL_SEAMLESS_SLA_PRESET" in error.message
    assert error.hint == "Did you mean notebook?"
    with pytest.raises(RequestError, match="no SLA preset 'strict'"):
        settings_of().sla_named("strict")


def test_a_bad_value_in_a_preset_is_found_though_it_is_not_chosen(write) -> None:
    error = refused(write("sla_presets: {slow: {policy: {total_deadline_ms: soon}}}\n"))
    assert "'soon'" in error.message
    error = refused(write("sla_presets: {slow: {policy: {storage_deadline_ms: 5}}}\n"))
    assert "max_wait_storage_ms" in error.hint


# -- precedence ------------------------------------------------------------------------------------------------------


def test_later_sources_win_and_each_value_knows_its_origin(write) -> None:
    path = write("seamless:\n  sla_preset: baseline\n  strategy: FAIL_FAST\n  sla:\n    total_deadline_ms: 2500\n")
    origin = "seamless.strategy"
    settings = settings_of(path)
    assert settings.strategy is Strategy.FAIL_FAST
    assert str(settings.origins[origin]) == f"file {path}:3"
    assert settings.sla.total_deadline_ms == 2_500
    assert str(settings.origins["seamless.sla.max_wait_storage_ms"]) == "preset baseline"
    settings = settings_of(path, {"SEAMLESS_STRATEGY": "partial_fill"})
    assert settings.strategy is Strategy.PARTIAL_FILL
    assert str(settings.origins[origin]) == "environment SEAMLESS_STRATEGY"
    settings = settings_of(path, {"SEAMLESS_STRATEGY": "partial_fill"}, **{"seamless.strategy": "AUTO_BACKFILL"})
    assert settings.strategy is Strategy.AUTO_BACKFILL
    assert str(settings.origins[origin]) == "argument"


@given(st.tuples(*(st.none() | st.integers(1, 99_999) for _ in range(3))))
def test_the_last_source_that_speaks_is_heard(levels: tuple[int | None, int | None, int | None]) -> None:
    preset, env, argument = levels
    overrides: dict[str, object] = {} if argument is None else {"seamless.min_coverage": argument / 100_000}
    if preset is not None:
        overrides["preset"] = "baseline"
    environment = {} if env is None else {"SEAMLESS_WORLD": f"world-{env}"}
    settings = resolve_settings(env=environment, overrides=overrides)
    assert settings.context.world_id == ("default" if env is None else f"world-{env}")
    assert settings.context.min_coverage == (None if argument is None else argument / 100_000)
    assert settings.sla == (NOTEBOOK if preset is None else BASELINE)


def test_null_lifts_a_preset_s_limit(write) -> None:
    path = write("preset: baseline\nseamless: {sla: {total_deadline_ms: null}}\n")
    assert settings_of(path).sla.total_deadline_ms is None


def test_an_empty_variable_counts_as_absent() -> None:
    assert settings_of(env={"SEAMLESS_STRATEGY": "", "QMTL_SEAMLESS_COORDINATOR_URL": ""}).strategy is Strategy.SEAMLESS


def test_arguments_may_be_nested_or_dotted() -> None:
    nested = settings_of(seamless={"sla": {"total_deadline_ms": 9}}, exchanges={"kraken": {"ccxt": {"timeout": 5}}})
    assert nested.sla.total_deadline_ms == 9
    assert nested.exchange("kraken").ccxt_options() == {"timeout": 5}


@pytest.mark.parametrize(
    "name, text, key, value",
    [
        ("QMTL_SEAMLESS_SLA_PRESET", "baseline", "seamless.sla_preset", "baseline"),
        ("QMTL_SEAMLESS_CONFORMANCE_PRESET", "permissive-dev", "seamless.conformance_preset", "permissive-dev"),
        ("QMTL_SEAMLESS_ARTIFACTS", "1", "seamless.artifact.enabled", True),
        ("QMTL_SEAMLESS_ARTIFACT_DIR", "/data/sealed", "seamless.artifact.object_store_uri", "/data/sealed"),
        ("QMTL_SEAMLESS_FP_MODE", "canonical", "seamless.artifact.fingerprint.mode", "canonical"),
        ("QMTL_SEAMLESS_PUBLISH_FP", "true", "seamless.artifact.publish_fingerprint", True),
        ("QMTL_SEAMLESS_PREVIEW_FP", "false", "seamless.artifact.preview_fingerprint", False),
        ("QMTL_SEAMLESS_EARLY_FP", "0", "seamless.artifact.early_fingerprint", False),
        ("QMTL_SCHEMA_VALIDATION_MODE", "canary", "seamless.validation_mode", "canary"),
        ("SEAMLESS_NOW", "2025-03-01T00:00Z", "now", 1_740_787_200_000),
        ("SEAMLESS_PROFILE", "dev", "profile", "dev"),
        ("SEAMLESS_DOMAIN", "research", "seamless.domain", "research"),
    ],
)
def test_environment_names_are_honoured(name: str, text: str, key: str, value: object) -> None:
    assert settings_of(env={name: text}).values[key] == value
    assert ENVIRONMENT[name] == key


def test_the_preset_variable_chooses_in_the_group_that_has_the_name() -> None:
    assert settings_of(env={"SEAMLESS_PRESET": "baseline"}).sla == BASELINE
    assert "SEAMLESS_PRESET" in refused(env={"SEAMLESS_PRESET": "basline"}).message


def test_a_misspelt_variable_is_reported() -> None:
    report = validate_settings(env={"SEAMLESS_STRATEGI": "FAIL_FAST", "SEAMLESS_COORDINATOR_ID": "x", "PATH": "/bin"})
    found = [finding for finding in report.findings if finding.key.startswith("SEAMLESS")]
    assert [finding.key for finding in found] == ["SEAMLESS_STRATEGI"]
    assert found[0].hint == "Did you mean SEAMLESS_STRATEGY?"
    assert report.exit_code == 0


# -- interpolation ---------------------------------------------------------------------------------------------------


def test_references_are_replaced_by_variables_keys_and_defaults(write) -> None:
    path = write(
        "seamless:\n"
        "  world_id: ${WORLD}\n"
        "  backfill: {max_attempts: '${TRIES:-7}'}\n"
        "exchanges:\n"
        "  kraken: {account: 'desk-${seamless.world_id}', ccxt: {apiKey: '${KEY}', note: 'costs $$5'}}\n"
    )
    settings = settings_of(path, {"WORLD": "alpha", "KEY": "k-1"})
    assert settings.context.world_id == "alpha"
    assert settings.backfill.max_attempts == 7
    assert settings.exchange("kraken").account == "desk-alpha"
    assert settings.exchange("kraken").ccxt_options() == {"apiKey": "k-1", "note": "costs $5"}
    assert not [finding for finding in settings.findings if "in the clear" in finding.message]


def test_a_key_can_be_referred_to_though_only_the_environment_sets_it(write) -> None:
    path = write("environment: {rate_limiter_redis: '${connectors.ccxt_rate_limiter_redis:-}'}\n")
    assert settings_of(path).values["connectors.ccxt_rate_limiter_redis"] is None
    error = refused(path, {"QMTL_CCXT_RATE_LIMITER_REDIS": "redis://u:hunter2@redis:6379"})
    assert "not available yet" in error.message
    assert "hunter2" not in error.message


# -- exchanges -------------------------------------------------------------------------------------------------------


def test_rate_limit_rps_becomes_tokens_of_the_common_interval() -> None:
    settings = settings_of(exchanges={"binance": {"rate_limit_rps": 20}, "coinbase": {"rate_limit_rps": 0.5}})
    assert settings.rate_limit_of("binance").tokens_per_interval == 1_200
    assert settings.rate_limit_of("coinbase").tokens_per_interval == 30
    assert settings.rate_limit_of("kraken") == settings.rate_limit


def test_anchors_and_lag_are_told_per_exchange_and_domain() -> None:
    settings = settings_of(exchanges={"binance": {"anchors": {"3d": 259_200}}}, **{"domains.live.max_lag_sec": 120})
    assert settings.anchor_s("binance", "3d") == 259_200
    assert settings.anchor_s("binance", "5d") is None
    assert settings.anchor_s("kraken", "3d") is None
    assert settings.max_lag_s(Domain.LIVE) == 120
    assert settings.max_lag_s(Domain.DRYRUN) is None


def test_a_relative_artifact_folder_of_a_file_is_beside_the_file(write) -> None:
    path = write("seamless: {artifact: {object_store_uri: sealed}}\n")
    assert settings_of(path).artifact.folder == path.parent / "sealed"
    assert settings_of(env={"QMTL_SEAMLESS_ARTIFACT_DIR": "/data/a b"}).artifact.folder == Path("/data/a b")
    uri = {"seamless.artifact.object_store_uri": "file:///data/a%20b"}
    assert settings_of(**uri).artifact.folder == Path("/data/a b")


# -- checks of several values ----------------------------------------------------------------------------------------


def warnings_of(**overrides: object) -> dict[str, str]:
    report = validate_settings(overrides=overrides)
    assert report.exit_code == 0
    return {finding.key: finding.message for finding in report.findings if finding.level == "warning"}


def test_a_total_below_a_phase_that_is_waited_for_is_reported() -> None:
    key = "seamless.sla.total_deadline_ms"
    assert "5000" in warnings_of(preset="baseline")[key]
    assert key not in warnings_of(preset="baseline", **{"seamless.sla.max_sync_gap_bars": 0})
    assert key not in warnings_of(preset="baseline", **{"seamless.strategy": "PARTIAL_FILL"})
    assert key in warnings_of(**{key: 100})  # below the live wait
    assert key not in warnings_of()


def test_blocks_and_gap_policies_are_checked() -> None:
    assert "seamless.backfill.window_bars" in warnings_of(**{"seamless.backfill.window_bars": 50_000})
    assert "seamless.backfill.max_concurrent_requests" in warnings_of(
        **{"seamless.backfill.max_concurrent_requests": 64}
    )
    assert "seamless.conformance.blocking" in warnings_of(preset="strict-blocking")
    assert "seamless.conformance.blocking" not in warnings_of(
        preset="strict-blocking", **{"seamless.strategy": "AUTO_BACKFILL"}
    )


def test_a_key_template_may_name_only_what_there_is() -> None:
    key = "seamless.rate_limit.key_template"
    error = refused(**{key: "ccxt:{exchnge}:{account?}"})
    assert "{exchnge}" in error.message
    assert error.hint == "Did you mean exchange?"
    assert key in warnings_of(**{key: "ccxt"})
    assert key not in warnings_of(**{key: "ccxt:{exchange_id}:{suffix?}"})


def test_prod_refuses_embedded_twins_and_dev_warns() -> None:
    report = validate_settings(overrides={"profile": "prod"})
    assert report.exit_code == 2
    assert {finding.key for finding in report.findings if finding.level == "error"} == {
        "seamless.coordinator_url",
        "connectors.ccxt_rate_limiter_redis",
        "connectors.questdb_dsn",
        "seamless.artifact.object_store_uri",
    }
    assert "prod" in refused(profile="prod").message
    assert "seamless.coordinator_url" in warnings_of()


# -- the packaged files ----------------------------------------------------------------------------------------------


def test_the_blueprint_loads(tmp_path: Path) -> None:
    path = Path(str(PRESETS / "blueprint.yaml"))
    settings = settings_of(path)
    assert settings.strategy is Strategy.SEAMLESS
    assert (settings.sla.max_wait_storage_ms, settings.sla.total_deadline_ms) == (300, 1_500)
    assert settings.exchange("binance").symbols == ("BTC/USDT", "ETH/USDT")
    assert settings.exchange("coinbase").sandbox
    assert settings.max_lag_s(Domain.LIVE) == 120
    assert validate_settings(config_file=path).exit_code == 0
    assert isinstance(refused(path, {"QMTL_SEAMLESS_COORDINATOR_URL": "http://c:8080"}), NotAvailableYet)


def test_the_blueprint_s_commented_values_are_documented_ones() -> None:
    text = (PRESETS / "blueprint.yaml").read_text()
    activated = re.sub(r"^(\s*)# (\w+: .*?)  # not available yet.*$", r"\1\2", text, flags=re.MULTILINE)
    found = yaml.safe_load(activated)
    assert found["seamless"]["artifact"]["object_store_uri"] == "s3://qmtl-artifacts"
    assert found["seamless"]["rate_limit"]["redis_dsn"] == "redis://redis.service.local:6379/0"
    assert found["domains"]["dryrun"]["require_as_of"] is True


def test_the_file_read_is_the_one_named_then_the_variable_s_then_a_place_s(tmp_path: Path) -> None:
    (tmp_path / "seamless.yaml").write_text("profile: dev\n")
    places = (tmp_path / "other", tmp_path)
    assert config_file(Path("a.yaml"), {"SEAMLESS_CONFIG": "b.yaml"}, places) == Path("a.yaml")
    assert config_file(None, {"SEAMLESS_CONFIG": "b.yaml"}, places) == Path("b.yaml")
    assert config_file(None, {}, places) == tmp_path / "seamless.yaml"
    assert config_file(None, {}, places[:1]) is None


def test_settings_are_json() -> None:
    settings = settings_of(exchanges={"binance": {"anchors": {"3d": 0}}})
    assert json.loads(json.dumps(settings.to_dict()))["exchanges.binance.anchors"] == {"3d": 0}


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    [key.name.replace("*", "binance") for key in KEYS] + [*ALIASES, "preset", "sla_presets.a.policy"]
)


@given(st.dictionaries(names | st.text("abc.", max_size=8), odd, max_size=4))
def test_no_value_whatever_makes_validation_crash(overrides: dict[str, object]) -> None:
    report = validate_settings(overrides=overrides)
    json.dumps(report.to_dict())
    if report.exit_code == 0:
        json.dumps(resolve_settings(overrides=overrides).to_dict())
