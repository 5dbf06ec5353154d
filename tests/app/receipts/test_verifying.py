"""What verifying a receipt finds on the same data, on other data, and on damaged data."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from seamless_lab import crossover
from seamless_lab.app.cached_files import wrong_files
from seamless_lab.app.notebooks.checking import State
from seamless_lab.app.receipts.receipt import receipt_of
from seamless_lab.errors import ConfigError, Interrupted, SqlLimit, StoreBusy
from tests.app.receipts.verifying import read_from_a_folder, receipt_of_work, states, worked, written
from tests.app.rotting import rot
from tests.engine.artifacts.making import candidate, days, header_of
from tests.notebook.projects import BTC, ETH, minute, opened, restate
from tests.notebook.studies import seamless


def test_a_receipt_is_reproduced_where_it_was_made(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        path = written(lab, project / "r.json")
        before = (len(lab.wiring.reads.records()), len(lab.wiring.results.records()))
        found = lab.verify_receipt(path)
        assert (len(lab.wiring.reads.records()), len(lab.wiring.results.records())) == before
    assert states(found) == {"input": ["same"] * 3, "result": ["same"]}
    assert found.exit_code == 0
    assert "reproduced" in repr(found)


def test_restated_bars_change_nothing_as_long_as_the_version_is_there(project: Path) -> None:
    path = receipt_of_work(project)
    restate(project, minute(0, 7))
    with opened(project) as lab:
        assert lab.verify_receipt(path).exit_code == 0


def test_another_store_with_the_same_bars_in_another_history_reproduces_it(project: Path) -> None:
    path = receipt_of_work(project)
    shutil.rmtree(project / ".seamless")
    with opened(project) as lab:
        for number in range(3):
            lab.wiring.sealed.publish(candidate(days(number)))
        lab.wiring.sealed.publish(candidate(days(0, 9), header=header_of(symbol="ETH/USDT"), salt=7))
        found = lab.verify_receipt(path)
    assert found.exit_code == 0, found
    assert "which has another history" in repr(found)


def test_other_bars_differ_from_a_series_and_say_nothing_of_what_was_read_by_its_content(project: Path) -> None:
    path = receipt_of_work(project)
    shutil.rmtree(project / ".seamless")
    with opened(project) as lab:
        lab.wiring.sealed.publish(candidate(days(0, 2), salt=1))
        lab.wiring.sealed.publish(candidate(days(0, 2), header=header_of(symbol="ETH/USDT"), salt=8))
        found = lab.verify_receipt(path)
    asked = {
        finding.name.partition(" ")[0]: str(finding.state) for finding in found.findings if finding.what == "input"
    }
    assert asked == {BTC: "differs", "pin:btc": "unknown", "pin:eth": "unknown"}
    assert (found.exit_code, states(found)["result"]) == (1, ["unknown"])
    assert "has other bars there" in repr(found)


def test_a_version_that_is_gone_is_no_difference(project: Path) -> None:
    """Its commit was the newest, so that nothing shows that it was there."""
    with opened(project) as lab:
        made = lab.wiring.sealed.publish(candidate(days(0), at_ms=1_800_000_000_000, salt=5)).version.commit
        lab.fetch(f"{BTC}@sha256:{made.fingerprint}", "2024-01-01")
        path = written(lab, project / "r.json")
    next((project / ".seamless").rglob(f"*BTC*/*/commits/{made.seq:010d}.json")).unlink()
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert (found.exit_code, states(found)["input"]) == (3, ["unknown"])


def test_a_store_without_the_bars_cannot_verify(project: Path) -> None:
    path = receipt_of_work(project)
    shutil.rmtree(project / ".seamless")
    with opened(project) as lab:
        found = lab.verify_receipt(path)
        assert states(found) == {"input": ["unknown"] * 3, "result": ["unknown"]}
        lab.wiring.sealed.publish(candidate(days(0, 0)))
        found = lab.verify_receipt(path)
        assert states(found)["input"] == ["same", "unknown", "unknown"], "one day of BTC is all that is there"
    assert found.exit_code == 3


@pytest.mark.parametrize("kind", ["data/*.parquet", "trees/*.json"])
def test_files_that_are_missing_cannot_verify_and_prove_nothing_wrong(project: Path, kind: str) -> None:
    path = receipt_of_work(project)
    for file in (project / ".seamless").rglob(kind):
        file.unlink()
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert states(found)["input"] == ["unknown"] * 3
    assert found.exit_code == 3
    assert "missing" in repr(found)


def test_the_folder_of_a_pin_that_is_gone_is_named_with_what_brings_it_back(project: Path) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:btc", "pin:eth"])
        path = written(lab, project / "r.json")
    shutil.rmtree(project / "data")
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert found.exit_code == 3
    said = [each.said for each in found.findings if each.what == "input"]
    assert [one.partition(" is read from ")[0] for one in said] == ["pin:btc", "pin:eth"]
    assert all("there is no such folder. Restore data from where the lockfile comes from" in one for one in said)


def test_damage_is_found_though_it_was_verified_before(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        path = written(lab, project / "r.json")
        lab.fetch(BTC, "2024-01-01")
        for file in (project / ".seamless").rglob("*.parquet"):
            file.chmod(0o644)
            data = bytearray(file.read_bytes())
            data[len(data) // 3] ^= 4
            file.write_bytes(data)
        found = lab.verify_receipt(path)
    assert found.exit_code == 1
    assert states(found)["input"] == ["differs"] * 3


def test_a_cached_file_that_rotted_is_found_before_results_are_made_again(
    project: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    path = receipt_of_work(project)
    wrong = rot(tmp_path / "cache")
    with opened(project) as lab:
        before = lab.sql("SELECT max(close) AS m FROM btc").frame["m"][0]
        found = lab.verify_receipt(path)
        assert found.exit_code == 0, "made of the bars of the store"
        assert wrong
        assert found.to_dict()["cached_files_removed"] == wrong
        assert wrong_files(wrong) in " ".join(repr(found).split())
        assert before == 1e9
        assert lab.sql("SELECT max(close) AS m FROM btc").frame["m"][0] < before
        assert lab.verify_receipt(path).dropped == ()


def test_a_result_that_comes_out_otherwise_differs(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        receipt = lab.receipt()
        [made] = receipt.results
        for forged in (
            replace(made, digest="0" * 64),
            replace(made, recipe={**made.recipe, "fee_bps": 11.0}),
        ):
            wrong = replace(receipt, results=(forged,))
            (project / "r.json").write_text(json.dumps(wrong.to_json(project)))
            found = lab.verify_receipt(project / "r.json")
            assert states(found) == {"input": ["same"] * 3, "result": ["differs"]}
            assert "made again it has the digest" in repr(found)


def test_what_is_code_needs_its_notebook(project: Path) -> None:
    with opened(project) as lab:
        lab.backtest(lambda bars: pl.lit(1.0), pins=["pin:btc"], check_lookahead=False)
        found = lab.verify_receipt(written(lab, project / "r.json"))
    assert found.exit_code == 3
    assert states(found)["result"] == ["unknown"]
    assert "--run" in repr(found)


def test_other_software_is_a_note_as_long_as_the_digests_agree(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        receipt = lab.receipt()
        older = replace(receipt, software={**receipt.software, "polars": "1.0.0"})
        (project / "r.json").write_text(json.dumps(older.to_json(project)))
        found = lab.verify_receipt(project / "r.json")
    assert found.exit_code == 0
    assert "polars was 1.0.0 and is" in repr(found)


def test_a_pin_read_from_a_folder_of_the_project_is_found_there(project: Path) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:btc", "pin:eth"])
        assert {each.store for each in lab.receipt().inputs} == {"project"}
        found = lab.verify_receipt(written(lab, project / "r.json"))
    assert found.exit_code == 0, found
    assert found.state is State.SAME


def test_a_folder_of_a_pin_that_is_gone_hides_no_other_store(project: Path) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:eth"])
        written(lab, project / "r.json")
    lock = project / "seamless.lock"
    lock.write_text(lock.read_text().replace('store = "data"', 'store = "gone"', 1))
    with opened(project) as lab:
        assert lab.verify_receipt(project / "r.json").exit_code == 0


@pytest.mark.parametrize("facts", [{"rows": 999}, {"written": ETH}, {"ref": f"{ETH}@sha256:{'0' * 16}"}])
def test_what_a_forged_receipt_says_of_bars_is_checked_against_them(project: Path, facts: dict[str, object]) -> None:
    with opened(project) as lab:
        lab.fetch(BTC, "2024-01-01")
        receipt = lab.receipt()
        [given] = receipt.inputs
        forged = replace(receipt, inputs=(replace(given, read=replace(given.read, **facts)),))
        (project / "r.json").write_text(json.dumps(forged.to_json(project)))
        assert lab.verify_receipt(project / "r.json").exit_code == 1


@pytest.mark.parametrize("error", [ConfigError("no engine"), SqlLimit("too large"), StoreBusy("busy")])
def test_what_cannot_be_made_here_is_not_verified_and_a_stop_stops(
    project: Path, monkeypatch, error: Exception
) -> None:
    raised: list[Exception] = [error]

    def fails(*_: object) -> None:
        raise raised[0]

    with opened(project) as lab:
        lab.backtest(crossover(5, 20), pins=["pin:btc"])
        path = written(lab, project / "r.json")
        monkeypatch.setattr("seamless_lab.app.receipts.results.backtest", fails)
        assert lab.verify_receipt(path).exit_code == 3
        raised[0] = Interrupted("Stopped.")
        with pytest.raises(Interrupted):
            lab.verify_receipt(path)


def test_a_backtest_that_may_look_ahead_is_made_again_as_it_was(project: Path) -> None:
    query = "SELECT ts, coalesce(sign(lead(close) OVER (ORDER BY ts) - close), 0) AS position FROM bars"
    with opened(project) as lab:
        lab.backtest(query, pins=["pin:btc"], check_lookahead=False)
        assert lab.verify_receipt(written(lab, project / "r.json")).exit_code == 0


def test_a_last_target_that_waits_is_in_the_digest_and_the_sign_of_zero_is_not(project: Path) -> None:
    last, zero = 1.0, 0.0

    def strategy(bars: pl.DataFrame) -> pl.Series:
        ends = bars.height == 2880
        return pl.Series(
            [1.0, zero] * ((bars.height - 2) // 2) + [1.0] * (bars.height % 2) + [0.5, last if ends else 0.5]
        )

    def digest() -> str:
        return lab.backtest(strategy, pins=["pin:btc"], check_lookahead=False).digest

    with opened(project) as lab:
        first, zero = digest(), -0.0
        assert digest() == first
        last = -1.0
        assert digest() != first


def test_the_terminal_verifies_and_refuses_in_its_own_words(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        written(lab, project / "r.json")
    ran = seamless(project, "verify", "r.json", "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["state"] == "same"
    ran = seamless(project, "verify", "r.json", "--run")
    assert ran.returncode == 2
    assert "is of no notebook" in ran.stderr
    assert seamless(project, "verify", BTC, "--run").returncode == 2
    assert seamless(project, "verify", "nothing.json").returncode == 2, "a name that is wrong says nothing of bars"
    document = json.loads((project / "r.json").read_text())
    document["inputs"][0]["rows"] += 1
    (project / "r.json").write_text(json.dumps(document))
    ran = seamless(project, "verify", "r.json")
    assert ran.returncode == 1
    assert "error[E-RECEIPT]" in ran.stderr
    assert "Nothing of it was verified" in ran.stderr


def test_a_receipt_of_nothing_proves_nothing(project: Path) -> None:
    empty = receipt_of((), (), {})
    (project / "r.json").write_text(json.dumps(empty.to_json(project)))
    with opened(project) as lab:
        assert lab.verify_receipt(project / "r.json").exit_code == 3


def test_a_missing_file_is_told_of_the_store_that_has_the_version(project: Path) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.fetch("pin:btc")
        path = written(lab, project / "r.json")
    for file in (project / "data").rglob("data/*.parquet"):
        file.unlink()
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert found.exit_code == 3
    [said] = [each.said for each in found.findings]
    assert said.startswith(str(project / "data"))
    assert ".parquet is missing" in said


def test_a_folder_of_another_pin_that_is_gone_hides_no_file_that_is_missing(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch("pin:btc")
        path = written(lab, project / "r.json")
    with (project / "seamless.lock").open("a") as lock:
        lock.write(lock_of_another_folder(project))
    for file in (project / ".seamless").rglob("data/*.parquet"):
        file.unlink()
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert found.exit_code == 3
    assert [".parquet is missing" in each.said for each in found.findings] == [True]


def lock_of_another_folder(project: Path) -> str:
    """A second pin of the bars of `btc`, which is read from a folder that is not there."""
    _, _, btc = (project / "seamless.lock").read_text().partition("[pin.btc]\n")
    return f'\n[pin.other]\n{btc.partition("[pin.")[0].rstrip()}\nstore = "gone"\n'


def test_a_damaged_tree_of_a_pins_store_is_told_before_other_bars_of_the_home(project: Path) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.fetch("pin:btc")
        path = written(lab, project / "r.json")
        lab.wiring.sealed.publish(candidate(days(0, 2), salt=1))
    for tree in (project / "data").rglob("trees/*.json"):
        tree.chmod(0o644)
        tree.write_bytes(tree.read_bytes()[:-20])
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert found.exit_code == 1
    [said] = [each.said for each in found.findings]
    assert "trees/" in said
    assert "has other bars there" not in said


def test_what_a_stranger_writes_into_a_receipt_commands_no_terminal(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch("pin:btc")
        receipt = lab.receipt()
    forged = [replace(each, read=replace(each.read, pin="\x1b]0;x\x07")) for each in receipt.inputs]
    receipt = replace(receipt, inputs=tuple(forged), software={"polars": "\x1b[31mx\x9b", "a": "1\u202e\u2066"})
    (project / "r.json").write_text(json.dumps(receipt.to_json(project)))
    lines = replace(receipt, software={"a\n  ok  all inputs signed": "1"})
    with opened(project) as lab:
        shown = repr(lab.verify_receipt(project / "r.json")) + repr(lines)
    assert "polars was \ufffd[31mx\ufffd and is" in shown
    assert "a was 1\ufffd\ufffd and is not installed here" in shown
    assert "a ok all inputs signed 1" in shown
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(shown)
    told = seamless(project, "verify", "r.json", "--json").stdout
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(told)
    assert "1\u202e\u2066" in json.loads(told)["notes"][0]


def lock_nothing(project: Path) -> None:
    with opened(project) as lab:
        lab.unpin("btc")
        lab.unpin("eth")


LOST = {
    "folder": (lambda project: shutil.rmtree(project / "data"), "Restore data from where the lockfile comes from"),
    "lockfile": (lambda project: (project / "seamless.lock").unlink(), "There is no lockfile"),
    "broken lockfile": (lambda project: (project / "seamless.lock").write_text("<<<"), "seamless.lock"),
    "file": (lambda project: next((project / "data").rglob("*.parquet")).unlink(), "is missing"),
    "pin": (lock_nothing, "no version has this content"),
}


@pytest.mark.parametrize("lost", LOST)
def test_other_bars_of_the_home_say_nothing_of_what_was_read_from_a_folder(project: Path, lost: str) -> None:
    read_from_a_folder(project)
    with opened(project) as lab:
        lab.fetch("pin:btc")
        path = written(lab, project / "r.json")
        lab.wiring.sealed.publish(candidate(days(0, 2), salt=3))
    lose, said = LOST[lost]
    lose(project)
    with opened(project) as lab:
        found = lab.verify_receipt(path)
    assert (found.exit_code, states(found)["input"]) == (3, ["unknown"])
    assert said in " ".join(repr(found).split())
