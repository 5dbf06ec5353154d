"""A rollback and what the hot store holds: older knowledge does not undo it, later knowledge wins."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.ranges import Ranges
from seamless_lab.core.time import TimeRange
from tests.engine.one_day import BEGIN, DAY, FIRST, NODE, Home, dearer
from tests.engine.sources import Heard, ScriptedSource, scripted_lab

SECOND, THIRD = (TimeRange(BEGIN + n * DAY, BEGIN + (n + 1) * DAY) for n in (1, 2))


def test_a_rolled_back_restatement_stays_rolled_back_when_fetched_and_published(home: Home) -> None:
    before = home.closes(FIRST)
    home.restate(FIRST, by=0.5)
    assert (home.closes(FIRST) == before + 0.5).all()
    heard = Heard()
    home.lab.add_sink(heard)
    made = home.roll_back(1)
    assert (made.created, made.version.commit.seq) == (True, 3)
    assert made.version.commit.provenance["rollback_of"] == 1
    assert made.version.tree.fingerprint == home.version(1).tree.fingerprint
    told = heard.of("seamless.artifact.published")[-1].fields
    assert (told["seq"], told["rollback_of"]) == (3, 1)
    home.clock.advance(600)
    asked = len(home.source.asked)
    assert home.closes(FIRST).equals(before), "the hot store still holds the restatement, and must not win"
    home.lab.publish(NODE)
    assert home.version().commit.seq == 3
    assert len(home.source.asked) == asked


def test_a_restatement_that_waits_in_the_hot_store_does_not_undo_a_rollback(home: Home) -> None:
    before = home.closes(FIRST)
    home.restate(FIRST, by=0.5)
    home.ask_without_sealing(FIRST, by=0.75)
    home.roll_back(1)
    home.lab.publish(NODE)
    assert home.closes(FIRST).equals(before)
    assert home.version().commit.seq == 3


def test_what_is_observed_after_a_rollback_wins(home: Home) -> None:
    before = home.closes(FIRST)
    home.restate(FIRST, by=0.5)
    home.roll_back(1)
    home.restate(FIRST, by=2.0)
    assert (home.closes(FIRST) == before + 2.0).all()
    assert home.version().commit.seq == 4
    home.restate(FIRST, by=0.0)
    assert home.closes(FIRST).equals(before)
    assert home.version().commit.seq == 5


def test_days_that_a_rollback_takes_away_are_missing_and_are_asked_for_again(home: Home) -> None:
    home.lab.fetch(NODE, SECOND.start, SECOND.end)
    home.source.spoil = lambda frame: dearer(frame, 9.0)
    home.lab.fetch(NODE, THIRD.start, THIRD.end)
    home.source.spoil = lambda frame: frame
    home.clock.advance(60)
    home.roll_back(2)
    head = home.version()
    assert head.commit.withdrawn.answered == Ranges.single(THIRD)
    assert home.lab.coverage(NODE, THIRD.start, THIRD.end).coverage.slots(Cause.MISSING) == 1440
    home.lab.publish(NODE)
    assert home.version().commit.seq == head.commit.seq, "publishing what was observed before brings nothing back"
    home.clock.advance(60)
    asked = len(home.source.asked)
    again = home.lab.fetch(NODE, THIRD.start, THIRD.end)
    assert len(home.source.asked) > asked
    assert again.rows == 1440
    assert again.frame["close"].equals(again.frame["open"])
    assert not len(home.version().commit.withdrawn)


def test_a_fill_that_began_before_a_rollback_does_not_undo_it(home: Home) -> None:
    before = home.closes(FIRST)
    home.restate(FIRST, by=0.5)

    def spoil_and_roll_back(frame: pl.DataFrame) -> pl.DataFrame:
        home.clock.advance(1)
        target = home.version(1)
        home.lab.wiring.sealed.restore(target)
        return dearer(frame, 0.25)

    home.source.spoil = spoil_and_roll_back
    home.clock.advance(60)
    asked = len(home.source.asked)
    home.lab.backfill(NODE, FIRST.start, FIRST.start + 3_600, refresh=True)
    assert len(home.source.asked) == asked + 1
    home.source.spoil = lambda frame: frame
    assert home.closes(FIRST).equals(before)


def test_another_home_on_the_same_store_does_not_undo_a_rollback(tmp_path: Path) -> None:
    clock = ManualClock((BEGIN + 40 * DAY) * 1000)
    mine, theirs = ScriptedSource(clock), ScriptedSource(clock)
    shared = {"seamless__artifact__object_store_uri": str(tmp_path / "mine" / "artifacts")}
    with (
        scripted_lab(tmp_path / "mine", clock, mine) as one,
        scripted_lab(tmp_path / "theirs", clock, theirs, **shared) as other,
    ):
        here, there = Home(one, clock, mine), Home(other, clock, theirs)
        before = here.closes(FIRST)
        there.restate(FIRST, by=0.5)
        assert (here.closes(FIRST) == before + 0.5).all()
        there.ask_without_sealing(FIRST, by=0.75)
        here.roll_back(1)
        there.lab.publish(NODE)
        assert there.closes(FIRST).equals(before)
        there.restate(FIRST, by=2.0)
        assert (here.closes(FIRST) == before + 2.0).all()


def test_rolling_back_to_the_head_makes_no_commit(home: Home) -> None:
    made = home.roll_back(1)
    assert (made.created, made.version.commit.seq) == (False, 1)
    home.restate(FIRST, by=0.5)
    home.roll_back(1)
    again = home.roll_back(1)
    assert (again.created, again.version.commit.seq) == (False, 3)


def test_a_rollback_can_be_rolled_back(home: Home) -> None:
    home.restate(FIRST, by=0.5)
    restated = home.closes(FIRST)
    home.roll_back(1)
    home.clock.advance(60)
    made = home.roll_back(2)
    assert made.version.commit.seq == 4
    assert home.closes(FIRST).equals(restated)
    assert home.lab.verify(NODE).exit_code == 0
