"""Pinning as users do it: a name for bars, in the lockfile, from the store that has them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from seamless_lab.app.home import FOLDER, SANDBOX_MARK
from seamless_lab.app.lab import Lab
from seamless_lab.app.lock.disk import load
from seamless_lab.core.time import TimeRange, parse_window
from seamless_lab.errors import (
    Corrupted,
    GapsRefused,
    InvalidReference,
    NotFound,
    NotSealed,
    RequestError,
)
from tests.sealed_market import START, seal, walk

NODE = "ohlcv:binance:BTC/USDT:1h"
OTHER = "ohlcv:binance:ETH/USDT:1h"
HOUR = 3_600


def window(start: str, end: str | None = None) -> TimeRange:
    return parse_window(start, end, now_s=START)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a home that holds two months of hours."""
    root = tmp_path / "project"
    home = root / FOLDER
    home.mkdir(parents=True)
    monkeypatch.chdir(root)
    seal(home, "BTC/USDT", walk(60 * 24, HOUR, 1))
    seal(home, "ETH/USDT", walk(60 * 24, HOUR, 2), unanswered=[(100, 103), (200, 201)])
    return root


@pytest.fixture
def lab(project: Path):
    with Lab() as opened:
        yield opened


def restate(home: Path, slot: int, *, at_ms: int = 1_718_000_000_000) -> str:
    """Seal BTC again with another close in one slot."""
    frame = walk(60 * 24, HOUR, 1)
    moved = pl.when(pl.int_range(pl.len()) == slot).then(pl.col("close") + 0.01).otherwise(pl.col("close"))
    return seal(home, "BTC/USDT", frame.with_columns(close=moved), at_ms=at_ms)


def test_a_pin_is_written_beside_the_project(lab, project) -> None:
    made = lab.pin("btc", NODE, "2024-01-02", "2024-01-09")
    assert (made.ref, made.changed, made.before) == ("pin:btc", True, None)
    assert made.pin.rows == 7 * 24
    assert made.pin.store == ""
    lock = load(project / "seamless.lock")
    assert lock.pins == {"btc": made.pin}
    assert {"conformance", "polars", "seamless_lab"} <= lock.engines.keys()
    assert lab.fetch("pin:btc").content == made.pin.content
    assert lab.lock().pins == {"btc": made.pin}


def test_a_pin_without_a_window_is_all_of_the_version(lab) -> None:
    assert lab.pin("btc", f"{NODE}@seq:1").pin.window == window("2024-01-01", "2024-03-01")


def test_a_pin_may_be_made_of_a_pin(lab) -> None:
    whole = lab.pin("btc", NODE)
    part = lab.pin("btc.week", "pin:btc", "2024-01-08", "2024-01-15")
    assert part.pin.fingerprint == whole.pin.fingerprint
    assert part.pin.rows == 7 * 24
    with pytest.raises(RequestError, match=r"pin:btc.week is .* was asked for"):
        lab.pin("more", "pin:btc.week", "2024-01-08", "2024-01-16")


def test_pinning_the_same_bars_again_changes_nothing(lab, project) -> None:
    first = lab.pin("btc", NODE, "2024-01-02")
    text = (project / "seamless.lock").read_text()
    restate(project / FOLDER, 1_000)
    again = lab.pin("btc", NODE, "2024-01-02")
    assert (again.changed, again.pin) == (False, first.pin)
    assert (project / "seamless.lock").read_text() == text


def test_a_name_gets_other_bars_only_when_told(lab, project) -> None:
    first = lab.pin("btc", NODE, "2024-01-02")
    restate(project / FOLDER, 30)
    with pytest.raises(RequestError, match=f"pin:btc stands for other data: .*{first.pin.content[:16]}") as refused:
        lab.pin("btc", NODE, "2024-01-02")
    assert "--replace" in refused.value.hint
    assert load(project / "seamless.lock").pins == {"btc": first.pin}
    second = lab.pin("btc", NODE, "2024-01-02", replace=True)
    assert (second.before, second.changed) == (first.pin, True)
    assert second.pin.content != first.pin.content
    text = second.to_text()
    assert first.pin.content[:16] in text
    assert "replaced" in text


