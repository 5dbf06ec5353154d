"""The one way sealed data are read: what a reference comes to, what is refused, what the journal keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.lock.disk import edit
from seamless_lab.app.lock.lockfile import Lockfile, Pin
from seamless_lab.app.reads import CURRENT_CELL, NO_CELL, Cell
from seamless_lab.app.sealed_reads import read_target, resolve_sealed
from seamless_lab.core.policy import Domain
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.errors import ConfigError, DataError, InvalidReference, NotFound, NotSealed, RequestError
from seamless_lab.sandbox import SandboxConfig, SandboxExchange
from tests.labs import NODE, NOW_MS, NOW_S, open_lab

HOURLY = "ohlcv:binance:ETH/USDT:1h"


@pytest.fixture(scope="module")
def exchange():
    with SandboxExchange(SandboxConfig(seed=9, now_ms=NOW_MS)) as running:
        yield running


@pytest.fixture(scope="module")
def filled(exchange, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("filled")
    with open_lab(home, exchange.url) as lab:
        lab.fetch(NODE, "2024-06-01")
        lab.fetch(NODE, "2024-06-02")
        lab.fetch(HOURLY, "2024-06")
    return home


@pytest.fixture
def lab(filled, exchange, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".seamless").mkdir()
    with open_lab(filled, exchange.url) as opened:
        yield opened


def window(start: str, end: str | None = None) -> TimeRange:
    return parse_window(start, end, now_s=NOW_S)


def pin(lab: Lab, name: str, node: str = NODE, start: str = "2024-06-01", end: str | None = None, **changes) -> Pin:
    version = lab.wiring.sealed.head(lab.door.node(node))
    held = lab.wiring.sealed.read(version, window(start, end))
    facts = {
        "name": name,
        "node": version.header.node,
        "window": window(start, end),
        "content": held.content,
        "fingerprint": version.tree.fingerprint,
        "seq": version.commit.seq,
        "as_of_ms": version.commit.as_of_ms,
        "rows": len(held.bars),
    }
    made = Pin(**{**facts, **changes})
    edit(lab.wiring.home.lockfile, lambda lock: lock.with_pins([made], {}))
    return made


def read(lab: Lab, ref: str, *window: str, **options):
    return read_target(lab.wiring, resolve_sealed(lab.wiring, lab.door, ref, *window, **options))


def test_a_pin_is_read_in_its_window(lab) -> None:
    made = pin(lab, "btc", start="2024-06-01T06:30Z", end="2024-06-02T03:00Z")
    found = read(lab, "pin:btc")
    assert (found.target.window, found.content, len(found.bars)) == (made.window, made.content, made.rows)
    assert found.target.pin == "btc"
    assert found.target.ref == f"{NODE}@sha256:{made.fingerprint[:16]}"
    assert found.answered.bounds == made.window
    assert read(lab, f"{NODE}@lock").content == made.content


def test_a_part_of_a_pin_is_read_and_nothing_outside(lab) -> None:
    pin(lab, "btc")
    part = read(lab, "pin:btc", "2024-06-01T10:00Z", "2024-06-01T11:00Z")
    assert len(part.bars) == 60
    with pytest.raises(RequestError, match=r"pin:btc is .*2024-06-01.* was asked for"):
        read(lab, "pin:btc", "2024-06-01T23:00Z", "2024-06-02T01:00Z")
    with pytest.raises(RequestError, match="pin:btc is"):
        lab.fetch("pin:btc", "2024-06-02")
    with pytest.raises(RequestError, match="no start"):
        read(lab, "pin:btc", None, "2024-06-02")


def test_a_version_is_read_whole_or_inside_what_it_holds(lab) -> None:
    ref = lab.manifest(f"{NODE}@seq:1").ref
    assert read(lab, ref).target.window == window("2024-06-01")
    with pytest.raises(NotSealed, match=r"holds .*2024-06-01.* was asked for"):
        read(lab, ref, "2024-06-02")


@pytest.mark.parametrize("ref", [NODE, f"{NODE}@latest", f"{NODE}@2099-01-01"])
@pytest.mark.parametrize("domain", [Domain.RESEARCH, Domain.BACKTEST])
def test_sealed_domains_refuse_what_moves_and_show_what_to_paste(lab, ref, domain) -> None:
    with pytest.raises(NotSealed) as refused:
        read(lab, ref, domain=domain)
    pasted = refused.value.hint.rpartition(" ")[2]
    assert read(lab, pasted, domain=domain).target.window == window("2024-06-01", "2024-06-03")


def test_a_pin_of_the_lockfile_is_the_first_thing_to_paste(lab) -> None:
    pin(lab, "btc")
    for refuse in (lambda: read(lab, NODE), lambda: lab.fetch(NODE, "2024-06-01", domain="research")):
        with pytest.raises(NotSealed) as refused:
            refuse()
        assert refused.value.hint == "Name a version: pin:btc"


def test_other_domains_read_the_newest_version_of_a_bare_node(lab) -> None:
    assert read(lab, NODE, domain=Domain.DRYRUN).target.version.commit.seq == 2


def test_resolving_reads_no_rows_and_records_nothing(lab) -> None:
    pin(lab, "btc")
    before = len(lab.wiring.reads.records())
    target = resolve_sealed(lab.wiring, lab.door, "pin:btc")
    assert (target.pin, target.window) == ("btc", window("2024-06-01"))
    assert len(lab.wiring.reads.records()) == before


def test_every_sealed_read_is_recorded_with_the_cell_that_runs(lab) -> None:
    made = pin(lab, "btc")
    running = CURRENT_CELL.set(Cell("abc", 3))
    try:
        lab.fetch("pin:btc")
        read(lab, "pin:btc")
    finally:
        CURRENT_CELL.reset(running)
    read(lab, made.ref, "2024-06-01T00:00Z", "2024-06-01T01:00Z")
    fetched, sealed, part = lab.wiring.reads.records()[-3:]
    assert (fetched.cell, sealed.cell, part.cell) == (Cell("abc", 3), Cell("abc", 3), NO_CELL)
    assert replace(fetched, domain=sealed.domain) == sealed
    assert (fetched.pin, fetched.content, fetched.rows) == ("btc", made.content, 1440)
    assert (str(fetched.domain), str(sealed.domain)) == ("dryrun", "research")
    assert part.rows == 60


def test_a_fetch_of_a_pin_is_a_sealed_read_of_its_window(lab) -> None:
    made = pin(lab, "eth", HOURLY, "2024-06-03", "2024-06-10")
    for result in (lab.fetch("pin:eth"), lab.fetch("pin:eth", domain="backtest"), lab.fetch(HOURLY, as_of="lock")):
        assert (result.content, result.coverage.window) == (made.content, made.window)
        assert result.provenance.sources[-1] in ("artifact", "cache")
    assert lab.fetch("pin:eth", "2024-06-04").frame.height == 24
    with pytest.raises(RequestError, match="named twice"):
        lab.fetch("pin:eth", as_of="lock")
    with pytest.raises(RequestError, match="live domain follows the newest"):
        lab.fetch("pin:eth", domain="live")


async def test_the_awaitable_fetch_takes_pins_too(lab) -> None:
    made = pin(lab, "btc")
    assert (await lab.afetch("pin:btc")).content == made.content


def test_manifest_and_verify_take_pins(lab) -> None:
    made = pin(lab, "btc")
    assert lab.manifest("pin:btc").version.tree.fingerprint == made.fingerprint
    assert lab.verify("pin:btc").exit_code == 0


def test_the_content_decides_where_histories_differ(lab, exchange, tmp_path) -> None:
    made = pin(lab, "btc")
    with open_lab(tmp_path / "other", exchange.url) as other:
        other.fetch(NODE, "2024-06-01", "2024-06-02T07:00Z")
        other.fetch(NODE, "2024-06-05")
        found = read(other, "pin:btc")
        assert found.content == made.content
        assert found.target.version.tree.fingerprint != made.fingerprint
        assert other.fetch("pin:btc").content == made.content


def test_a_pin_may_have_a_store_of_its_own(lab, exchange, filled, tmp_path) -> None:
    (tmp_path / "data").symlink_to(filled / "artifacts")
    made = pin(lab, "btc", store="data")
    with open_lab(tmp_path / "empty", exchange.url) as other:
        assert read(other, "pin:btc").content == made.content
        assert other.fetch("pin:btc", domain="research").content == made.content
        assert other.manifest("pin:btc").version.tree.fingerprint == made.fingerprint
        assert other.verify("pin:btc").exit_code == 0
        assert not other.nodes()


def test_a_pin_whose_store_or_version_is_not_there_says_which(lab, exchange, tmp_path) -> None:
    pin(lab, "btc")
    pin(lab, "gone", store="nowhere")
    with open_lab(tmp_path / "empty", exchange.url) as other:
        with pytest.raises(NotFound, match=r"pin:gone is read from .*nowhere, and there is no such folder"):
            read(other, "pin:gone")
        with pytest.raises(NotFound, match=r"no version in .* has the content") as missing:
            read(other, "pin:btc")
        assert missing.value.hint.startswith("Get it: seamless backfill ohlcv:binance:BTC/USDT:1m --start 2024-06-01")


def test_a_lock_that_contradicts_its_version_is_no_pin(lab) -> None:
    pin(lab, "btc", content="0" * 64)
    with pytest.raises(DataError, match="the lockfile says sha256:0000000000000000"):
        read(lab, "pin:btc")
    with pytest.raises(DataError, match="the lockfile says"):
        lab.fetch("pin:btc")


def test_unknown_pins_name_the_near_ones(lab) -> None:
    with pytest.raises(ConfigError, match="There is no lockfile"):
        read(lab, "pin:btc")
    pin(lab, "btc_june")
    with pytest.raises(InvalidReference, match="has no pin 'btc-june'; it has btc_june") as unknown:
        read(lab, "pin:btc-june")
    assert unknown.value.hint == "Did you mean pin:btc_june?"
    with pytest.raises(InvalidReference, match="pins nothing of ohlcv:binance:ETH/USDT:1h"):
        read(lab, f"{HOURLY}@lock")


def test_lock_names_nothing_for_a_node_with_two_pins(lab) -> None:
    pin(lab, "one")
    pin(lab, "two", start="2024-06-02")
    with pytest.raises(InvalidReference, match=r"has 2 pins of .*pin:one .*pin:two") as two:
        read(lab, f"{NODE}@lock")
    assert two.value.hint == "Name the pin: pin:one"


def test_a_changed_lockfile_is_read_again(lab) -> None:
    pin(lab, "btc")
    assert read(lab, "pin:btc").target.window == window("2024-06-01")
    pin(lab, "btc", start="2024-06-02")
    assert read(lab, "pin:btc").target.window == window("2024-06-02")
    edit(lab.wiring.home.lockfile, lambda lock: Lockfile())
    with pytest.raises(InvalidReference, match="no other"):
        read(lab, "pin:btc")
