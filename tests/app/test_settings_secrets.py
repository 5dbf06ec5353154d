"""Nothing that a user may print, log or send shows a credential."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.config.view import view
from seamless_lab.app.opening import stood_in
from seamless_lab.app.secret import MASK, Secret, bare_url, is_secret_name, redact_url, reveal, show, wrap_secrets
from seamless_lab.app.settings import resolve_settings, validate_settings
from seamless_lab.errors import RequestError, SeamlessError

SECRETS = {"apiKey": "AKIA-hunter2", "secret": "hunter2", "password": "hunter2", "token": "hunter2", "uid": "hunter2"}
OPTIONS = {
    **SECRETS,
    "timeout": 5,
    "httpsProxy": "http://user:hunter2@proxy:3128",
    "headers": {"Authorization": "Bearer hunter2"},
    "options": {"broker": {"privateKey": "hunter2"}, "defaultType": "spot"},
    "urls": ["https://host/path?signature=hunter2&limit=5"],
}


def test_settings_never_show_a_credential(tmp_path: Path) -> None:
    settings = resolve_settings(overrides={"exchanges": {"binance": {"ccxt": OPTIONS}}})
    shown = view(settings)
    for text in (repr(settings), str(settings), json.dumps(settings.to_dict()), repr(shown)):
        assert "hunter2" not in text
    assert json.dumps(shown.to_dict()).count(MASK) >= len(SECRETS)
    assert settings.exchange("binance").ccxt_options() == OPTIONS


def test_errors_never_show_a_credential(tmp_path: Path) -> None:
    path = tmp_path / "seamless.yaml"
    for text in (
        "exchanges: {binance: {apiKey: hunter2}}",
        "exchanges: {binance: {ccxt: [{secret: hunter2}]}}",
        "seamless: {coordinator_url: 'ftp://user:hunter2@host'}",
        "connectors: {questdb_dsn: 'postgresql://user:hunter2@host:8812/qdb'}",
        "connectors: {questdb_dsn: 'postgresql://user:hunter2@host:port/qdb'}",
        "seamless: {artifact: {object_store_uri: 's3://key:hunter2@bucket'}}",
        "seamless: {backfill: {max_attempts: '${PASSWORD}'}}",
    ):
        path.write_text(text)
        with pytest.raises(SeamlessError) as caught:
            resolve_settings(config_file=path, env={"PASSWORD": "hunter2"})
        error = caught.value
        assert "hunter2" not in error.message + error.hint + repr(error) + json.dumps(error.facts)
        report = validate_settings(config_file=path, env={"PASSWORD": "hunter2"})
        assert "hunter2" not in json.dumps(report.to_dict()) + repr(report)


def test_a_credential_in_a_file_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "seamless.yaml"
    path.write_text("exchanges:\n  binance:\n    ccxt: {secret: hunter2}\n")
    finding = next(finding for finding in validate_settings(config_file=path).findings if "clear" in finding.message)
    assert finding.key == "exchanges.binance.ccxt"
    assert f"{path}:3" in finding.message


@pytest.mark.parametrize(
    "text, shown",
    [
        ("redis://:pw@redis:6379/3", "redis://***@redis:6379/3"),
        ("postgresql://a:b@h/db", "postgresql://***@h/db"),
        ("https://h/p?token=x&limit=5", "https://h/p?token=***&limit=5"),
        ("https://h/p?limit=5", "https://h/p?limit=5"),
        ("https://h/p@v1", "https://h/p@v1"),
        ("asked http://u:p@h and http://v:q@i", "asked http://***@h and http://***@i"),
        ("ccxt:{exchange}:{account?}", "ccxt:{exchange}:{account?}"),
    ],
)
def test_urls_lose_their_credentials_only(text: str, shown: str) -> None:
    assert redact_url(text) == shown


@pytest.mark.parametrize(
    "text, shown",
    [
        ("http://127.0.0.1:9/a", "http://127.0.0.1:9/a"),
        ("http://127.0.0.1:9 ", "http://127.0.0.1:9 "),
        ("http://u:p@h:1/a", "http://h:1/a"),
        ("http://u:p@q@h", "http://h"),
        ("http://u@h/a?key=p#p", "http://h/a"),
        ("http://h#p", "http://h"),
        ("u:p@h", "h"),
        *((f"http://{text}", MASK) for text in ("u:p?q@h", "u:p#q@h", "u:p/q@h", "h?key=p@q")),
    ],
)
def test_a_bare_url_has_no_place_for_a_secret(text: str, shown: str) -> None:
    assert bare_url(text) == shown


@pytest.mark.parametrize(
    "url, why",
    [
        ("me:s3cret@127.0.0.1:9", "is no URL"),
        ("ftp://me:s3cret@127.0.0.1:9", "is no URL"),
        (b"http://me:s3cret@127.0.0.1:9", "is no URL"),
        ("http://[x", "is no URL"),
        ("http://127.0.0.1:9?key=s3cret", "a query or a fragment"),
        ("http://127.0.0.1:9/#s3cret", "a query or a fragment"),
        ("http://127.0.0.1:9?", "a query or a fragment"),
        ("http://me:s3c ret@127.0.0.1:9", "is no URL"),
    ],
)
def test_what_is_no_url_of_an_exchange_is_refused_without_its_secret(url: str, why: str) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        stood_in(url, own_home=True)
    assert "s3c" not in f"{refused.value} {refused.value.facts}"


def test_names_of_credentials_are_known() -> None:
    for name in ("apiKey", "api_key", "secret", "password", "privateKey", "twofa", "walletAddress", "Authorization"):
        assert is_secret_name(name), name
    for name in ("timeout", "options", "sandbox", "defaultType", "urls", "enableRateLimit", "rateLimit"):
        assert not is_secret_name(name), name


def test_a_secret_is_revealed_only_on_demand() -> None:
    secret = Secret("hunter2")
    assert (str(secret), repr(secret), f"{secret}") == (MASK, "Secret('***')", MASK)
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")


@given(
    st.recursive(
        st.integers() | st.booleans() | st.text("abc:/?&=@", max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["secret", "x", "urls"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_wrapped_can_be_revealed_and_shown(value: object) -> None:
    wrapped = wrap_secrets(value)
    json.dumps(show(wrapped))
    if not _has_secret_number(value):
        assert reveal(wrapped) == value


def _has_secret_number(value: object, inside: bool = False) -> bool:
    if isinstance(value, dict):
        return any(_has_secret_number(item, inside or key == "secret") for key, item in value.items())
    if isinstance(value, list):
        return any(_has_secret_number(item, inside) for item in value)
    return inside and isinstance(value, int) and not isinstance(value, bool)
