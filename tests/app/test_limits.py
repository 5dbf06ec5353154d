"""Limits and patience of the configuration, as they reach each exchange."""

from __future__ import annotations

from pathlib import Path

import pytest

from seamless_lab.app.lab import Lab


@pytest.mark.parametrize("template", ["ccxt:{exchange}:{account?}", "team:ccxt:{exchange}", "{exchange}"])
def test_a_limit_holds_whatever_its_key_is_called(tmp_path: Path, template: str) -> None:
    lab = Lab(
        str(tmp_path),
        overrides={"seamless.rate_limit.key_template": template, "exchanges.kraken.rate_limit_rps": 1.0},
    )
    wiring = lab.wiring
    for exchange, per_minute in (("kraken", 60.0), ("okx", 1_200.0)):
        key = wiring.fetcher.settings_of(exchange).limiter_key(exchange)
        assert wiring.limiter.shape_of(key).tokens_per_interval == per_minute


def test_exchanges_that_share_a_key_keep_to_the_strictest_limit(tmp_path: Path) -> None:
    limits = {"exchanges.kraken.rate_limit_rps": 1.0, "exchanges.okx.rate_limit_rps": 5.0}
    lab = Lab(str(tmp_path), overrides={"seamless.rate_limit.key_template": "desk", **limits})
    assert lab.wiring.limiter.shape_of("desk").tokens_per_interval == 60.0


def test_an_exchange_without_a_section_of_its_own_is_asked_as_configured(tmp_path: Path) -> None:
    lab = Lab(
        str(tmp_path),
        overrides={"seamless.backfill.max_attempts": 2, "seamless.rate_limit.local_semaphore": 3},
    )
    settings = lab.wiring.fetcher.settings_of("okx")
    assert (settings.max_attempts, settings.concurrent_requests) == (2, 3)
