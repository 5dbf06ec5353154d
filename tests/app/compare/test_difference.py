"""Comparing two versions, as users and programs see it."""

from __future__ import annotations

import json
import os
import shlex
from datetime import UTC, datetime

import pytest

from seamless_lab.app.compare.history_results import BarHistory
from seamless_lab.app.lab import Lab
from seamless_lab.app.render import html, text
from seamless_lab.app.render.view import Look
from seamless_lab.core.bars import VALUES
from seamless_lab.core.time import TimeRange, format_time
from seamless_lab.errors import NotFound, RequestError
from tests.app.compare.versions import FIRST_MS, NODE, OTHER, shown
from tests.engine.artifacts.making import DAY, HOUR, T0, Ticking, candidate, days, header_of, open_store


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
