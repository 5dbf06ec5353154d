"""A sandbox's bars and real ones never meet in one home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seamless_lab.app.command import Place
from seamless_lab.app.home import SANDBOX_MARK, is_marked
from seamless_lab.app.lab import Lab
from seamless_lab.app.opening import open_lab
from seamless_lab.app.progress import Progress
from seamless_lab.cli import main
from seamless_lab.errors import RequestError, SourceUnavailable
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests import labs

NODE = "ohlcv:binance:BTC/USDT:1d"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SandboxExchange(SandboxConfig(symbols=5)) as exchange:
        yield exchange.url


@pytest.mark.parametrize("strategy", ["SEAMLESS", "AUTO_BACKFILL", "PARTIAL_FILL"])
def test_an_exchange_the_sandbox_does_not_speak_like_is_never_asked(tmp_path: Path, strategy: str) -> None:
    with (
        open_lab(Place(str(tmp_path), exchange_url=NOWHERE)) as lab,
        pytest.raises(RequestError, match="binance, coinbase, kraken, not for okx"),
    ):
        lab.fetch("ohlcv:okx:BTC/USDT:1d", "2024-03", strategy=strategy)


def test_a_home_remembers_its_sandbox_and_reads_without_it(tmp_path: Path, url: str) -> None:
    with open_lab(Place(str(tmp_path), exchange_url=url)) as lab:
        sealed = lab.fetch(NODE, "2024-03")
    with open_lab(Place(str(tmp_path))) as lab:
        for ask in (lab.fetch, lab.backfill, lab.plan):
            with pytest.raises(RequestError, match="holds a sandbox's bars") as caught:
                ask(NODE, "2024-05")
            assert "--exchange-url" in caught.value.hint
        with pytest.raises(RequestError, match="holds a sandbox's bars"):
            lab.fetch(NODE, "2024-05", strategy="PARTIAL_FILL")
        with pytest.raises(RequestError, match="holds a sandbox's bars"):
            next(iter(lab.live(NODE, limit=1)))
        assert lab.fetch(NODE, "2024-03").content == sealed.content
        assert lab.fetch(sealed.ref, "2024-03", domain="research").content == sealed.content
        assert lab.backfill(NODE, "2024-03").exit_code == 0, "nothing is missing, so nobody is asked"
        assert lab.gaps(NODE).exit_code == 0
        assert lab.verify().exit_code == 0


def test_a_home_that_was_marked_by_the_former_name_stays_a_sandboxs(tmp_path: Path) -> None:
    (tmp_path / "sandbox-home").mkdir()
    assert not is_marked(tmp_path), "a home beside, as README names one"
    (tmp_path / "sandbox-home").rmdir()
    (tmp_path / "sandbox-home").touch()
    assert is_marked(tmp_path)
    assert not (tmp_path / SANDBOX_MARK).exists()
    with Lab(str(tmp_path)) as lab, pytest.raises(RequestError, match="holds a sandbox's bars"):
        lab.fetch(NODE, "2024-03")


def test_who_stands_in_a_sandboxs_home_names_the_exchange_alone(tmp_path: Path, url: str, monkeypatch) -> None:
    with Lab(str(tmp_path), exchange_url=url) as lab:
        lab.fetch(NODE, "2024-03")
    monkeypatch.delenv("SEAMLESS_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with Lab(exchange_url=url) as lab:
        assert lab.wiring.home.root == tmp_path
        assert lab.fetch(NODE, "2024-03").requests == 0
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with Lab() as lab, pytest.raises(RequestError, match="holds a sandbox's bars"):
        lab.fetch(NODE, "2024-05")
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(RequestError, match="without a home"):
        Lab(exchange_url=url)


def test_a_sandbox_that_does_not_run_is_named_and_what_is_waited_for_is_shown(tmp_path: Path) -> None:
    progress, shown = Progress(), []
    impatient = {"seamless.backfill.max_attempts": 2, "seamless.backfill.retry_backoff_ms": 1}
    with Lab(str(tmp_path), exchange_url=NOWHERE, overrides=impatient) as lab:
        for ask in (lab.fetch, lab.plan):
            with pytest.raises(SourceUnavailable, match="did not answer") as caught:
                ask(NODE, "2024-03", on_event=lambda event: progress.note(event) and shown.append(progress.line()))
            assert caught.value.hint.startswith(f"Does a sandbox run at {NOWHERE}? seamless sandbox starts one")
    assert any("binance gave no usable answer, trying again" in line for line in shown)


def test_a_home_with_real_bars_takes_none_of_a_sandbox(tmp_path: Path, url: str) -> None:
    with labs.open_lab(tmp_path, url) as lab:  # by settings, as one that asks an exchange through a proxy
        lab.fetch(NODE, "2024-03")
    with pytest.raises(RequestError, match="holds real bars"):
        open_lab(Place(str(tmp_path), exchange_url=url))
    assert not is_marked(tmp_path)


@pytest.mark.parametrize(
    "overrides",
    [
        {"exchanges.binance.ccxt": {"timeout": 1}},
        {"exchanges": {"binance": {"ccxt": {"has": {}}, "sandbox": True, "rate_limit_rps": 7.0}}},
    ],
)
def test_options_of_the_real_exchange_go_where_a_sandbox_stands_in_and_its_pace_stays(
    tmp_path: Path, url: str, overrides: dict[str, object]
) -> None:
    config = tmp_path / "seamless.yaml"
    config.write_text("exchanges: {binance: {ccxt: {timeout: 1, cafile: nowhere, session: 5}}}")
    with Lab(str(tmp_path / "home"), config=str(config), exchange_url=url, overrides=overrides) as lab:
        settings = lab.wiring.settings.exchange("binance")
        assert (list(settings.ccxt_options()), settings.sandbox) == (["urls"], False)
        assert settings.rate_limit_rps == (7.0 if "exchanges" in overrides else 2000.0)
        assert len(lab.fetch(NODE, "2024-03").bars) == 31


def test_a_home_that_cannot_be_made_is_refused_before_a_demonstration_starts(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["demo", "--home", str(home), "--json"]) == 2
        refused = json.loads(capsys.readouterr().out)["error"]
        assert (refused["code"], refused["hint"]) == ("E-CONFIG", "Choose another --home.")
        assert refused["message"] == f"The folder {home} cannot be made: Not a directory."


def test_credentials_and_proxies_meant_for_the_real_exchange_never_reach_a_sandbox(tmp_path: Path, url: str) -> None:
    mine = {"apiKey": "key", "secret": "secret", "httpsProxy": "http://127.0.0.1:9", "headers": {"X-Own": "key"}}
    config = tmp_path / "seamless.yaml"
    config.write_text(json.dumps({"exchanges": {"binance": {"ccxt": {**mine, "options": {"defaultType": "swap"}}}}}))
    place = Place(str(tmp_path / "terminal"), config=str(config), exchange_url=url)
    argued = {"exchanges.binance.ccxt": mine}
    for lab in (
        Lab(str(tmp_path / "home"), config=str(config), exchange_url=url),
        Lab(str(tmp_path / "other"), exchange_url=url, overrides=argued),
        open_lab(place),
    ):
        with lab:
            options = lab.wiring.settings.exchange("binance").ccxt_options()
            assert list(options) == ["urls"]
            assert len(lab.fetch(NODE, "2024-03").bars) == 31