def test_an_older_version_can_be_pinned_after_a_restatement(lab, project) -> None:
    before = lab.pin("btc", NODE, "2024-01-02")
    restate(project / FOLDER, 30)
    assert lab.fetch("pin:btc").content == before.pin.content
    assert lab.pin("same", f"{NODE}@seq:1", "2024-01-02").pin.content == before.pin.content


def test_slots_without_an_answer_are_not_pinned_by_chance(lab, project) -> None:
    with pytest.raises(GapsRefused, match=r"has 2 gaps \(4 bars\) in .*; the first is \[2024-01-05T04:00Z") as refused:
        lab.pin("eth", OTHER)
    assert "--allow-gaps" in refused.value.hint
    assert not (project / "seamless.lock").exists()
    assert lab.pin("eth", OTHER, "2024-01-01", "2024-01-05").pin.rows == 96
    gaps = lab.pin("gaps", OTHER, allow_gaps=True)
    assert gaps.pin.rows == 60 * 24 - 4
    assert lab.fetch("pin:gaps").content == gaps.pin.content


def test_bars_beyond_a_version_are_no_gaps_to_allow(lab) -> None:
    with pytest.raises(NotSealed) as refused:
        lab.pin("more", OTHER, "2023-12-01", "2024-01-05")
    assert "--allow-gaps" not in refused.value.message
    with pytest.raises(NotSealed, match=r"was asked for. --allow-gaps \(allow_gaps=True\) is for gaps inside"):
        lab.pin("more", OTHER, "2023-12-01", "2024-01-05", allow_gaps=True)


def test_nothing_is_pinned_that_is_not_there(lab, project) -> None:
    with pytest.raises(NotSealed, match="was asked for"):
        lab.pin("btc", NODE, "2024-01-02", "2024-03-02")
    with pytest.raises(NotFound, match="no sealed version"):
        lab.pin("sol", "ohlcv:binance:SOL/USDT:1h", "2024-01-02")
    with pytest.raises(InvalidReference, match="no name of a pin"):
        lab.pin("BTC", NODE)
    with pytest.raises(NotFound, match="no version whose fingerprint starts with 00000000"):
        lab.pin("btc", f"{NODE}@sha256:00000000")
    assert not (project / "seamless.lock").exists()


@pytest.mark.parametrize("kind", ["data/*.parquet", "trees/*.json", "commits/*.json"])
def test_what_only_this_machine_remembers_is_not_pinned(lab, project, kind: str) -> None:
    lab.fetch(f"{NODE}@seq:1", "2024-01-01", "2024-03-01")
    for path in (project / FOLDER).rglob(kind):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    with pytest.raises(Corrupted):
        lab.pin("btc", f"{NODE}@seq:1", "2024-01-02")
    assert not (project / "seamless.lock").exists()


def test_another_store_below_the_lockfile_is_written_into_the_pin(lab, project) -> None:
    seal(project / "vendor", "SOL/USDT", walk(48, HOUR, 3))
    made = lab.pin("sol", "ohlcv:binance:SOL/USDT:1h", store="vendor/artifacts")
    assert made.pin.store == "vendor/artifacts"
    assert lab.fetch("pin:sol", domain="research").content == made.pin.content
    with Lab(str(project / "vendor")) as vendor:
        assert vendor.pin("sol", "ohlcv:binance:SOL/USDT:1h").changed is False


def test_a_store_that_others_would_not_find_is_refused(lab, project) -> None:
    seal(project.parent / "elsewhere", "SOL/USDT", walk(48, HOUR, 3))
    with pytest.raises(RequestError, match=r"is not below .*, where the lockfile is"):
        lab.pin("sol", "ohlcv:binance:SOL/USDT:1h", store=str(project.parent / "elsewhere" / "artifacts"))


def test_the_homes_own_store_goes_without_saying_wherever_it_is(project) -> None:
    seal(project.parent / "elsewhere", "SOL/USDT", walk(48, HOUR, 3))
    with Lab(str(project.parent / "elsewhere")) as other:
        assert other.pin("sol", "ohlcv:binance:SOL/USDT:1h").pin.store == ""
    assert load(project / "seamless.lock").pins.keys() == {"sol"}


