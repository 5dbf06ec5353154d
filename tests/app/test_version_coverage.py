"""Coverage and gaps of one sealed version: what it holds, whatever the stores have learned since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seamless_lab.app.home import FOLDER
from seamless_lab.app.lab import Lab
from seamless_lab.cli import main
from seamless_lab.core.coverage import Cause
from seamless_lab.errors import NotFound, RequestError
from tests.sealed_market import START, seal, walk

NODE = "ohlcv:binance:ETH/USDT:1h"
HOUR = 3_600
QUIET = (50, 52)
HOLES = [(100, 103), (200, 201)]
REPAIRED_AT_MS = 1_718_000_000_000


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose first version has quiet slots and two gaps, and whose second has none; the first is pinned."""
    home = tmp_path / FOLDER
    home.mkdir()
    monkeypatch.chdir(tmp_path)
    bars = walk(30 * 24, HOUR, 2)
    first = bars.filter(~bars["ts"].is_between(START + QUIET[0] * HOUR, START + QUIET[1] * HOUR, closed="left"))
    seal(home, "ETH/USDT", first, slots=30 * 24, unanswered=HOLES)
    with Lab() as lab:
        lab.pin("eth", NODE, "2024-01-01", "2024-01-10", allow_gaps=True)
    seal(home, "ETH/USDT", bars, at_ms=REPAIRED_AT_MS)
    return tmp_path


@pytest.fixture
def lab(project: Path):
    with Lab() as opened:
        yield opened


def slots(lab: Lab, ref: str, *window: str) -> dict[str, int]:
    found = lab.coverage(ref, *window).coverage
    return {str(cause): found.slots(cause) for cause in Cause if found.slots(cause)}


@pytest.mark.parametrize("ref", ["pin:eth", f"{NODE}@lock"])
def test_a_pin_is_looked_at_in_its_window_as_it_was_sealed(lab, ref) -> None:
    assert slots(lab, ref) == {"present": 210, "quiet": 2, "missing": 4}
    assert slots(lab, ref, "2024-01-05", "2024-01-06") == {"present": 21, "missing": 3}
    with pytest.raises(RequestError, match="pin:eth is "):
        lab.coverage(ref, "2024-01-05", "2024-01-12")
    table = lab.gaps(ref)
    assert (table.exit_code, table.window) == (1, lab.coverage(ref).coverage.window)
    assert table.frame["cause"].to_list() == ["quiet", "missing", "missing"]
    assert table.frame["error"].to_list() == ["", "not in this version", "not in this version"]


@pytest.mark.parametrize("selector", ["seq:1", "sha256"])
def test_a_version_is_looked_at_also_outside_of_what_it_holds(lab, selector) -> None:
    ref = f"{NODE}@{selector}" if selector != "sha256" else lab.manifest(f"{NODE}@seq:1").ref
    assert slots(lab, ref) == {"present": 714, "quiet": 2, "missing": 4}
    assert slots(lab, ref, "2023-12-31", "2024-01-02") == {"present": 24, "missing": 24}
    assert slots(lab, f"{NODE}@latest") == {"present": 720}


def test_the_coverage_of_a_version_is_that_of_a_fetch_of_it(lab) -> None:
    for ref, window in (("pin:eth", ()), (f"{NODE}@seq:1", ("2024-01-04", "2024-02-02")), (f"{NODE}@seq:1", ("2030",))):
        looked, fetched = lab.coverage(ref, *window).coverage, lab.fetch(ref, *window).coverage
        assert all(looked.of(cause) == fetched.of(cause) for cause in Cause)


def test_looking_at_a_version_is_no_read_of_its_bars(lab) -> None:
    lab.coverage("pin:eth")
    lab.gaps("pin:eth")
    assert lab.wiring.reads.records() == ()


