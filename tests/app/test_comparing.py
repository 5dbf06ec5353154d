"""Comparing versions, looking back and rolling back, as users and programs see it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
from seamless_lab.app.compare.results import DiffResult
from seamless_lab.app.lab import Lab
from seamless_lab.app.notebooks.checking import FreshStores, check_reads
from seamless_lab.app.notebooks.places import CellPlace
from seamless_lab.app.reads import ReadRecord
from seamless_lab.app.receipts.inputs import find_inputs
from seamless_lab.app.render import html, text
from seamless_lab.app.render.view import Look
from seamless_lab.core.bars import VALUES
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.engine.artifacts import SealedStore
from seamless_lab.errors import InvalidTime, NotFound, RequestError, SeamlessError
from tests.engine.artifacts.making import (
    DAY,
    HEADER,
    HOUR,
    T0,
    Ticking,
    candidate,
    days,
    files,
    header_of,
    open_store,
)

NODE, OTHER = str(HEADER.node), "ohlcv:binance:ETH/USDT:1m"
FIRST_MS = (T0 + 10 * DAY) * 1_000


def fill(store: SealedStore, clock: Ticking) -> None:
    """Three days; then an hour of the second restated and one thinned out to every other bar; then a fourth day."""
    clock.now = FIRST_MS
    store.publish(candidate(days(0, 2), FIRST_MS, every=15))
    clock.now += DAY * 1_000
    restated = candidate(TimeRange(T0 + DAY, T0 + DAY + HOUR), clock.now, salt=1, every=15)
    store.publish(restated)
    store.publish(candidate(TimeRange(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR), clock.now, every=30))
    clock.now += DAY * 1_000
    store.publish(candidate(days(3), clock.now, every=15))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    home = tmp_path / "home"
    clock = Ticking(FIRST_MS)
    fill(open_store(home / "artifacts", clock=clock), clock)
    with Lab(str(home)) as opened:
        yield opened


def shown(result: DiffResult | BarHistory | WindowHistory) -> str:
    return text.render(result.view(), Look(static=True))


# -- difference ----------------------------------------------------------------------------------------------------


def test_one_reference_is_compared_with_the_newest_and_the_newest_with_the_one_before(lab: Lab) -> None:
    latest = lab.diff(NODE)
    assert (latest.old.version.commit.seq, latest.new.version.commit.seq) == (3, 4)
    assert (latest.counts.added, latest.counts.restated, latest.counts.removed) == (96, 0, 0)
    assert (latest.counts.answered, latest.exit_code, latest.equal) == (1_440, 1, False)
    since = lab.diff(f"{NODE}@seq:1")
    assert (since.old.version.commit.seq, since.new.version.commit.seq) == (1, 4)
    assert (since.counts.added, since.counts.restated, since.counts.removed) == (96, 4, 2)
    before = lab.diff(f"{NODE}@latest")
    assert (before.old.version.commit.seq, before.new.version.commit.seq) == (3, 4)


def test_two_references_are_compared_in_the_order_given(lab: Lab) -> None:
    forth, back = lab.diff(f"{NODE}@seq:1", NODE), lab.diff(NODE, f"{NODE}@seq:1")
    assert forth.added.equals(back.removed)
    assert forth.removed.equals(back.added)
    assert forth.counts.answered == back.counts.unanswered == 1_440
    same = lab.diff(f"{NODE}@seq:2", f"{NODE}@seq:2")
    assert (same.exit_code, same.equal, same.moves.height, same.stretches.height) == (0, True, 0, 0)
    assert "equal" in shown(same)


def test_frames_say_which_bars_changed_from_what_to_what(lab: Lab) -> None:
    found = lab.diff(f"{NODE}@seq:1", f"{NODE}@seq:3")
    assert found.restated.columns == ["ts", "time", *(f"{name}_{side}" for name in VALUES for side in ("old", "new"))]
    opens = [datetime(2024, 1, 2, 0, minute, tzinfo=UTC) for minute in (0, 15, 30, 45)]
    assert found.restated["time"].to_list() == opens
    assert found.removed["time"].to_list() == [datetime(2024, 1, 2, 1, minute, tzinfo=UTC) for minute in (15, 45)]
    assert found.removed.columns == found.added.columns == ["ts", "time", *VALUES]
    (removed,) = found.moves.filter(found.moves["after"] == "quiet").rows(named=True)
    assert (removed["before"], removed["bars"]) == ("bar", 2)
    assert (removed["start"], removed["end"].minute) == (datetime(2024, 1, 2, 1, 15, tzinfo=UTC), 46)
    assert found.stretches["bars"].to_list() == [1] * 6


def test_the_summary_names_the_largest_change_of_each_column(lab: Lab) -> None:
    found = lab.diff(f"{NODE}@seq:1", f"{NODE}@seq:3")
    restated = found.restated
    for row in found.summary.iter_rows(named=True):
        old, new = restated[f"{row['column']}_old"], restated[f"{row['column']}_new"]
        assert row["changed"] == (old != new).sum() > 0
        assert row["largest"] == (new - old).abs().max()
        assert row["largest_ratio"] == ((new - old).abs() / old.abs()).max()
        assert abs(row["new"] - row["old"]) == row["largest"]
        assert restated.filter(restated["time"] == row["time"])[f"{row['column']}_old"].item() == row["old"]
    equal = lab.diff(f"{NODE}@seq:3", f"{NODE}@seq:4").summary
    assert equal["changed"].to_list() == [0] * 5
    assert equal["largest"].null_count() == 5


def test_a_window_bounds_the_comparison(lab: Lab) -> None:
    hour = lab.diff(f"{NODE}@seq:1", NODE, "2024-01-02T01:00", "2024-01-02T02:00")
    assert (hour.counts.restated, hour.counts.removed, hour.counts.added) == (0, 2, 0)
    assert hour.window == TimeRange(T0 + DAY + HOUR, T0 + DAY + 2 * HOUR)
    assert lab.diff(f"{NODE}@seq:1", NODE, "2024-01-01").exit_code == 0
    with pytest.raises(RequestError, match="has no start"):
        lab.diff(NODE, end="2024-01-02")


def test_json_and_text_hold_a_bounded_number_of_bars_and_all_the_totals(lab: Lab) -> None:
    few = lab.diff(f"{NODE}@seq:1", rows=5)
    told = json.loads(json.dumps(few.to_dict()))
    assert told["counts"] == {
        "restated": 4,
        "added": 96,
        "removed": 2,
        "newly_answered": 1_440,
        "no_longer_answered": 0,
    }
    assert [len(told[name]) for name in ("restated", "removed", "added", "stretches")] == [4, 1, 0, 5]
    assert told["left_out"] == {"bars": 97, "stretches": few.stretches.height - 5}
    assert told["restated"][0]["time"] == "2024-01-02T00:00:00Z"
    assert told["old"]["seq"] == 1
    assert (told["start"], told["equal"]) == (None, False)
    lines = shown(few).splitlines()
    assert any(line.strip() == "… 97 more" for line in lines)
    assert sum(line.startswith("  -  2024") for line in lines) == 5
    none = lab.diff(f"{NODE}@seq:1", rows=0)
    assert "… 102 more" in shown(none)


def test_a_restated_bar_shows_its_old_values_and_below_them_what_changed(lab: Lab) -> None:
    found = lab.diff(f"{NODE}@seq:1", f"{NODE}@seq:2", rows=1)
    lines = shown(found).splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("  -  2024-01-02T00:00Z"))
    row = found.restated.row(0, named=True)
    assert lines[place].split()[2:] == [repr(row[f"{name}_old"]).removesuffix(".0") for name in VALUES]
    assert lines[place + 1].split() == ["+", *(repr(row[f"{name}_new"]).removesuffix(".0") for name in VALUES)]
    assert f"seamless history {NODE} --at 2024-01-02T00:00Z" in shown(found)


def test_a_difference_is_drawn_where_it_is(lab: Lab) -> None:
    found = lab.diff(f"{NODE}@seq:1")
    strip = next(line for line in shown(found).splitlines() if line.strip().startswith("2024-01-01T00:00Z "))
    drawn = strip.split()[1]
    width = len(drawn)
    assert "▲" in drawn[width // 4 : width // 4 + 2]
    assert set(drawn[: width // 4 - 1]) == {"─"}
    assert set(drawn[3 * width // 4 + 1 :]) == {"+"}
    page = html.render(found.view())
    assert 'title="restated"' in page
    assert "<script" not in page
    assert len(page) < 50_000
    assert text.render(found.view(), Look(unicode=False)).isascii()


def test_versions_that_cannot_be_compared_are_refused_with_what_to_do(lab: Lab) -> None:
    store = lab.wiring.sealed
    store.publish(candidate(days(0), FIRST_MS, header=header_of("1m", "ETH/USDT"), every=15))
    with pytest.raises(RequestError, match=r"BTC/USDT:1m and .*ETH/USDT:1m are not comparable") as refused:
        lab.diff(NODE, OTHER)
    assert refused.value.exit_code == 2
    with pytest.raises(RequestError, match="has one version only") as refused:
        lab.diff(OTHER)
    assert refused.value.exit_code == 2
    with pytest.raises(NotFound, match="no version seq:9"):
        lab.diff(f"{NODE}@seq:9")
    with pytest.raises(NotFound, match="no sealed version"):
        lab.diff("ohlcv:binance:XRP/USDT:1m")


def test_a_pin_is_compared_in_its_window(lab: Lab) -> None:
    lab.pin("first", f"{NODE}@seq:1", "2024-01-02", "2024-01-03")
    found = lab.diff("pin:first")
    assert (found.old.version.commit.seq, found.new.version.commit.seq) == (1, 4)
    assert (found.counts.restated, found.counts.removed, found.counts.added) == (4, 2, 0)
    assert "pin:first" in shown(found)
    assert lab.diff(f"{NODE}@lock").counts == found.counts
    assert lab.diff(NODE, "pin:first").counts.added == 2
    inside = lab.diff("pin:first", start="2024-01-02T00:00", end="2024-01-02T01:00")
    assert inside.counts.removed == 0
    with pytest.raises(RequestError, match=r"pin:first is .* was asked for"):
        lab.diff("pin:first", start="2024-01-01", end="2024-01-03")


def test_a_pin_of_the_newest_version_is_equal_to_it(lab: Lab) -> None:
    lab.pin("now", NODE, "2024-01-01", "2024-01-05")
    assert lab.diff("pin:now").exit_code == 0


def test_pins_are_compared_where_they_overlap(lab: Lab) -> None:
    lab.pin("one", f"{NODE}@seq:1", "2024-01-01", "2024-01-03")
    lab.pin("two", NODE, "2024-01-02", "2024-01-05")
    lab.pin("far", NODE, "2024-01-04", "2024-01-05")
    assert lab.diff("pin:one", "pin:two").window == days(1)
    with pytest.raises(RequestError, match="they share no bar"):
        lab.diff("pin:one", "pin:far")


def test_a_pin_in_another_store_is_compared_where_it_is(lab: Lab) -> None:
    home = lab.wiring.home.root
    there = open_store(home / "colleague")
    there.publish(candidate(days(0, 1), FIRST_MS, salt=3, every=15))
    lab.pin("theirs", NODE, "2024-01-01", "2024-01-03", store=str(home / "colleague"))
    found = lab.diff("pin:theirs", NODE)
    assert found.counts.restated == 2 * 96 - 2
    place = os.path.relpath(home / "colleague")
    assert min(place, str(home / "colleague"), key=len) in str(found)
    assert f"seamless history pin:theirs --at {format_time(T0)}" in shown(found)
    assert lab.diff("pin:theirs").exit_code == 0, "the newest of its own store"
    with pytest.raises(RequestError, match="only versions of the home's own store"):
        lab.rollback("pin:theirs")


def test_another_store_is_looked_in_by_its_folder(lab: Lab) -> None:
    folder = lab.wiring.home.root / "colleague"
    there, clock = open_store(folder), Ticking(FIRST_MS)
    there.publish(candidate(days(0, 1), clock.now, every=15))
    there.publish(candidate(days(0), clock.now + 1, salt=3, every=15))
    found = lab.diff(NODE, store=str(folder))
    assert (found.old.version.commit.seq, found.counts.restated) == (1, 96)
    assert f"--store {shlex.quote(found.new.store)}" in str(found)
    beliefs = lab.history(NODE, "2024-01-01T00:00", store=str(folder))
    assert isinstance(beliefs, BarHistory)
    assert (beliefs.changes, beliefs.store) == (1, found.new.store)
    assert "--store" in str(beliefs)
    assert "--store" not in shown(beliefs), "where a store is depends on the machine"
    assert lab.diff(f"{NODE}@seq:1", store=str(folder)).counts == found.counts
    with pytest.raises(NotFound, match="is not there"):
        lab.diff(NODE, store=str(folder / "nowhere"))


# -- history -------------------------------------------------------------------------------------------------------


def test_the_history_of_a_bar_lists_each_belief_with_its_time(lab: Lab) -> None:
    found = lab.history(NODE, "2024-01-02T00:15:30")
    assert isinstance(found, BarHistory)
    assert (found.slot.start, found.changes) == (T0 + DAY + 900, 1)
    frame = found.frame
    assert frame["seq"].to_list() == [1, 2]
    assert frame["until"].to_list()[0] == frame["since"].to_list()[1]
    assert frame["until"].to_list()[1] is None
    restated = lab.diff(f"{NODE}@seq:1", f"{NODE}@seq:2").restated.row(1, named=True)
    assert frame["close"].to_list() == [restated["close_old"], restated["close_new"]]
    assert frame["observed_at"].to_list()[0] == datetime.fromtimestamp(FIRST_MS / 1_000, UTC)
    assert "changed once" in shown(found)
    assert json.loads(json.dumps(found.to_dict()))["beliefs"][1]["until"] is None


def test_a_bar_that_was_taken_away_is_believed_quiet(lab: Lab) -> None:
    found = lab.history(NODE, "2024-01-02T01:15")
    assert isinstance(found, BarHistory)
    assert found.frame["state"].to_list() == ["bar", "quiet"]
    assert found.frame["close"].to_list()[1] is None
    never = lab.history(NODE, "2024-01-01T00:00")
    assert "never changed" in shown(never)
    late = lab.history(NODE, "2024-01-04T00:00")
    assert isinstance(late, BarHistory)
    assert late.frame["state"].to_list() == ["unanswered", "bar"]
    assert late.changes == 0


def test_the_history_of_a_bar_that_nobody_answered_for_says_what_there_is(lab: Lab) -> None:
    found = lab.history(NODE, "2030-01-01T00:00")
    assert "No version has ever answered for this bar; the newest, seq 4, holds [2024-01-01" in shown(found)
    window = lab.history(NODE, "2030-01")
    assert isinstance(window, WindowHistory)
    assert (window.frame.height, window.exit_code) == (0, 0)
    assert "No version has ever answered for this window" in shown(window)


def test_a_day_is_a_window_whose_history_counts_what_changed(lab: Lab) -> None:
    found = lab.history(NODE, "2024-01-02")
    assert isinstance(found, WindowHistory)
    assert found.window == days(1)
    assert found.frame["seq"].to_list() == [1, 2, 3]
    assert found.frame["restated"].to_list() == [0, 4, 0]
    assert found.frame["removed"].to_list() == [0, 0, 2]
    assert found.frame["bars"].to_list() == [96, 96, 94]
    reads = [lab.wiring.sealed.read(lab.wiring.sealed.resolve(HEADER.node, seq=seq), days(1)) for seq in (1, 2, 3)]
    assert found.frame["content"].to_list() == [sealed.content for sealed in reads]
    everything = lab.history(NODE, rows=2)
    assert isinstance(everything, WindowHistory)
    assert everything.frame.height == 4
    told = json.loads(json.dumps(everything.to_dict()))
    assert (len(told["changes"]), told["left_out"], told["commits"]) == (2, 2, 4)
    assert "The newest 2 of 4; --rows 4 shows all." in shown(everything)


def test_versions_that_rewrote_something_are_found_among_those_that_only_add(lab: Lab) -> None:
    found = lab.history(NODE, rows=1)
    assert isinstance(found, WindowHistory)
    assert found.rewriting["seq"].to_list() == [2, 3]
    lines = shown(found).splitlines()
    assert "4 changes, 2 of what was answered before" in lines[0]
    place = next(place for place, line in enumerate(lines) if line.strip() == "changed what was answered before")
    assert lines[place + 2].split()[1:4] == ["3", "286", "2"]
    assert lines[place + 3].strip() == "… 1 more"
    assert f"seamless diff {NODE}@seq:2 {NODE}@seq:3" in lines[-1]
    everything = shown(lab.history(NODE))
    assert "changed what was answered before" not in everything, "all are shown already"
    told = found.to_dict()
    assert [row["seq"] for row in told["rewriting"]] == [3]  # type: ignore[attr-defined, index]  # JSON
    lab.wiring.sealed.publish(
        candidate(days(0), FIRST_MS + 9 * DAY * 1_000, every=5)
    )  # bars where there was proof of none
    again = lab.history(NODE)
    assert isinstance(again, WindowHistory)
    assert again.rewriting["seq"].to_list() == [2, 3, 5]


def test_a_day_of_daily_bars_is_a_bar(lab: Lab) -> None:
    daily = header_of("1d")
    lab.wiring.sealed.publish(candidate(days(0, 5), FIRST_MS, header=daily))
    found = lab.history(str(daily.node), "2024-01-03")
    assert isinstance(found, BarHistory)
    assert found.slot == days(2)


def test_a_history_is_about_all_versions_and_inside_a_pin(lab: Lab) -> None:
    with pytest.raises(RequestError, match="names a version, and a history is about all of them"):
        lab.history(f"{NODE}@seq:1", "2024-01-02")
    lab.pin("one", f"{NODE}@seq:1", "2024-01-02", "2024-01-03")
    found = lab.history("pin:one")
    assert isinstance(found, WindowHistory)
    assert found.window == days(1)
    with pytest.raises(RequestError, match="pin:one is"):
        lab.history("pin:one", "2024-01-01")
    with pytest.raises(RequestError, match="has no --at"):
        lab.history(NODE, end="2024-01-02")
    with pytest.raises(InvalidTime, match="is no time"):
        lab.history(NODE, "yesterday")


# -- journal -------------------------------------------------------------------------------------------------------


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


def test_damage_that_a_difference_does_not_meet_keeps_it_out_of_no_journal(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SEAMLESS_CACHE_DIR", str(tmp_path / "cache"))
    store = open_store(tmp_path / "artifacts", clock=Ticking((T0 + 20 * DAY) * 1_000))  # one file a day
    store.publish(candidate(days(0), 1, every=15))
    (bad,) = files(tmp_path, "data")
    store.publish(candidate(days(1), 2, every=15))
    damage(bad)
    with Lab(str(tmp_path)) as lab:
        whole = journal(lab, lambda: lab.diff(NODE))
        assert [(each.content, each.rows) for each in whole] == [(each.fingerprint, each.rows) for each in whole]
        assert [each.rows for each in whole] == [96, 192]
        cut = journal(lab, lambda: lab.diff(NODE, start=T0 + HOUR, end=T0 + 2 * DAY))
        assert [(each.window, each.content, each.rows) for each in cut] == [
            (each.window, each.content, each.rows) for each in whole
        ]
        assert check(lab, cut) == ["differs"] * 2, "the damage is told"


# -- rollback ------------------------------------------------------------------------------------------------------


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


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))