def test_a_home_with_a_sandboxs_bars_has_a_lockfile_of_its_own(project) -> None:
    home = project.parent / "sandbox"
    seal(home, "SOL/USDT", walk(48, HOUR, 3))
    (home / SANDBOX_MARK).touch()
    with Lab(str(home)) as other:
        other.pin("sol", "ohlcv:binance:SOL/USDT:1h")
    assert load(home / "seamless.lock").pins.keys() == {"sol"}
    assert not (project / "seamless.lock").exists()


def test_a_home_that_becomes_a_sandboxs_moves_to_its_own_lockfile(project) -> None:
    home = project.parent / "sandbox"
    with Lab(str(home)) as other:
        assert list(other.known()) == []  # completion looks before the first bar comes
        seal(home, "SOL/USDT", walk(48, HOUR, 3))
        (home / SANDBOX_MARK).touch()
        other.pin("sol", "ohlcv:binance:SOL/USDT:1h")
    assert not (project / "seamless.lock").exists()
    assert load(home / "seamless.lock").pins.keys() == {"sol"}


def test_the_versions_of_a_pins_store_can_be_listed(lab, project) -> None:
    seal(project / "vendor", "SOL/USDT", walk(48, HOUR, 3))
    lab.pin("sol", "ohlcv:binance:SOL/USDT:1h", store="vendor/artifacts")
    listed = lab.artifacts("pin:sol")
    assert (listed.store, listed.frame["seq"].to_list()) == (str(project / "vendor" / "artifacts"), [1])
    with pytest.raises(RequestError, match="names a version") as refused:
        lab.sla("pin:sol")
    assert refused.value.hint == "Write ohlcv:binance:SOL/USDT:1h"


def test_a_name_can_be_taken_out(lab, project) -> None:
    made = lab.pin("btc", NODE, "2024-01-02")
    lab.pin("month", NODE, "2024-01")
    gone = lab.unpin("btc")
    assert gone.pin == made.pin
    assert load(project / "seamless.lock").pins.keys() == {"month"}
    with pytest.raises(InvalidReference, match="has no pin 'btc'; it has month"):
        lab.unpin("btc")


def test_the_lock_without_pins_says_how_to_pin(lab) -> None:
    shown = lab.lock()
    assert shown.exit_code == 0
    assert "There is no lockfile yet" in shown.to_text()
    lab.pin("btc", NODE, "2024-01-02")
    lab.unpin("btc")
    assert "has no pins" in lab.lock().to_text()
    assert lab.lock().to_dict()["exists"] is True


def test_results_are_told_in_json_and_html(lab) -> None:
    made = lab.pin("btc", NODE, "2024-01-02")
    for result in (made, lab.lock(), lab.check_lock(), lab.update_lock(), lab.unpin("btc")):
        json.dumps(result.to_dict(), allow_nan=False)
        assert "<" in result._repr_html_()
        assert repr(result) == result.to_text()
    assert made.to_dict()["pin"]["start"] == "2024-01-02T00:00:00Z"


def test_completion_offers_pins_before_series(lab, project) -> None:
    lab.pin("btc", NODE, "2024-01-02")
    assert list(lab.known()) == ["pin:btc", NODE, OTHER]
    with Lab(str(project / "empty")) as clone:
        clone.wiring.home.lockfile.write_bytes((project / "seamless.lock").read_bytes())
        assert list(clone.known()) == ["pin:btc", NODE], "what is pinned is known before it is stored"
    (project / "seamless.lock").write_text("version = ")
    assert list(lab.known()) == [NODE, OTHER]


def test_completion_offers_configured_symbols_after_what_is_stored(tmp_path) -> None:
    symbols = {"exchanges.kraken.symbols": ["BTC/USD"], "exchanges.binance.symbols": ["ETH/USDT"]}
    with Lab(str(tmp_path), overrides=symbols) as lab:
        assert [node for node in lab.known() if node.startswith("ohlcv:")] == [
            *(f"ohlcv:binance:ETH/USDT:{timeframe}" for timeframe in ("1m", "1h", "1d")),
            *(f"ohlcv:kraken:BTC/USD:{timeframe}" for timeframe in ("1m", "1h", "1d")),
        ]
