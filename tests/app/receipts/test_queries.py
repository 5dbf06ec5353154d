"""Queries are made again from a receipt, as they were asked and with what they might use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.app.receipts.receipt import read_receipt
from seamless_lab.app.sql.connection import MEMORY, TIMEOUT_S, Limits, closed_off
from tests.app.receipts.verifying import states, written
from tests.notebook.projects import opened


def test_queries_are_made_again_from_their_text(project: Path) -> None:
    with opened(project) as lab:
        lab.sql("SELECT ts, close FROM btc ORDER BY ts")
        lab.sql("SELECT b.ts, e.close - b.close AS spread FROM b JOIN e USING (ts) ORDER BY b.ts",
                {"b": "pin:btc", "e": "pin:eth"}, start="2024-01-02", end="2024-01-03")  # fmt: skip
        lab.sql("SELECT symbol, ts, volume FROM everything ORDER BY symbol, ts", {"everything": ["pin:btc", "pin:eth"]})
        lab.sql("SELECT symbol, count(*) AS bars FROM one GROUP BY symbol ORDER BY symbol", {"one": ["pin:btc"]})
        path = written(lab, project / "r.json")
        assert states(lab.verify_receipt(path)) == {"input": ["same"] * 4, "result": ["same"] * 4}
        (project / "seamless.lock").unlink()
    with opened(project) as lab:
        assert lab.verify_receipt(path).exit_code == 0, "a receipt needs no lockfile"
        receipt = read_receipt(path)
        forged = [replace(each, recipe={**each.recipe, "query": "SELECT 1 AS a"}) for each in receipt.results]
        path.write_text(json.dumps(replace(receipt, results=tuple(forged)).to_json(project)))
        assert states(lab.verify_receipt(path))["result"] == ["differs"] * 4
        lost = [replace(each, recipe={"query": "SELECT 1 AS a"}) for each in receipt.results]
        path.write_text(json.dumps(replace(receipt, results=tuple(lost)).to_json(project)))
        assert states(lab.verify_receipt(path))["result"] == ["unknown"] * 4


def test_a_query_is_made_again_with_the_limits_that_it_was_given(project: Path, monkeypatch) -> None:
    query = "SELECT ts, close FROM btc ORDER BY ts"
    with opened(project) as lab:
        plain = lab.sql(query)
        assert lab.sql(query, timeout_s=TIMEOUT_S, memory_limit=MEMORY).digest == plain.digest
        [path, given] = written(lab, project / "r.json"), {"timeout_s": 300.5, "memory_limit": "64MB"}
        assert [each.recipe.keys() & given.keys() for each in read_receipt(path).results] == [set()]
        lab.sql(query, **given)
        recipes = [each.recipe for each in read_receipt(written(lab, path)).results]
        assert sorted([{name: recipe[name] for name in given if name in recipe} for recipe in recipes], key=len) == [
            {},
            given,
        ]
        used: list[Limits] = []
        monkeypatch.setattr(
            "seamless_lab.app.sql.query.closed_off", lambda limits: used.append(limits) or closed_off(limits)
        )
        assert states(lab.verify_receipt(path))["result"] == ["same"] * 2
        assert set(used) == {Limits(), Limits(1, 300.5, "64MB")}


@pytest.mark.parametrize(
    "limits", [{"timeout_s": "long"}, {"memory_limit": 4}, {"memory_limit": "much"}, {"timeout_s": -1}, {"threads": 0}]
)
def test_a_recipe_with_limits_that_are_none_is_not_made(project: Path, limits: dict[str, object]) -> None:
    with opened(project) as lab:
        lab.sql("SELECT ts, close FROM btc ORDER BY ts")
        receipt = lab.receipt()
        forged = [replace(each, recipe={**each.recipe, **limits}) for each in receipt.results]
        (project / "r.json").write_text(json.dumps(replace(receipt, results=tuple(forged)).to_json(project)))
        found = lab.verify_receipt(project / "r.json")
    assert states(found)["result"] == ["unknown"]
    assert next(iter(limits)) in repr(found)


def test_a_query_that_changes_by_itself_cannot_be_verified(project: Path) -> None:
    with opened(project) as lab:
        lab.sql("SELECT ts, random() AS r FROM btc ORDER BY ts", volatile=True)
        found = lab.verify_receipt(written(lab, project / "r.json"))
    assert found.exit_code == 3
    assert "changes by itself" in repr(found)
