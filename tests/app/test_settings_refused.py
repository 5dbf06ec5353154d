"""Configurations that are refused, and the messages that say why."""

from __future__ import annotations

from pathlib import Path

import ccxt
import pytest

from seamless_lab.adapters.ccxt_installed import installed_exchanges
from seamless_lab.app.config.findings import Level
from seamless_lab.app.config.schema import ALIASES
from seamless_lab.app.settings import validate_settings
from seamless_lab.core.policy import NOTEBOOK
from seamless_lab.errors import ConfigError, NotAvailableYet
from tests.app.configurations import refused, settings_of


@pytest.mark.parametrize(
    "text, said, hint",
    [
        ("seamless: {stratgy: FAIL_FAST}", "seamless.stratgy is no configuration key", "strategy"),
        ("seamless: {sla: {storage_deadline_ms: 5000}}", "storage_deadline_ms", "max_wait_storage_ms"),
        ("seamless: {window_bars: 5}", "seamless.window_bars", "seamless.backfill.window_bars"),
        ("exchanges: {binance: {apiKey: abc}}", "exchanges.binance.apiKey", "exchanges.binance.ccxt.apiKey"),
        ("ccxt: {timeout: 5}", "ccxt.timeout", "exchanges.*.ccxt"),
        ("exchanges: {Binance: {sandbox: true}}", "'Binance' is no exchange id", "binance"),
        ("seamles: {strategy: FAIL_FAST}", "seamles.strategy", "seamless.strategy"),
        ("domains: {live: {max_lag_s: 5}}", "max_lag_s", "max_lag_sec"),
    ],
)
def test_an_unknown_key_names_its_line_and_the_nearest(text: str, said: str, hint: str, write) -> None:
    error = refused(write(f"# a comment\n{text}\n"))
    assert ":2: " in error.message
    assert said in error.message
    assert hint in error.hint
    assert "abc" not in error.message + error.hint


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("seamless.strategy", "FASTEST", "FAIL_FAST, AUTO_BACKFILL, PARTIAL_FILL, SEAMLESS"),
        ("seamless.sla.total_deadline_ms", "soon", "a whole number of at least 1, or null"),
        ("seamless.sla.total_deadline_ms", 0, "at least 1"),
        ("seamless.sla.total_deadline_ms", True, "a whole number"),
        ("seamless.sla.total_deadline_ms", "5000", "a whole number"),
        ("seamless.backfill.window_bars", 1_000_000, "from 1 to 100000"),
        ("seamless.backfill.jitter_ratio", 2, "from 0 to 1"),
        ("seamless.backfill.jitter_ratio", float("nan"), "from 0 to 1"),
        ("seamless.conformance.blocking", ["gaps"], "did you mean gap?"),
        ("seamless.conformance.blocking", "gap", "a list of"),
        ("cache.enable", "yes", "true or false"),
        ("now", "-7d", "a fixed moment"),
        ("exchanges.binance.anchors", {"3x": 0}, "'3x' is no timeframe"),
        ("exchanges.binance.anchors", {"3d": "monday"}, "'monday'"),
        ("exchanges.binance.symbols", ["BTC/USDT", "BTC/USDT"], "twice"),
        ("exchanges.binance.ccxt", ["timeout"], "a mapping"),
        ("seamless.coordinator_url", "coordinator:8080", "starts with http://"),
        ("connectors.ccxt_rate_limiter_redis", "http://redis:6379", "redis://"),
        ("connectors.questdb_dsn", "postgresql://", "names no host"),
        ("seamless.sla", 5, "must be a mapping"),
        ("seamless.sla_preset", ["baseline"], "notebook, baseline"),
        ("preset", ["baseline"], "notebook, baseline"),
        ("sla_presets", 5, "must be a mapping"),
        ("exchanges.binance", "yes", "must be a mapping"),
        ("profile", "production", "dev, prod"),
    ],
)
def test_a_bad_value_is_shown_with_what_is_allowed(key: str, value: object, allowed: str) -> None:
    error = refused(**{key: value})
    assert isinstance(error, ConfigError)
    assert key in error.message
    assert allowed in error.message + error.hint
    assert error.exit_code == 2


def test_the_number_of_further_errors_is_said(write) -> None:
    error = refused(write("profile: x\nseamless: {strategy: y, domain: z}\n"))
    assert "2 more" in error.message
    assert error.facts["errors"] == 3


def test_values_that_are_impossible_together_are_refused() -> None:
    error = refused(**{"seamless.backfill.embedded_lease_ttl_ms": 1_000})
    assert "at most half" in error.message


