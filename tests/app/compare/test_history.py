"""What was believed over time, as users and programs see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from seamless_lab.app.compare.history_results import BarHistory, WindowHistory
from seamless_lab.app.lab import Lab
from seamless_lab.errors import InvalidTime, RequestError
from tests.app.compare.versions import FIRST_MS, NODE, shown
from tests.engine.artifacts.making import DAY, HEADER, T0, candidate, days, header_of


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
