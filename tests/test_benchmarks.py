"""Every row of the benchmarks runs at a tiny size, and a peer that is not there keeps its line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.rows  # noqa: F401  # registers the rows
from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.bench import ROWS, TINY, Bench
from benchmarks.measure import Kind, Measure, Row, floor, local, ours, race

ROOT = Path(__file__).resolve().parent.parent
NO_PEERS = "left out of the tests"
SLOW = ("backfill-year", "responsiveness")  # a dozen processes and an exchange each, tens of seconds at any size


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(TINY, why_no_peers=NO_PEERS) as made:
        yield made


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] if name in SLOW else []) for name in ROWS]
)
def test_row_runs_and_shows_the_peers_that_are_missing(bench: Bench, name: str) -> None:
    row = ROWS[name](bench)
    bench.close_peers()
    assert row.name == name
    assert row.checks
    mine = [measure for measure in row.measures if measure.kind is not Kind.PEER]
    assert [measure.error for measure in mine if measure.error] == []
    assert all((measure.wall_ms or 0.0) >= 0 for measure in mine)
    peers = [measure for measure in row.measures if measure.kind is Kind.PEER and measure.wall_ms is None]
    assert all(NO_PEERS in measure.error for measure in peers)


def test_contender_that_raises_is_out_with_its_reason_and_the_others_go_on() -> None:
    def broken() -> object:
        raise ValueError("no such thing")

    mine, theirs, bare = race([ours("a", list), local("b", broken), floor("c", list)], rounds=3)
    assert (mine.rounds, bare.rounds) == (3, 3)
    assert theirs == Measure(Kind.PEER, "b", error="ValueError: no such thing")


def test_goal_without_a_measurement_is_missed() -> None:
    row = Row("r", "work", [Measure(Kind.OURS, "a", 1.0, 1.0, 1), Measure(Kind.PEER, "b", error="gone")])
    row.against("a", "b", 2.0, "at most twice")
    assert [check.met for check in row.checks] == [False]
    assert "**missed**" in report.to_markdown(report.to_json([row], TINY))


def test_unknown_row_is_refused_with_the_list_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "no such row"]) == 2
    assert capsys.readouterr().out.split() == list(ROWS)


def test_page_is_what_the_kept_results_give() -> None:
    kept = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    assert [row["name"] for row in kept["rows"]] == list(ROWS)
    assert (ROOT / "docs" / "benchmarks.md").read_text() == report.to_markdown(kept)