@pytest.mark.parametrize(
    "key, value",
    [
        ("seamless.coordinator_url", "http://coordinator:8080"),
        ("environment.coordinator_url", "http://coordinator:8080"),
        ("seamless.rate_limit.redis_dsn", "redis://redis:6379/3"),
        ("connectors.ccxt_rate_limiter_redis", "redis://redis:6379/3"),
        ("environment.rate_limiter_redis", "redis://redis:6379/3"),
        ("connectors.questdb_dsn", "postgresql://questdb:8812/qmtl"),
        ("seamless.artifact.object_store_uri", "s3://bucket/prefix"),
        ("seamless.live.ws.enabled", True),
        ("seamless.artifact.early_fingerprint", True),
        ("seamless.early_fingerprint", True),
        ("seamless.artifact.publish_fingerprint", False),
        ("seamless.artifact.fingerprint.mode", "preview"),
        ("seamless.conformance.version", "v1"),
        ("seamless.backfill.mode", "sync"),
        ("domains.dryrun.require_as_of", True),
        ("domains.backtest.require_as_of", False),
        ("seamless.node_id_format", "bars:{symbol}"),
        ("seamless.validation_mode", "strict"),
        ("seamless.observability.coverage_ratio_threshold", 0.5),
        ("presets", [{"name": "ccxt.questdb.ohlcv"}]),
        ("trades.enabled", True),
    ],
)
def test_documented_values_that_nothing_would_carry_out_are_not_available_yet(key: str, value: object) -> None:
    error = refused(**{key: value})
    assert isinstance(error, NotAvailableYet)
    assert "not available yet" in error.message
    assert error.hint
    assert error.facts["key"] == key


@pytest.mark.parametrize(
    "text, said",
    [
        ("seamless: {strategy: SEAMLESS\n", "is no YAML"),
        ("- a\n- b\n", "is no mapping"),
        ("profile: dev\nprofile: prod\n", ":2 writes profile again; it is already in line 1"),
        ("seamless:\n  strategy: !!python/object:os.system x\n", "is no YAML"),
        ("now: 2024-13-45\n", "is no YAML"),
        ("a: &a {b: *a}\n", "too deeply"),
        ("{a: b}: c\n", ":1 has a key that is no word"),
        ("seamless: {world_id: '${NOBODY_SET_THIS}'}\n", "refers to ${NOBODY_SET_THIS}, which is not set"),
        ("seamless: {world_id: '${profile}'}\nprofile: '${seamless.world_id}'\n", "refers back"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(text: str, said: str, write) -> None:
    path = write(text)
    error = refused(path)
    assert said in error.message
    assert str(path) in error.message
    report = validate_settings(config_file=path)
    assert report.exit_code == 2
    assert said in report.findings[0].message


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.yaml").message
    (tmp_path / "latin.yaml").write_bytes(b"profile: \xff\n")
    assert "not UTF-8" in refused(tmp_path / "latin.yaml").message


def test_an_empty_file_is_no_configuration(write) -> None:
    assert settings_of(write("# nothing\n")).sla == NOTEBOOK
    assert list(settings_of(write("seamless:\nexchanges:\n  kraken:\n")).exchanges) == ["kraken"]


def test_two_names_of_one_value_may_not_contradict(write) -> None:
    error = refused(write("seamless: {publish_fingerprint: true, artifact: {publish_fingerprint: false}}\n"))
    assert "contradicts" in error.message
    assert set(ALIASES) >= {"seamless.publish_fingerprint", "environment.coordinator_url"}


def test_an_exchange_that_nobody_knows_is_an_error_with_the_nearest() -> None:
    for values in ({"exchanges": {"binace": {"rate_limit_rps": 5}}}, {"exchanges.binace.sandbox": True}):
        error = refused(**values)
        assert "there is no exchange 'binace'" in error.message
        assert error.hint.startswith("Did you mean binance")
    assert "such as binance" in refused(**{"exchanges.zzzzzzzzzz.sandbox": True}).hint


def test_an_exchange_that_nobody_knows_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "seamless.yaml"
    config.write_text("exchanges:\n  binance: {rate_limit_rps: 3}\n  binace:\n    rate_limit_rps: 5\n")
    report = validate_settings(config_file=config)
    (finding,) = [finding for finding in report.findings if finding.level is Level.ERROR]
    assert (finding.key, finding.origin) == ("exchanges.binace.rate_limit_rps", f"file {config}:4")


def test_the_exchanges_that_can_be_configured_are_those_of_ccxt() -> None:
    assert list(installed_exchanges()) == sorted(ccxt.exchanges)


def test_a_pause_that_nobody_keeps_is_refused() -> None:
    error = refused(**{"seamless.live.ws.reconnect_backoff_ms": [100]})
    assert isinstance(error, NotAvailableYet)
    assert "polls" in error.hint
    settings_of(**{"seamless.live.ws.reconnect_backoff_ms": [500, 1_000, 2_000, 5_000]})
