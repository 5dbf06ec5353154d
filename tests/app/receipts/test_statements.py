"""What a receipt says beside its bars: what no lab writes stands against it, what others have otherwise is told."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab import crossover
from seamless_lab.app.lab import Lab
from seamless_lab.app.receipts.checking import ReceiptCheck
from seamless_lab.core.identity import parse_node
from seamless_lab.core.time import format_time_ms
from tests.app.receipts.verifying import written
from tests.engine.artifacts.making import candidate, days
from tests.notebook.projects import BTC, ETH, minute, opened, restate
from tests.notebook.studies import seamless


@pytest.mark.parametrize(
    "facts, said",
    [
        ({"pin": "eth"}, "that pin:btc was read, and by the pin eth"),
        ({"pin": ""}, "that pin:btc was read, and by no pin"),
        ({"written": f"{BTC}@seq:7", "pin": ""}, "@seq:7 was read, and that it was seq 1"),
        ({"written": f"{BTC}@sha256:01234567", "pin": ""}, "@sha256:01234567 was read, and that it was sha256:"),
        ({"written": f"{BTC}@2020-01-01", "pin": ""}, "@2020-01-01 was read, and that it was sealed later, as of 20"),
        ({"written": f"{BTC}@latest"}, "@latest was read, and by the pin btc"),
        ({"written": f"{BTC}@lock", "pin": ""}, "@lock was read, and by no pin"),
        ({"written": f"{ETH}@lock"}, f"@lock was read, and it is {BTC}"),
        ({"written": "btc"}, "that btc was read, and that is no reference"),
    ],
)
def test_statements_that_no_lab_writes_stand_against_a_receipt(project: Path, facts, said: str) -> None:
    with opened(project) as lab:
        found = verified_with(lab, project, facts)
    assert found.exit_code == 1
    assert said in " ".join(repr(found).split())


def test_references_as_labs_write_them_do_not(project: Path) -> None:
    with opened(project) as lab:
        lab.sql("SELECT symbol, max(close) AS m FROM coins GROUP BY symbol ORDER BY symbol", {"coins": "pin:*"})
        lab.backtest(crossover(5, 20), pins="pin:*")
        lab.fetch(f"{BTC}@lock")
        for as_of in ("now", "2099-01-01", dt.datetime(2099, 1, 1, tzinfo=dt.UTC)):
            lab.fetch(BTC, "2024-01-01", as_of=as_of)
        lab.fetch(f"{BTC}@seq:1", "2024-01-01")
        found = lab.verify_receipt(written(lab, project / "r.json"))
    assert not [each for each in found.findings if each.said]


@pytest.mark.parametrize("written", [f"{BTC}@latest", f"{BTC}@seq:1", f"{BTC}@2099-01-01", f"{BTC}@-1s", BTC])
def test_references_as_they_may_be_written_do_not(project: Path, written: str) -> None:
    with opened(project) as lab:
        assert verified_with(lab, project, {"written": written, "pin": ""}).exit_code == 0


@pytest.mark.parametrize(
    "facts, said",
    [
        ({"seq": 7}, "the receipt says seq 7 as of {as_of}, and {store} has it as seq 1 as of {as_of}"),
        (
            {"as_of_ms": 7},
            "the receipt says seq 1 as of 1970-01-01T00:00:00.007Z, and {store} has it as seq 1 as of {as_of}",
        ),
        ({"seq": 2}, "; seq 2 there is sha256:"),
    ],
)
def test_a_number_and_a_moment_that_the_store_has_otherwise_are_notes(project: Path, facts, said: str) -> None:
    restate(project, minute(0, 7))
    with opened(project) as lab:
        found = verified_with(lab, project, facts)
        store, as_of = lab.wiring.sealed.url, format_time_ms(lab.wiring.sealed.commit(parse_node(BTC), 1).as_of_ms)
    assert found.exit_code == 0, "the bars are the same"
    [given] = [each for each in found.findings if each.what == "input"]
    assert said.format(store=store, as_of=as_of) in given.said


def verified_with(lab: Lab, project: Path, facts: dict[str, object]) -> ReceiptCheck:
    """What verifying a receipt finds whose one input, the pin btc, says some facts instead of its own."""
    lab.fetch("pin:btc")
    receipt = lab.receipt()
    [given] = receipt.inputs
    forged = replace(receipt, inputs=(replace(given, read=replace(given.read, **facts)),))
    (project / "r.json").write_text(json.dumps(forged.to_json(project)))
    return lab.verify_receipt(project / "r.json")


def test_a_receipt_whose_versions_no_one_store_can_have_says_so(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch(BTC, "2024-01-01")
        restate(project, minute(0, 7))
        lab.fetch(BTC, "2024-01-02")
        receipt = lab.receipt()
        (project / "r.json").write_text(json.dumps(receipt.to_json(project)))
        assert "of one store" not in repr(lab.verify_receipt(project / "r.json"))
        first, second = receipt.inputs
        for facts in ({"seq": first.read.seq}, {"as_of_ms": first.read.as_of_ms}):
            forged = replace(receipt, inputs=(first, replace(second, read=replace(second.read, **facts))))
            (project / "r.json").write_text(json.dumps(forged.to_json(project)))
            found = lab.verify_receipt(project / "r.json")
            assert found.exit_code == 0
            assert "of one store the receipt says both seq 1 as of" in " ".join(repr(found).split())


def test_what_was_found_by_its_content_in_a_pins_store_is_not_at_odds_with_the_home(project: Path) -> None:
    shutil.copytree(project / ".seamless" / "artifacts", project / "data")
    restate(project, minute(0, 7))
    lock = project / "seamless.lock"
    lock.write_text(lock.read_text().replace("rows = 2880\n", 'rows = 2880\nstore = "data"\n'))
    shutil.rmtree(project / ".seamless" / "artifacts")
    with opened(project) as lab:
        lab.wiring.sealed.publish(candidate(days(0, 1), salt=3))
        content = lab.fetch("pin:btc").ref
        lab.fetch(f"{BTC}@seq:1", "2024-01-01", "2024-01-02")
        lab.fetch(content, "2024-01-01", "2024-01-02")
        assert {each.read.seq for each in lab.receipt().inputs} == {1}
        found = lab.verify_receipt(written(lab, project / "r.json"))
    assert found.exit_code == 0
    assert "of one store" not in repr(found)


def test_a_pin_that_moved_is_named_with_what_it_was_and_is(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch("pin:btc")
        lab.fetch("pin:btc", "2024-01-02")
        lab.fetch("pin:eth")
        path = written(lab, project / "r.json")
        was = [each.read.content[:12] for each in lab.receipt().inputs if each.read.pin == "btc"]
    restate(project, minute(0, 7))
    assert seamless(project, "lock", "--update", "--yes", "btc").returncode == 0
    with opened(project) as lab:
        now = lab.fetch("pin:btc").content[:12]
        found = lab.verify_receipt(path)
    assert found.exit_code == 0, "the version that was read is still there"
    told = {each.name.split()[0]: each.said for each in found.findings if each.said}
    assert list(told.values()) == [f"pin:btc was sha256:{was[0]}, and is sha256:{now} in the lockfile now"], was
    lock = project / "seamless.lock"
    kept = lock.read_text()
    lock.write_text(kept.replace("[pin.btc]", "[pin.was]"))
    with opened(project) as lab:
        assert "pin:btc is not in the lockfile" in " ".join(repr(lab.verify_receipt(path)).split())
    lock.write_text(kept.replace("[pin.btc]", "[pin.was]").replace("[pin.eth]", "[pin.btc]"))
    with opened(project) as lab:
        assert f"pin:btc was {BTC}, and is {ETH} in the lockfile now" in " ".join(
            repr(lab.verify_receipt(path)).split()
        )
    assert seamless(project, "pin", "btc", ETH, "--start", "2024-01-01", "--replace").returncode == 0
    lock.write_text(kept)
    assert seamless(project, "pin", "btc", BTC, "--start", "2024-01-01", "--replace").returncode == 0
    with opened(project) as lab:
        told = " ".join(repr(lab.verify_receipt(path)).split())
        assert "pin:btc is [2024-01-01T00:00Z, 2024-01-02T00:00Z) in the lockfile now" in told


@pytest.mark.parametrize("shipped", [True, False])
def test_a_version_that_only_a_result_says_it_was_made_of_stands_against_a_receipt(project: Path, shipped) -> None:
    with opened(project) as lab:
        lab.backtest(crossover(5, 20) if shipped else lambda bars: bars["close"] * 0.0, pins="pin:btc")
        receipt = lab.receipt()
        [made], ref = receipt.results, f"{BTC}@sha256:deadbeefdeadbeef"
        inputs = tuple(replace(one, ref=ref) for one in made.inputs)
        forged = replace(receipt, results=(replace(made, inputs=inputs),))
        (project / "r.json").write_text(json.dumps(forged.to_json(project)))
        found = lab.verify_receipt(project / "r.json")
    assert found.exit_code == 1
    [told] = [each.said for each in found.findings if each.what == "result"]
    assert told.endswith(f"is {ref}, and that {made.inputs[0].ref} is.")


def test_equal_bars_of_two_versions_may_be_the_input_of_a_result(project: Path) -> None:
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=f"{lab.manifest(BTC).ref}", start="2024-01-01", end="2024-01-02")
        restate(project, minute(1, 7))
        lab.fetch(BTC, "2024-01-01", "2024-01-02")
        found = lab.verify_receipt(written(lab, project / "r.json"))
        assert len({each.read.ref for each in found.receipt.inputs}) == 2
    assert found.exit_code == 0
