"""A restatement that the hot store holds is sealed before a commit rounds observation times up past it."""

from __future__ import annotations

from seamless_lab.core.time import TimeRange
from seamless_lab.engine.artifacts.coarsen import LIMIT_RUNS
from tests.engine.one_day import BEGIN, DAY, FIRST, NODE, Home

JANUARY = BEGIN + 31 * DAY


def test_a_restatement_outlives_a_commit_that_is_coarsened(home: Home) -> None:
    before = home.lab.fetch(NODE, FIRST.start, FIRST.end).frame["close"]
    home.ask_without_sealing(FIRST, by=0.5)
    home.lab.fetch(NODE, BEGIN + 2 * DAY, BEGIN + 3 * DAY)
    assert home.waiting(FIRST) == 1440, "a small commit costs what it seals"
    minutes = [TimeRange(JANUARY + 60 * row, JANUARY + 60 * row + 60) for row in range(LIMIT_RUNS + 20)]
    home.ask_without_sealing(*minutes, by=0)
    many = home.lab.fetch(NODE, JANUARY, minutes[-1].end)
    assert many.rows == len(minutes), "what is sealed along is no part of the answer"
    assert home.waiting(FIRST) == 0
    assert (home.lab.fetch(NODE, FIRST.start, FIRST.end).frame["close"] == before + 0.5).all()


def test_a_publish_says_when_it_sealed_nothing_new(home: Home) -> None:
    home.ask_without_sealing(FIRST, by=0.5)
    sealed, again = home.lab.publish(NODE), home.lab.publish(NODE)
    assert (sealed.version.commit.seq, again.version.commit.seq) == (2, 2)
    assert ["Nothing new was sealed" in one.to_text() for one in (sealed, again)] == [False, True]
    assert ["nothing_new" in one.to_dict() for one in (sealed, again)] == [False, True]
    assert "Nothing new" not in home.lab.manifest(NODE).to_text()
