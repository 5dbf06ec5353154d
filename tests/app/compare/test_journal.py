"""What differences and histories read, in the journal of a notebook's reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_lab.app.lab import Lab
from seamless_lab.app.notebooks.checking import FreshStores, check_reads
from seamless_lab.app.notebooks.places import CellPlace
from seamless_lab.app.reads import ReadRecord
from seamless_lab.app.receipts.inputs import find_inputs
from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts.documents import commit_path, tree_path
from tests.app.compare.versions import FIRST_MS, NODE, damage
from tests.engine.artifacts.making import DAY, HOUR, T0, Ticking, candidate, days, files, open_store


def journal(lab: Lab, *calls: Callable[[], object]) -> list[ReadRecord]:
    """What some calls enter into the journal."""
    before = len(lab.wiring.reads.records())
    for call in calls:
        call()
    return list(lab.wiring.reads.records()[before:])


def told(records: Sequence[ReadRecord]) -> list[tuple[str, int, str, TimeRange]]:
    return [(each.written, each.seq, each.pin, each.window) for each in records]


def check(lab: Lab, records: Sequence[ReadRecord]) -> list[str]:
    """What each of some reads would be today."""
    place = CellPlace(1, 1, "a")
    return [str(each.state) for each in check_reads(lab.wiring, lab.door, FreshStores(lab.wiring), [(place, records)])]


def test_both_sides_of_a_difference_are_read_by_references_that_lead_there_again(lab: Lab) -> None:
    lab.pin("first", f"{NODE}@seq:1", "2024-01-02", "2024-01-03")
    assert told(journal(lab, lambda: lab.diff(f"{NODE}@seq:1", NODE))) == [
        (f"{NODE}@seq:1", 1, "", days(0, 2)),
        (NODE, 4, "", days(0, 3)),
    ]
    for newest in (NODE, f"{NODE}@latest", f"{NODE}@seq:4"):
        assert told(journal(lab, lambda newest=newest: lab.diff(newest, start="2024-01-03"))) == [
            (f"{NODE}@seq:3", 3, "", days(2)),
            (f"{NODE}@latest", 4, "", days(2)),
        ]
    assert told(journal(lab, lambda: lab.diff("pin:first"), lambda: lab.diff(f"{NODE}@lock", start="2024-01-02"))) == [
        ("pin:first", 1, "first", days(1)),
        (f"{NODE}@latest", 4, "", days(1)),
        (f"{NODE}@lock", 1, "first", days(1)),
        (f"{NODE}@latest", 4, "", days(1)),
    ]
    assert journal(lab, lambda: lab.rollback(f"{NODE}@seq:1")) == []


def test_a_history_reads_what_the_newest_version_says_and_the_pin(lab: Lab) -> None:
    lab.pin("first", f"{NODE}@seq:1", "2024-01-02", "2024-01-03")
    slot = TimeRange(T0 + DAY + 900, T0 + DAY + 960)
    assert told(journal(lab, lambda: lab.history(NODE, "2024-01-02T00:15"))) == [(NODE, 4, "", slot)]
    assert told(journal(lab, lambda: lab.history(NODE))) == [(NODE, 4, "", days(0, 3))]
    assert told(journal(lab, lambda: lab.history("pin:first"))) == [
        ("pin:first", 1, "first", days(1)),
        (f"{NODE}@latest", 4, "", days(1)),
    ]
    nothing = journal(lab, lambda: lab.history(NODE, "2030-01"), lambda: lab.history(NODE, "2024-01-05T00:15"))
    assert check(lab, nothing) == ["same", "same"]
    lab.wiring.sealed.publish(candidate(days(4), FIRST_MS + 9 * DAY * 1_000))
    assert check(lab, nothing) == ["same", "differs"], "there was nothing then, and something is now"


def test_undisturbed_reads_are_the_same_and_what_moved_is_noticed(lab: Lab) -> None:
    store = lab.wiring.sealed
    made = journal(
        lab,
        lambda: lab.diff(f"{NODE}@seq:1", NODE, "2024-01-02", "2024-01-08"),  # beyond what either holds
        lambda: lab.diff(f"{NODE}@seq:1", NODE, "2024-01-04"),  # one of them holds nothing
        lambda: lab.diff(NODE),
        lambda: lab.history(NODE, "2024-01-02T00:15"),
        lambda: lab.history(NODE, "2024-01"),
    )
    assert check(lab, made) == ["same"] * 8
    found = find_inputs(lab.wiring, FreshStores(lab.wiring), lab.receipt().inputs)
    assert [(each.state, each.why, each.notes) for each in found] == [("same", "", ())] * len(found)
    store.publish(candidate(days(4), FIRST_MS + 9 * DAY * 1_000, every=15))
    assert check(lab, made) == ["same", "differs", *["same"] * 5, "differs"]
    store.publish(candidate(TimeRange(T0 + DAY + 900, T0 + DAY + 960), FIRST_MS + 10 * DAY * 1_000, salt=9))
    assert check(lab, made) == ["same", "differs", "same", "same", "same", "differs", "differs", "differs"]


@pytest.mark.parametrize("domain", ["dryrun", "research"])
def test_a_pin_whose_window_no_longer_has_what_was_read_is_noticed_in_every_domain(lab: Lab, domain: str) -> None:
    lab.pin("one", f"{NODE}@seq:1", "2024-01-01", "2024-01-03")
    made = journal(lab, lambda: lab.fetch("pin:one", domain=domain))
    assert check(lab, made) == ["same"]
    lab.pin("one", f"{NODE}@seq:1", "2024-01-02", "2024-01-03", replace=True)
    assert check(lab, made) == ["differs"]


@pytest.mark.parametrize("kind", ["commits", "trees"])
def test_an_open_lab_checks_the_files_of_a_version_and_not_what_it_remembers(lab: Lab, kind: str) -> None:
    version = lab.manifest(NODE).version
    node, commit = version.header.node, version.commit
    named = commit_path(node, commit.seq) if kind == "commits" else tree_path(node, commit.fingerprint)
    refs = (NODE, f"{NODE}@seq:4", f"{NODE}@sha256:{commit.fingerprint}")
    made = journal(lab, *(lambda ref=ref: lab.fetch(ref, "2024-01-01", "2024-01-03") for ref in refs))
    assert check(lab, made) == ["same"] * 3
    path = lab.wiring.home.artifacts / named
    whole = path.read_bytes()
    damage(path)
    assert check(lab, made) == ["differs"] * 3
    path.write_bytes(whole)
    assert check(lab, made) == ["same"] * 3
    path.unlink()  # a commit that is lost was never made, for whoever asks for the newest
    assert check(lab, made) == ["same" if kind == "commits" else "unknown", "unknown", "unknown"]


def test_an_open_lab_checks_the_store_that_is_there_now(lab: Lab) -> None:
    made = journal(lab, lambda: lab.fetch(f"{NODE}@seq:1", "2024-01-01", "2024-01-03"))
    shutil.rmtree(lab.wiring.home.artifacts)
    open_store(lab.wiring.home.artifacts, clock=Ticking(FIRST_MS)).publish(candidate(days(0, 2), FIRST_MS, salt=5))
    assert check(lab, made) == ["unknown"], "was replaced"
    assert check(lab, made) == ["differs"]


def test_what_is_in_the_journal_is_what_a_fetch_of_the_window_gives(lab: Lab) -> None:
    for start, end in ((0, 3 * DAY), (DAY + 60, DAY + 120), (HOUR, 2 * DAY + 7 * HOUR), (DAY - 900, DAY + 30 * 60)):
        window = (T0 + start, T0 + end)
        for each in journal(lab, lambda window=window: lab.diff(f"{NODE}@seq:1", f"{NODE}@seq:3", *window)):
            [fetched] = journal(lab, lambda each=each, window=window: lab.fetch(each.written, *window))
            assert replace(each, domain=fetched.domain) == fetched


def test_what_lies_in_a_store_that_no_reference_leads_to_is_not_in_the_journal(lab: Lab) -> None:
    folder = lab.wiring.home.root / "colleague"
    there, clock = open_store(folder), Ticking(FIRST_MS)
    there.publish(candidate(days(0, 1), clock.now, every=15))
    newest = there.publish(candidate(days(0), clock.now + 1, salt=3, every=15)).version
    assert journal(lab, lambda: lab.diff(NODE, store=str(folder)), lambda: lab.history(NODE, store=str(folder))) == []
    lab.pin("theirs", f"{NODE}@seq:1", "2024-01-01", "2024-01-02", store=str(folder))
    pinned, beside = journal(lab, lambda: lab.diff("pin:theirs"))
    assert (pinned.written, pinned.store) == ("pin:theirs", "project")
    assert (beside.written, beside.store, beside.fingerprint) == (beside.ref, "home", newest.tree.fingerprint)
    assert check(lab, [pinned, beside]) == ["same"] * 2
    named = journal(lab, lambda: lab.diff(NODE, store=str(folder)))
    assert [each.written for each in named] == [pinned.ref, beside.ref]
    found = find_inputs(lab.wiring, FreshStores(lab.wiring), lab.receipt().inputs)
    assert [(each.state, each.why, each.notes) for each in found] == [("same", "", ())] * len(found)
    (lab.wiring.home.lockfile).write_text("[broken")
    assert journal(lab, lambda: lab.diff(NODE, store=str(folder))) == []


def shut(path: Path) -> None:
    """Make a file a link to itself, which no user can read, not even root."""
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("harm, told_of", [(damage, "differs"), (shut, "unknown")])
def test_damage_that_a_difference_does_not_meet_keeps_it_out_of_no_journal(
    tmp_path: Path, monkeypatch, harm: Callable[[Path], None], told_of: str
) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    store = open_store(tmp_path / "artifacts", clock=Ticking((T0 + 20 * DAY) * 1_000))  # one file a day
    store.publish(candidate(days(0), 1, every=15))
    (bad,) = files(tmp_path, "data")
    store.publish(candidate(days(1), 2, every=15))
    harm(bad)
    with Lab(str(tmp_path)) as lab:
        whole = journal(lab, lambda: lab.diff(NODE))
        assert [(each.content, each.rows) for each in whole] == [(each.fingerprint, each.rows) for each in whole]
        assert [each.rows for each in whole] == [96, 192]
        cut = journal(lab, lambda: lab.diff(NODE, start=T0 + HOUR, end=T0 + 2 * DAY))
        assert [(each.window, each.content, each.rows) for each in cut] == [
            (each.window, each.content, each.rows) for each in whole
        ]
        assert check(lab, cut) == [told_of] * 2, "the damage is told"
