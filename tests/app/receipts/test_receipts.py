"""Receipts: one digest for one set of facts, and every change to one noticed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab import crossover
from seamless_lab.app.receipts.receipt import Input, ReceiptDamaged, read_receipt, receipt_of
from seamless_lab.core.policy import Domain
from seamless_lab.errors import RequestError
from tests.app.receipts.verifying import read_from_a_folder, worked, written
from tests.app.test_notebook_seal import changed, leaves, other
from tests.notebook.projects import BTC, opened


def test_a_receipt_says_what_results_depended_on(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        receipt = lab.receipt()
    assert [(each.read.written, each.read.rows) for each in receipt.inputs] == [
        (BTC, 1440), ("pin:btc", 2880), ("pin:eth", 2880),
    ]  # fmt: skip
    [result] = receipt.results
    assert (result.kind, result.repeatable, [one.name for one in result.inputs]) == ("backtest", True, ["btc", "eth"])
    assert {"seamless_lab", "conformance", "python", "polars", "numpy", "pyarrow", "duckdb"} <= set(receipt.software)
    text = repr(receipt)
    for part in ("pin:btc", "2,880", "backtest", "btc, eth", "from this receipt", f"sha256:{receipt.digest}"):
        assert part in text, part
    assert "<script" not in receipt._repr_html_()
    assert json.loads(json.dumps(receipt.to_dict())) == receipt.to_dict()


def test_the_digest_does_not_depend_on_order_or_repetition_nor_on_place(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        reads, results = list(lab.wiring.reads.records()), list(lab.wiring.results.records())
        expected = lab.receipt().digest
    for seed in range(5):
        shuffled = reads * 2
        random.Random(seed).shuffle(shuffled)
        assert receipt_of(shuffled, results * 2, receipt_software()).digest == expected
    body = json.dumps(receipt_of(reads, results, receipt_software()).to_json(project))
    assert str(project) not in body


def receipt_software() -> dict[str, str]:
    from seamless_lab.app.software import versions

    return versions()


def test_a_receipt_of_some_results_has_their_inputs_only(project: Path) -> None:
    with opened(project) as lab:
        one = lab.backtest(crossover(5, 20), pins=["pin:eth"])
        worked(lab)
        fetched = lab.fetch(BTC, "2024-01-02")
        assert [each.read.written for each in lab.receipt(one).inputs] == ["pin:eth"]
        assert [each.read.rows for each in lab.receipt(fetched).inputs] == [1440]
        with pytest.raises(RequestError, match=r"This lab has no record of such a result: 7\."):
            lab.receipt(7)


def test_a_receipt_of_some_results_has_no_other_reads_of_the_same_bars(project: Path) -> None:
    query = "SELECT count(*) AS bars FROM c"
    with opened(project) as lab:
        backtest, counted = lab.backtest(crossover(5, 20), pins=["pin:btc"]), lab.sql(query, {"c": "pin:btc"})
        fetched = lab.fetch("pin:btc")
        before = [lab.receipt(each).digest for each in (backtest, counted, fetched)]
        window = (fetched.window.start, fetched.window.end)
        other = lab.fetch(fetched.ref, *window)
        lab.sql(query, {"c": "pin:eth"})
        assert [lab.receipt(each).digest for each in (backtest, counted, fetched)] == before
        assert [each.read.written for each in lab.receipt(other).inputs] == [fetched.ref]
        assert len(lab.receipt(backtest, other).inputs) == 2


def test_a_receipt_read_back_is_the_same(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        receipt = lab.receipt()
        again = read_receipt(written(lab, project / "r.json"))
    assert again.to_json(project) == receipt.to_json(project)


def test_any_value_that_is_changed_is_noticed(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        document = json.loads(written(lab, project / "r.json").read_text())
    tried = 0
    for path in leaves(document):
        if path == ("notebook_path",):
            continue  # where the notebook is may change
        value = document
        for key in path:
            value = value[key]
        for each in other(value):
            if each != value:
                (project / "r.json").write_text(json.dumps(changed(document, path, each)))
                tried += 1
                if path == ("format",) and not str(each).startswith("seamless.receipt/"):
                    with pytest.raises(RequestError, match="is no receipt"):
                        read_receipt(project / "r.json")
                    continue
                with pytest.raises(ReceiptDamaged, match="was changed after it was written"):
                    read_receipt(project / "r.json")
    assert tried > 100


def test_left_out_inputs_and_unknown_keys_are_noticed(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        document = json.loads(written(lab, project / "r.json").read_text())
    for other_document in (
        {**document, "inputs": document["inputs"][1:]},
        {**document, "results": []},
        {**document, "more": 1},
        {**document, "results": [{**document["results"][0], "recipe": {"fee_bps": float("nan")}}]},
        {**document, "notebook": {"sources": "0" * 64, "cells": 1}},
        {key: value for key, value in document.items() if key != "software"},
    ):
        (project / "r.json").write_text(json.dumps(other_document))
        with pytest.raises(ReceiptDamaged):
            read_receipt(project / "r.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": "seamless.seal/1"}', "\xff", "[" * 100_000])
def test_what_is_no_receipt_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="latin-1")
    with pytest.raises(RequestError, match="is no receipt"):
        read_receipt(tmp_path / "r.json")
    with pytest.raises(RequestError, match="There is no receipt"):
        read_receipt(tmp_path / "nothing.json")


def test_what_was_read_live_is_noted(project: Path) -> None:
    with opened(project) as lab:
        worked(lab)
        live = [replace(each, domain=Domain.LIVE) for each in lab.wiring.reads.records()[:1]]
    assert "1 read in the live domain" in repr(receipt_of(live, (), {}))


# -- verifying --------------------------------------------------------------------------------------------------------


def test_where_bars_were_read_from_does_not_change_with_the_lockfile(project: Path) -> None:
    read_from_a_folder(project)
    lock = project / "seamless.lock"
    kept = lock.read_text()
    with opened(project) as lab:
        lab.fetch("pin:btc")
        before = lab.receipt()
        assert [each.store for each in before.inputs] == ["project"]
        for now in (kept.replace('store = "data"\n', ""), kept.replace("[pin.btc]", "[pin.sol]"), "<<<<<<< HEAD\n"):
            lock.write_text(now)
            assert lab.receipt().digest == before.digest, now
        lock.unlink()
        assert lab.receipt().digest == before.digest


@pytest.mark.parametrize("facts", [{"store": "elsewhere"}, {"store": "home\n  ok"}, {"store": "project", "pin": ""}])
def test_a_store_that_no_lab_writes_is_refused(project: Path, facts: dict[str, str]) -> None:
    with opened(project) as lab:
        lab.fetch("pin:btc")
        receipt = lab.receipt()
    [given] = receipt.inputs
    forged = replace(receipt, inputs=(Input(replace(given.read, **facts)),))
    (project / "r.json").write_text(json.dumps(forged.to_json(project)))
    with pytest.raises(ReceiptDamaged, match="not home, or project of a pin"):
        read_receipt(project / "r.json")


@pytest.mark.parametrize("software", [{"a\n  ok  all inputs signed": "1"}, {"a": "1 "}, {"": "1"}, {"a": "1\u2028"}])
def test_software_whose_name_or_version_is_no_word_is_refused(tmp_path: Path, software: dict[str, str]) -> None:
    (tmp_path / "r.json").write_text(json.dumps(receipt_of((), (), software).to_json(tmp_path)))
    with pytest.raises(ReceiptDamaged, match="names and versions are words"):
        read_receipt(tmp_path / "r.json")


def test_why_a_receipt_was_changed_ends_in_one_stop(project: Path) -> None:
    with opened(project) as lab:
        lab.fetch("pin:btc")
        found = lab.receipt().to_json(project)
    found["inputs"][0]["end"] = "9999-12-31T00:00:00Z"
    (project / "r.json").write_text(json.dumps(found))
    with pytest.raises(ReceiptDamaged) as caught:
        read_receipt(project / "r.json")
    assert not caught.value.message.endswith("..")
