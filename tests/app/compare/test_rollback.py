"""Rolling back, as users and programs see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
from seamless_lab.app.lab import Lab
from seamless_lab.errors import NotFound, RequestError, SeamlessError
from tests.app.compare.versions import NODE, damage, shown
from tests.engine.artifacts.making import candidate, days, files, open_store


def test_a_rollback_says_what_it_would_change_and_writes_nothing(lab: Lab) -> None:
    plan = lab.rollback(f"{NODE}@seq:1")
    assert (plan.made, plan.changes, plan.exit_code) == (None, True, 0)
    assert plan.difference is not None
    assert (plan.difference.counts.removed, plan.difference.counts.added) == (96, 2)
    assert lab.manifest(NODE).version.commit.seq == 4
    said = str(plan)
    assert f"seamless rollback {NODE}@seq:1 --yes" in said
    assert "1,440 bars of it have no answer in that version" in said
    assert json.loads(json.dumps(plan.to_dict()))["written"] is False


def test_a_rollback_is_a_new_version_with_the_older_fingerprint(lab: Lab) -> None:
    old = lab.manifest(f"{NODE}@seq:1").version
    done = lab.rollback(f"{NODE}@seq:1", write=True)
    assert done.made is not None
    head = lab.manifest(NODE).version
    assert (head.commit.seq, head.tree.fingerprint) == (5, old.tree.fingerprint)
    assert (head.commit.provenance["rollback_of"], head.commit.provenance["replaces"]) == (1, 4)
    assert head.commit.producer["version"]
    shown_head = lab.manifest(NODE)
    assert "to what seq 1 holds" in str(shown_head)
    (withdrawn,) = shown_head.to_dict()["withdrawn_at"]  # type: ignore[misc]  # JSON
    assert withdrawn[:2] == ["2024-01-04T00:00:00Z", "2024-01-05T00:00:00Z"]
    assert "withdrawn_at" not in lab.manifest(f"{NODE}@seq:4").to_dict()
    assert lab.diff(f"{NODE}@seq:1", NODE).exit_code == 0
    found = lab.history(NODE)
    assert isinstance(found, WindowHistory)
    assert found.frame["rollback_of"].to_list() == [None] * 4 + [1]
    assert "rolled back to seq 1" in shown(found)
    beliefs = lab.history(NODE, "2024-01-02T00:15")
    assert isinstance(beliefs, BarHistory)
    assert beliefs.frame["rollback_of"].to_list() == [None, None, 1]
    assert beliefs.frame["close"].to_list()[0] == beliefs.frame["close"].to_list()[2]
    assert "rolled back to seq 1" in shown(beliefs)
    assert f"seamless rollback {NODE}@seq:4" in str(done), "how to undo it"
    assert lab.verify(NODE).exit_code == 0
    undone = lab.rollback(f"{NODE}@seq:4", write=True)
    assert undone.made is not None
    assert lab.diff(f"{NODE}@seq:4", NODE).exit_code == 0


def test_rolling_back_to_what_the_newest_version_holds_writes_nothing_and_says_so(lab: Lab) -> None:
    for ref in (f"{NODE}@seq:4", f"{NODE}@latest"):
        found = lab.rollback(ref, write=True)
        assert (found.made, found.changes) == (None, False)
        assert "there is nothing to roll back" in str(found)
    assert lab.manifest(NODE).version.commit.seq == 4


def test_a_rollback_needs_a_version(lab: Lab) -> None:
    with pytest.raises(RequestError, match="names no version to roll back to") as refused:
        lab.rollback(NODE, write=True)
    assert "artifacts" in refused.value.hint
    with pytest.raises(NotFound, match="no version seq:7"):
        lab.rollback(f"{NODE}@seq:7", write=True)


def test_a_damaged_newest_version_can_be_rolled_back_from_and_an_older_one_not_to(tmp_path: Path) -> None:
    store = open_store(tmp_path / "artifacts")
    store.publish(candidate(days(0), 1, every=15))
    good = set(files(tmp_path, "data"))
    store.publish(candidate(days(0), 2, salt=1, every=15))
    (bad,) = set(files(tmp_path, "data")) - good
    damage(bad)
    with Lab(str(tmp_path)) as lab:
        plan = lab.rollback(f"{NODE}@seq:1")
        assert plan.difference is None
        assert bad.name in plan.damage
        assert "What it changes cannot be shown" in str(plan)
        assert lab.rollback(f"{NODE}@seq:1", write=True).made is not None
        with pytest.raises(SeamlessError, match=bad.name):
            lab.rollback(f"{NODE}@seq:2", write=True)
        assert lab.manifest(NODE).version.commit.seq == 3