def test_what_is_shown_says_that_it_is_sealed(lab) -> None:
    for result in (lab.coverage("pin:eth"), lab.gaps("pin:eth")):
        said, version = result.to_text(), result.to_dict()["version"]
        assert "sealed: " in said.splitlines()[0]
        assert "read as  pin:eth" in said
        assert "not in this version" in said
        assert "never asked" not in said
        assert "seamless lock --update eth moves the pin" in " ".join(said.split())
        assert (version["written"], version["pin"], version["seq"]) == ("pin:eth", "eth", 1)
        assert version["ref"] == lab.manifest("pin:eth").ref
        assert result._repr_html_()
    assert "makes a newer one." in lab.gaps(f"{NODE}@seq:1").to_text()
    assert "makes a newer one" not in lab.coverage(f"{NODE}@seq:2").to_text()
    assert lab.coverage(NODE).to_dict()["version"] is None
    assert "not in this version" in lab.fetch("pin:eth").to_text()


def test_an_end_alone_is_no_window(lab) -> None:
    for ref in (NODE, "pin:eth", f"{NODE}@seq:1"):
        with pytest.raises(RequestError, match="has no start"):
            lab.coverage(ref, end="2024-01-05")


def test_a_node_that_only_a_pins_store_has_is_not_to_be_fetched_but_read_by_its_pin(project, monkeypatch) -> None:
    (project / "data").mkdir()
    (project / FOLDER / "artifacts").rename(project / "data/store")
    with Lab() as lab:
        with pytest.raises(NotFound, match="no sealed version") as caught:
            lab.manifest(f"{NODE}@seq:99")
        assert "seamless fetch" in caught.value.hint
        (project / "seamless.lock").unlink()
        lab.pin("eth", NODE, "2024-01-01", "2024-01-10", store="data/store")
        for look in (lab.manifest, lab.verify, lab.coverage, lambda ref: lab.fetch(ref, "2024-01")):
            with pytest.raises(NotFound, match="no sealed version") as caught:
                look(f"{NODE}@seq:99")
            assert caught.value.hint == "The lockfile pins bars of it in data/store: read them as pin:eth."
        with pytest.raises(NotFound, match="Nothing is known") as caught:
            lab.gaps(NODE)
        assert caught.value.hint.endswith("read them as pin:eth.")
        assert lab.coverage("pin:eth").coverage.complete


def test_content_is_found_in_the_store_of_a_pin_that_the_home_does_not_have(project, monkeypatch) -> None:
    """References that a check or a receipt prints are of the store that the pin is read from."""
    (project / "data").mkdir()
    (project / FOLDER / "artifacts").rename(project / "data/store")
    (project / "seamless.lock").unlink()
    with Lab() as lab:
        pinned = lab.pin("eth", NODE, "2024-01-01", "2024-01-10", store="data/store").pin
        ref = f"{NODE}@sha256:{pinned.fingerprint[:16]}"
        with pytest.raises(NotFound, match="no sealed version") as caught:
            lab.fetch(f"{NODE}@sha256:00000000", "2024-01-02", domain="research")
        assert caught.value.hint.endswith("read them as pin:eth.")
        fetched = lab.fetch(ref, "2024-01-02", "2024-01-03", domain="research")
        assert fetched.frame.equals(lab.fetch("pin:eth", "2024-01-02", "2024-01-03", domain="research").frame)
        assert lab.fetch(NODE, "2024-01-02", as_of=f"sha256:{pinned.fingerprint}", domain="research").frame.height == 24
        assert lab.sql("SELECT count(*) AS n FROM x", pins={"x": ref}).frame["n"].item() > 0
        assert lab.manifest(ref).to_dict()["fingerprint"] == pinned.fingerprint
        assert lab.verify(ref).exit_code == 0
        (project / "data/store").rename(project / "data/gone")
        with pytest.raises(NotFound, match="no sealed version"):
            lab.fetch(ref, "2024-01-02", domain="research")


def test_the_terminal_looks_at_pins_too(project, capsys) -> None:
    assert main(["gaps", "pin:eth", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [gap["bars"] for gap in found["gaps"]] == [3, 1]
    assert main(["coverage", "pin:eth", "--home", str(project / "nowhere"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == NotFound.code
    assert main(["gaps", f"{NODE}@seq:2"]) == 0
