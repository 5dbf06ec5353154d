"""Looking: coverage, gaps, datasets, manifests, verification and budgets, as values and as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest

from seamless_lab.adapters.clock_system import ManualClock
from seamless_lab.core.coverage import Cause
from seamless_lab.core.policy import SLAPolicy
from seamless_lab.core.time import format_time_ms
from seamless_lab.errors import NotFound, SeamlessError, SourceUnavailable
from tests.engine.sources import ScriptedSource, scripted_lab
from tests.labs import NOW_MS, NOW_S

NODE, OTHER = "ohlcv:binance:BTC/USDT:1m", "ohlcv:binance:BTC/USDT:USDT:1h"
MINUTE, HOUR = NOW_S // 60 * 60, 3_600
START = MINUTE - 24 * HOUR


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def source(clock) -> ScriptedSource:
    return ScriptedSource(clock)


@pytest.fixture
def lab(tmp_path, clock, source):
    """A day of which the second hour is missing, the third failed twice, and the last two minutes are too young."""
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.fetch(NODE, START, START + HOUR)
        source.error = SourceUnavailable("the first try failed")
        lab.fetch(NODE, START, START + HOUR, strategy="FAIL_FAST")
        try_to_fill(lab)
        clock.advance(60)
        source.error = SourceUnavailable("the second try failed")
        try_to_fill(lab)
        source.error = None
        lab.fetch(NODE, START + 3 * HOUR, MINUTE)
        yield lab


def try_to_fill(lab) -> None:
    with pytest.raises(SourceUnavailable):
        lab.backfill(NODE, START + 2 * HOUR, START + 3 * HOUR)


def plain(result) -> dict:
    """The facts, which must be JSON already, without numpy or datetimes."""
    facts = result.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert list(epochs(facts)) == [], "in JSON a moment is text"
    assert result.to_text()
    assert result._repr_html_()
    return facts


def epochs(found: object) -> Iterator[object]:
    """Numbers that can only be moments; what a commit archives is shown as it is archived."""
    if isinstance(found, dict):
        yield from epochs([inner for name, inner in found.items() if name not in ("conformance", "provenance")])
    elif isinstance(found, list):
        for inner in found:
            yield from epochs(inner)
    elif isinstance(found, int | float) and found > START / 2:
        yield found


def iso(seconds: int) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_coverage_by_cause(lab) -> None:
    result = lab.coverage(NODE, START, MINUTE + 120)
    facts = plain(result)["coverage"]
    assert {cause: facts[cause]["bars"] for cause in map(str, Cause)} == {
        "present": 60 + 21 * 60 - 1,
        "quiet": 0,
        "missing": 60,
        "failed": 60,
        "pending": 3,
    }
    assert facts["missing"]["ranges"] == [[iso(START + HOUR), iso(START + 2 * HOUR)]]
    assert result.exit_code == 0
    assert result.fingerprint == lab.manifest(NODE).version.tree.fingerprint


def test_without_a_window_coverage_is_of_all_that_is_known(lab) -> None:
    window = lab.coverage(NODE).coverage.window
    assert window.start == START
    assert window.end in (MINUTE - 60, MINUTE)
    with pytest.raises(NotFound, match="Nothing is known"):
        lab.coverage("ohlcv:binance:ETH/USDT:1m")


def test_a_gap_carries_its_cause_its_latest_evidence_and_its_repair(lab) -> None:
    table = lab.gaps(NODE, START, MINUTE + 120)
    facts = plain(table)
    assert [(row["cause"], row["bars"]) for row in facts["gaps"]] == [("missing", 60), ("failed", 60)]
    assert [(row["cause"], row["bars"]) for row in facts["other"]] == [("pending", 3)]
    missing, failed, pending = *facts["gaps"], *facts["other"]
    assert (missing["error"], missing["asked_at"]) == ("", None)
    assert failed["error"] == "E-SOURCE-DOWN: the second try failed"
    assert failed["asked_at"] == format_time_ms(NOW_MS + 60_000)
    assert failed["repair"] == (
        f"seamless backfill {NODE} --start {dt.datetime.fromtimestamp(START + 2 * HOUR, dt.UTC):%Y-%m-%dT%H:%MZ} "
        f"--end {dt.datetime.fromtimestamp(START + 3 * HOUR, dt.UTC):%Y-%m-%dT%H:%MZ} {lab.place}"
    )
    assert pending["repair"] == ""
    assert table.exit_code == 1
    assert table.frame.schema["asked_at"] == pl.Datetime("us", "UTC")


def test_one_command_repairs_all_gaps_and_evidence_is_shown_without_its_code(lab) -> None:
    said = lab.gaps(NODE, START, MINUTE).to_text()
    first, last = (f"{dt.datetime.fromtimestamp(START + hours * HOUR, dt.UTC):%Y-%m-%dT%H:%MZ}" for hours in (1, 3))
    assert f"seamless backfill {NODE} --start {first} --end {last}" in said
    assert "the second try failed" in said
    assert "E-SOURCE-DOWN" not in said


def test_a_live_tail_that_was_not_final_says_so(lab, clock) -> None:
    window = (MINUTE + 600, MINUTE + 660)
    clock.advance(660)
    assert lab.fetch(NODE, *window, domain="live").rows == 1
    clock.advance(600)
    table = lab.gaps(NODE, *window)
    assert set(table.frame.filter(pl.col("cause") == "missing")["error"]) == {"delivered live, not final when asked"}
    assert "never asked" not in lab.coverage(NODE, *window).to_text()


def test_a_fetch_names_its_reference_in_json_too(lab) -> None:
    answer = lab.fetch(NODE, START, START + HOUR)
    facts = plain(answer)
    assert facts["ref"] == answer.ref == f"{NODE}@sha256:{facts['fingerprint'][:16]}"


def test_the_repair_repairs(lab) -> None:
    for row in lab.gaps(NODE, START, START + 4 * HOUR).frame.filter(pl.col("repair") != "").iter_rows(named=True):
        _, _, node, _, start, _, end = row["repair"].removesuffix(f" {lab.place}").split()
        assert lab.backfill(node, start, end).exit_code == 0
    assert lab.gaps(NODE, START, START + 4 * HOUR).exit_code == 0


def test_gaps_that_were_asked_for_in_parts_show_what_the_last_of_them_said(lab, source, clock) -> None:
    """One stretch of failed slots, asked for in two blocks: the newer failure is not hidden behind the older one."""
    source.error = SourceUnavailable("a third try, of the end only")
    clock.advance(60)
    with pytest.raises(SourceUnavailable):
        lab.backfill(NODE, START + 2 * HOUR + 1_800, START + 3 * HOUR)
    failed = lab.gaps(NODE, START, START + 4 * HOUR).frame.filter(pl.col("cause") == "failed")
    assert failed["error"].to_list() == ["E-SOURCE-DOWN: a third try, of the end only"]


def test_what_is_answered_next_door_does_not_hide_an_error(lab, source, clock) -> None:
    clock.advance(60)
    source.error = None
    lab.backfill(NODE, START + HOUR, START + 2 * HOUR + 600)
    failed = lab.gaps(NODE, START, START + 4 * HOUR).frame.filter(pl.col("cause") == "failed")
    assert failed["bars"].to_list() == [50]
    assert failed["error"].to_list() == ["E-SOURCE-DOWN: the second try failed"]


def test_a_sealed_read_of_what_the_version_does_not_hold_is_refused(lab) -> None:
    ref = lab.manifest(NODE).ref
    for window in ((START - 2 * HOUR, START - HOUR), (MINUTE + 2 * HOUR, MINUTE + 3 * HOUR)):
        for domain in ("backtest", "research"):
            held = lab.fetch(ref, *window, domain=domain)
            assert (held.exit_code, str(held.verdict), held.rows) == (1, "HOLD", 0)
            assert "the version holds [" in held.reasons[0].text
    assert lab.fetch(ref, START, START + 2 * HOUR, domain="research").exit_code == 0


def test_datasets_and_their_history(lab) -> None:
    lab.fetch(OTHER, START, START + 6 * HOUR)
    listed = plain(lab.artifacts())["artifacts"]
    assert [row["node"] for row in listed] == [NODE, OTHER]
    assert [row["seq"] for row in listed] == [2, 1]
    assert listed[0]["rows"] == 60 + 21 * 60 - 1
    history = plain(lab.artifacts(NODE))["artifacts"]
    assert [(row["seq"], row["rows"]) for row in history] == [(1, 60), (2, 60 + 21 * 60 - 1)]
    assert history[0]["as_of"] < history[1]["as_of"]
    assert lab.nodes() == sorted([NODE, OTHER])
    with pytest.raises(SeamlessError):
        lab.artifacts("ohlcv:binance:ETH/USDT:1m")


def test_a_manifest_has_every_field(lab) -> None:
    facts = plain(lab.manifest(f"{NODE}@seq:1"))
    assert facts["rows"] == 60
    assert facts["range"] == [iso(START), iso(START + HOUR)]
    assert facts["producer"]["node_id"] == NODE
    assert facts["producer"]["identity"]
    assert facts["producer"]["interval"] == 60
    assert facts["conformance"]["flags"] == {}
    assert facts["publication_watermark"].startswith(
        f"{dt.datetime.fromtimestamp(START + HOUR, dt.UTC):%Y-%m-%dT%H:%M}"
    )
    assert facts["observed_at"] == [[iso(START), iso(START + HOUR), format_time_ms(NOW_MS)]]
    assert facts["previous"] is None
    assert plain(lab.manifest(NODE))["previous"]
    assert lab.manifest(NODE).ref == lab.manifest(f"{NODE}@latest").ref


def test_a_manifest_as_text_is_words_within_the_width(lab) -> None:
    said = lab.manifest(NODE).to_text()
    assert not set("{}[']") & set(said.replace(str(lab.manifest(NODE).version.commit.bounds), ""))
    assert max(map(len, said.splitlines())) <= 100
    assert "stabilization bars" in said
    assert "watermark" not in said


def test_a_manifest_tells_warnings_too(lab, source) -> None:
    assert ", no flags\n" in lab.manifest(NODE).to_text()
    source.spoil = lambda frame: frame.with_columns(
        ts=pl.when(pl.int_range(pl.len()) == 3).then(pl.col("ts") + 7).otherwise("ts")
    )
    lab.fetch(NODE, START - HOUR, START)
    counts = plain(lab.manifest(NODE))["conformance"]["report"]["warnings"]
    assert counts
    said = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    assert f", warnings {said}" in lab.manifest(NODE).to_text()


def test_verification_names_what_is_damaged(lab, tmp_path) -> None:
    assert plain(lab.verify())["verified"] is True
    assert lab.verify(NODE).versions == 2
    assert lab.verify(f"{NODE}@seq:1").versions == 1
    file = next(tmp_path.rglob("*.parquet"))
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    report = lab.verify()
    assert report.exit_code == 1
    assert any(file.name in offender for offender in plain(report)["offenders"])


def test_budgets_and_percentiles(lab, source, clock) -> None:
    clock.advance(60)
    sla = SLAPolicy(max_wait_storage_ms=60_000, total_deadline_ms=90_000)
    with pytest.raises(SeamlessError):
        lab.fetch(NODE, START, START + 2 * HOUR, domain="research", as_of="seq:99", sla=sla)
    for _ in range(20):
        lab.fetch(NODE, START, START + HOUR, sla=sla)
    report = lab.sla(NODE, since="now")
    facts = plain(report)
    phases = {row["phase"]: row for row in facts["phases"]}
    assert phases["storage"]["budget_ms"] == 60_000
    assert phases["total"]["budget_ms"] == 90_000
    assert phases["backfill"]["budget_ms"] is None
    spent = report.fetches["storage_ms"].drop_nulls().sort()
    assert phases["storage"]["count"] == spent.len() >= 20
    assert phases["storage"]["p50_ms"] <= phases["storage"]["p95_ms"] <= phases["storage"]["p99_ms"]
    assert phases["storage"]["max_ms"] == spent.max()
    assert "E-NOT-FOUND" in report.fetches["verdict"].to_list(), "errors are fetches too"
    assert report.exit_code == 0
    assert plain(lab.sla(OTHER))["fetches"] == []
    assert lab.sla(NODE).fetches.height > report.fetches.height == 21


def test_the_budget_shown_is_the_one_that_all_fetches_of_a_phase_had(lab) -> None:
    lab.fetch(OTHER, START, START + HOUR)
    lab.sla(OTHER)  # waits for the log
    (one,), later_ms = lab.wiring.fetch_log.since(0, OTHER), NOW_MS + HOUR * 1000
    ran = [  # what each phase took, and its budgets
        ({"storage": 9.0, "backfill": 58.0, "total": 67.0}, {"storage": 300}),
        ({"storage": 9.0, "live": 5.0, "total": 9.0}, {"storage": 300, "backfill": 5_000, "live": 70, "total": 90}),
        ({"live": 5.0}, {"live": 80}),
    ]
    for phases_ms, budgets_ms in ran:
        lab.wiring.fetch_log.append(
            replace(one, node=str(NODE), at_ms=later_ms, phases_ms=phases_ms, budgets_ms=budgets_ms)
        )
    report = lab.sla(NODE, since=format_time_ms(later_ms))
    assert [(row["phase"], row["budget_ms"], row["mixed_budgets"]) for row in plain(report)["phases"]] == [
        ("storage", 300, False),
        ("backfill", None, False),
        ("live", None, True),
        ("total", None, True),
    ]
    shown = {line.split()[0]: line.split()[-2] for line in report.to_text().splitlines() if len(line.split()) > 1}
    assert [shown[phase] for phase in ("backfill", "live", "total")] == ["–", "mixed", "mixed"]


def test_the_median_of_two_fetches_is_their_mean(lab) -> None:
    lab.fetch(OTHER, START, START + HOUR)
    lab.sla(OTHER)  # waits for the log
    (one,), later_ms = lab.wiring.fetch_log.since(0, OTHER), NOW_MS + HOUR * 1000
    for storage_ms in (10.0, 20.0):
        lab.wiring.fetch_log.append(replace(one, node=str(NODE), at_ms=later_ms, phases_ms={"storage": storage_ms}))
    storage = lab.sla(NODE, since=format_time_ms(later_ms)).phases.row(0, named=True)
    assert (storage["phase"], storage["count"], storage["p50_ms"], storage["max_ms"]) == ("storage", 2, 15.0, 20.0)


def test_stretches_without_a_bar_are_those_of_the_coverage(lab) -> None:
    """Also where no ask touches them, and where many do."""
    table, found = lab.gaps(NODE, START - 3 * HOUR, MINUTE + 120), lab.coverage(NODE, START - 3 * HOUR, MINUTE + 120)
    expected = found.coverage.gaps(Cause.MISSING, Cause.FAILED, Cause.QUIET, Cause.PENDING)
    rows = table.frame.select(pl.col("start", "end").dt.epoch("s"), "cause", "bars").rows()
    assert rows == [(gap.window.start, gap.window.end, str(gap.cause), gap.slots) for gap in expected]
    assert table.frame["asked_at"].null_count() == 3, "missing twice, pending once"


def test_an_empty_home_is_looked_at_without_fuss(tmp_path, clock) -> None:
    with scripted_lab(tmp_path / "new", clock) as lab:
        assert plain(lab.artifacts())["artifacts"] == []
        assert plain(lab.verify())["objects"] == 0
        assert plain(lab.sla())["fetches"] == []
        assert lab.nodes() == []
        assert plain(lab.coverage(NODE, START, MINUTE))["coverage"]["missing"]["bars"] == 24 * 60 - 2
        assert plain(lab.gaps(NODE, START, MINUTE))["gaps"][0]["cause"] == "missing"
        for call in (lab.coverage, lab.gaps, lab.manifest, lab.publish, lab.artifacts):
            with pytest.raises(NotFound):
                call(NODE)


def test_what_failed_beyond_the_last_answer_is_a_gap_without_a_window_too(tmp_path, clock) -> None:
    source = ScriptedSource(clock)
    with scripted_lab(tmp_path, clock, source) as lab:
        lab.fetch(NODE, START, START + HOUR)
        source.error = SourceUnavailable("down")
        try_to_fill(lab)
        found = lab.gaps(NODE).to_dict()["gaps"]
        assert [(gap["cause"], gap["bars"]) for gap in found] == [("missing", 60), ("failed", 60)]
